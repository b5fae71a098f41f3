//! Values from standard input.

use std::io::Read;

use zeroize::Zeroizing;

use crate::cli::failure::Failure;
use crate::vault::{Secret, VaultError};

/// A value from standard input, at most as large as a secret may be.
///
/// # Errors
/// When it cannot be read, is empty, or too large.
pub(super) fn value() -> Result<Secret, Failure> {
    // Its line end is no part of it.
    const LINE_END: u64 = 2;
    let largest = resilmesh_vault::DEFAULT_LARGEST;
    let value = read(largest + LINE_END)?.map(Secret::without_line_end);
    let value = value.filter(|value| value.len() as u64 <= largest).ok_or_else(|| too_large(largest))?;
    if value.is_empty() {
        return Err(Failure::usage("there is no value on standard input")
            .hint("on a terminal it is asked for; else pipe it in: `... | resilmesh secret set NAME -`"));
    }
    Ok(value)
}

/// All of standard input.
///
/// # Errors
/// When it cannot be read, or is larger than `largest`.
pub(super) fn all(largest: u64) -> Result<Secret, Failure> {
    read(largest)?.ok_or_else(|| too_large(largest))
}

fn too_large(largest: u64) -> Failure {
    VaultError::TooLarge { what: "standard input".to_owned(), largest }.into()
}

/// All of standard input; none if it is larger than `largest`.
fn read(largest: u64) -> Result<Option<Secret>, Failure> {
    let failed = |error| Failure::new(format!("standard input cannot be read: {error}"));
    let mut whole = Zeroizing::new(Vec::new());
    let mut part = Zeroizing::new(vec![0; 64 * 1024]);
    let mut input = std::io::stdin().lock();
    loop {
        let length = input.read(&mut part).map_err(failed)?;
        if length == 0 {
            return Ok(Some(Secret::new(std::mem::take(&mut *whole))));
        }
        if (whole.len() + length) as u64 > largest {
            return Ok(None);
        }
        let mut longer = Zeroizing::new(Vec::with_capacity(whole.len() + length));
        longer.extend_from_slice(&whole);
        longer.extend_from_slice(&part[..length]);
        whole = longer;
    }
}
