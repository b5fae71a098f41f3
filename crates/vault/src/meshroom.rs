//! Meshroom's vault: one message, `secrets.gpg`, that holds a JSON object of all secrets.

use std::path::Path;

use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use crate::error::VaultError;
use crate::{Keyring, Prompting, Result, Secret};

/// More than anybody keeps in one.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Reads all secrets of such a file, by their keys as Meshroom has them. Values that are no text come
/// as their JSON.
///
/// # Errors
/// When it cannot be read or decrypted, or holds something else.
pub fn read(path: &Path, keys: &Keyring) -> Result<Vec<(String, Secret)>> {
    let size = std::fs::metadata(path).map_err(VaultError::io("read", path))?.len();
    if size > LARGEST {
        return Err(VaultError::TooLarge { what: format!("`{}`", path.display()), largest: LARGEST });
    }
    let bytes = std::fs::read(path).map_err(VaultError::io("read", path))?;
    let plain = keys.decrypt(&bytes, path, LARGEST, Prompting::Allowed)?;
    parse(&plain, &format!("`{}`", path.display()))
}

/// Reads a JSON object of secrets; `place` is where it was read.
///
/// # Errors
/// When it is none.
pub fn parse(plain: &Secret, place: &str) -> Result<Vec<(String, Secret)>> {
    // What serde_json says may quote a value; where it is wrong is enough.
    let refused = |why: String| VaultError::Import { place: place.to_owned(), why };
    let document: Value = serde_json::from_slice(plain.expose())
        .map_err(|error| refused(format!("line {}, column {}: no JSON", error.line(), error.column())))?;
    match document {
        Value::Object(entries) => Ok(entries.into_iter().map(|(key, value)| (key, secret(value))).collect()),
        _ => Err(refused("it is not a JSON object".to_owned())),
    }
}

/// A value as a secret; what was in it is wiped.
fn secret(value: Value) -> Secret {
    match value {
        Value::String(text) => Secret::new(text),
        mut other => {
            let text = Zeroizing::new(other.to_string());
            wipe(&mut other);
            Secret::new(text.as_bytes())
        }
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(entries) => entries.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
