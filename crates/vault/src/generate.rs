//! Passwords that are made up.

use rand::seq::IndexedRandom as _;

use crate::error::VaultError;
use crate::{Result, Secret};

/// Letters and digits: they need no quoting anywhere.
pub const ALPHANUMERIC: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// How long a password is unless said otherwise: about 190 bits of letters and digits.
pub const LENGTH: usize = 32;

/// The longest that is made.
const LONGEST: usize = 4096;

/// Makes up a password of `length` characters of `alphabet`, each as likely as any other.
///
/// # Errors
/// When there is nothing to choose from, or too much is wanted.
pub fn password(length: usize, alphabet: &str) -> Result<Secret> {
    let mut characters: Vec<char> = alphabet.chars().collect();
    characters.sort_unstable();
    characters.dedup();
    if characters.len() < 2 {
        return Err(VaultError::Generate("its alphabet needs two characters at least"));
    }
    if characters.iter().any(|c| c.is_control()) {
        return Err(VaultError::Generate("its alphabet has a control character"));
    }
    if !(1..=LONGEST).contains(&length) {
        return Err(VaultError::Generate("its length must be between 1 and 4096"));
    }
    // With room for all, so that no copy is left behind by growing.
    let mut text = zeroize::Zeroizing::new(String::with_capacity(4 * length));
    let mut random = rand::rng();
    text.extend(std::iter::repeat_with(|| characters.choose(&mut random)).take(length).flatten());
    Ok(Secret::new(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_the_length_and_alphabet_that_are_asked_for() {
        let text = |secret: &Secret| secret.expose_text().expect("text").to_owned();
        let one = text(&password(LENGTH, ALPHANUMERIC).expect("possible"));
        assert_eq!(one.len(), 32);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{one}");
        assert_ne!(one, text(&password(LENGTH, ALPHANUMERIC).expect("possible")));
        let odd = text(&password(500, "aé!").expect("possible"));
        assert_eq!(odd.chars().count(), 500);
        assert!(["a", "é", "!"].iter().all(|one| odd.contains(one)), "{odd}");
    }

    #[test]
    fn weak_or_endless_passwords_are_refused() {
        for (length, alphabet) in [(0, ALPHANUMERIC), (4097, ALPHANUMERIC), (8, ""), (8, "aaa"), (8, "a\n")] {
            assert!(password(length, alphabet).is_err(), "{length} {alphabet:?}");
        }
    }
}
