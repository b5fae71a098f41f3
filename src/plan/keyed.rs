//! Digests of what secrets are a part of. An open digest of a short password could be guessed by trying;
//! these need a key, which only this project on this machine has: `.resilmesh/key`.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::{fmt, fs};

use serde::Serialize;

use super::paths;
use crate::runtime::keyed::{self, LENGTH};

/// What digests are made with.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; LENGTH]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// One that nobody else has. With it, nothing is as it was under another key.
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// The key in a file; a new one, which is not on disk yet, if there is none, or what is there is no key.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn load(path: &Path) -> io::Result<Self> {
        match fs::read(path) {
            Ok(bytes) => Ok(<[u8; LENGTH]>::try_from(bytes).map_or_else(|_| Self::random(), Self)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::random()),
            Err(error) => Err(error),
        }
    }

    /// Writes it, unless it is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        if fs::read(path).is_ok_and(|there| there == self.0) { Ok(()) } else { paths::write_durably(path, &self.0) }
    }

    /// Digest of a value.
    pub fn digest(&self, value: &impl Serialize) -> String {
        // Maps with keys that are no text do not occur, so there is always a text.
        self.of_parts([serde_json::to_vec(value).unwrap_or_default().as_slice()])
    }

    /// Digest of files by path.
    pub fn files<'a>(&self, files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
        self.of_parts(files.into_iter().flat_map(|(path, content)| [path.as_bytes(), content]))
    }

    /// Each part with its length, so that what ends one cannot begin the next.
    fn of_parts<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> String {
        let measured = |part: &'a [u8]| [Cow::Owned((part.len() as u64).to_le_bytes().to_vec()), Cow::Borrowed(part)];
        keyed::digest(&self.0, parts.into_iter().flat_map(measured))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_digests_are_its_own() {
        let project = tempfile::tempdir().expect("a folder");
        let path = paths::StateFolder::of(project.path()).key();
        let key = Key::load(&path).expect("none yet");
        assert!(!path.exists(), "nothing is written before `save`");
        key.save(&path).expect("writable");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        let again = Key::load(&path).expect("readable");
        assert_eq!(again.digest(&"1234"), key.digest(&"1234"));
        assert_ne!(Key::random().digest(&"1234"), key.digest(&"1234"));
        assert_ne!(key.digest(&"1234"), key.digest(&"1235"));
        assert_eq!(format!("{key:?}"), "Key");
    }

    #[test]
    fn files_are_told_apart_by_path_and_content() {
        let key = Key::random();
        let of = |files: &[(&'static str, &'static str)]| {
            key.files(files.iter().map(|(path, content)| (*path, content.as_bytes())))
        };
        assert_eq!(of(&[("a", "x")]), of(&[("a", "x")]));
        assert_ne!(of(&[("a", "x")]), of(&[("a", "y")]));
        assert_ne!(of(&[("a", "xb"), ("c", "")]), of(&[("a", "x"), ("bc", "")]));
    }
}
