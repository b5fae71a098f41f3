//! What `resilmesh` says to a host.

use std::io::{self, BufRead, Read as _};

use resilmesh_hook_api::{LONGEST_LINE, ToHost};

/// The next message; none at the end of input. What cannot be understood is told to `warn` and left out.
///
/// # Errors
/// Those of reading, and `InvalidData` for a line that is too long.
pub fn read_message(input: &mut impl BufRead, warn: impl Fn(serde_json::Error)) -> io::Result<Option<ToHost>> {
    loop {
        let mut line = Vec::new();
        input.take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.len() > LONGEST_LINE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "resilmesh sent a line that is too long"));
        }
        match serde_json::from_slice(&line) {
            Ok(message) => return Ok(Some(message)),
            Err(error) => warn(error),
        }
    }
}
