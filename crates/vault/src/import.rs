//! Secrets of other tools, as JSON: Meshroom's vault, and what `secret export` prints.

use std::path::Path;

use serde_json::{Map, Value};
use zeroize::Zeroize;

use crate::error::VaultError;
use crate::{Keyring, Prompting, Result, Secret};

/// More than anybody keeps in one document.
pub const LARGEST: u64 = 64 * 1024 * 1024;

/// The one version of the document there is.
const SCHEMA: u64 = 1;

/// Reads Meshroom's vault: one message, `secrets.gpg`, that holds a JSON object of all secrets, by
/// their keys as Meshroom has them. Values that are no text stay what they are: [`Secret::to_json`].
///
/// # Errors
/// When it cannot be read or decrypted, or holds something else.
pub fn meshroom(path: &Path, keys: &Keyring, prompting: Prompting) -> Result<Vec<(String, Secret)>> {
    let size = std::fs::metadata(path).map_err(VaultError::io("read", path))?.len();
    if size > LARGEST {
        return Err(VaultError::TooLarge { what: format!("`{}`", path.display()), largest: LARGEST });
    }
    let bytes = std::fs::read(path).map_err(VaultError::io("read", path))?;
    let plain = keys.decrypt(&bytes, path, LARGEST, prompting)?;
    Ok(secrets(object(&plain, &format!("`{}`", path.display()))?))
}

/// Reads `{"schema": 1, "secrets": {name: value}}`; `place` is where it was read.
///
/// # Errors
/// When it is none.
pub fn document(plain: &Secret, place: &str) -> Result<Vec<(String, Secret)>> {
    let mut document = object(plain, place)?;
    let secrets_of = document.remove("secrets");
    match (document.get("schema").and_then(Value::as_u64), secrets_of) {
        (Some(SCHEMA), Some(Value::Object(entries))) => Ok(secrets(entries)),
        (_, other) => {
            other.into_iter().for_each(|mut other| wipe(&mut other));
            let why = "it is not like {\"schema\": 1, \"secrets\": {\"name\": \"value\"}}".to_owned();
            Err(VaultError::Import { place: place.to_owned(), why })
        }
    }
}

fn object(plain: &Secret, place: &str) -> Result<Map<String, Value>> {
    // What serde_json says may quote a value; where it is wrong is enough.
    let refused = |why: String| VaultError::Import { place: place.to_owned(), why };
    let document: Value = serde_json::from_slice(plain.expose())
        .map_err(|error| refused(format!("line {}, column {}: no JSON", error.line(), error.column())))?;
    match document {
        Value::Object(entries) => Ok(entries),
        mut other => {
            wipe(&mut other);
            Err(refused("it is not a JSON object".to_owned()))
        }
    }
}

fn secrets(entries: Map<String, Value>) -> Vec<(String, Secret)> {
    entries.into_iter().map(|(key, value)| (key, secret(value))).collect()
}

/// A value as a secret; what was in it is wiped.
fn secret(value: Value) -> Secret {
    match value {
        Value::String(text) => Secret::new(text),
        mut other => {
            let secret = Secret::of_json(&other);
            wipe(&mut other);
            secret
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_and_anything_else_refused_without_a_value() {
        let read = |text: &str| document(&Secret::from(text), "standard input");
        let found = read(r#"{"schema": 1, "secrets": {"a": "one", "b/c": 2}}"#).expect("a document");
        assert_eq!(found, [("a".to_owned(), Secret::from("one")), ("b/c".to_owned(), Secret::of_json(&2.into()))]);
        for wrong in
            [r#"{"a": "hunter2"}"#, r#"{"schema": 2, "secrets": {"a": "hunter2"}}"#, "[\"hunter2\"]", "hunter2"]
        {
            let refused = read(wrong).expect_err("refused").to_string();
            assert!(
                refused.starts_with("standard input cannot be imported: ") && !refused.contains("hunter2"),
                "{refused}"
            );
        }
    }
}
