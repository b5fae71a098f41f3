//! Proof that a file of ours was written by us.
//!
//! The state of a service says which program to start. A cloned repository may bring a
//! `.resilmesh` folder with it, so a state counts only with a proof made with a key that lies
//! outside of all projects and that only this user on this machine has.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::layout::{check_private, make_private, shared_base};
use crate::runtime::keyed;

/// The secret that proofs are made with.
pub(crate) struct Key([u8; keyed::LENGTH]);

impl Key {
    /// The proof for some content. No proof can be made from another one.
    pub(crate) fn proof(&self, content: &[u8]) -> String {
        keyed::digest(&self.0, [content])
    }
}

/// A name for a folder below a project's `.resilmesh` that who made the project cannot have known.
///
/// # Errors
/// When the key of this user cannot be read or made.
pub fn private_name(what: &[u8]) -> io::Result<String> {
    let mut name = key()?.proof(what);
    name.truncate(16);
    Ok(name)
}

/// The key of this user on this machine, made when there is none.
pub(crate) fn key() -> io::Result<Key> {
    key_in(&folder()?)
}

/// `$XDG_STATE_HOME/resilmesh`, in `~/.local/state` without; a user without a home has it in `/tmp`.
fn folder() -> io::Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = variable("XDG_STATE_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/state")));
    let Some(state) = state else {
        let shared = shared_base();
        make_private(&shared)?;
        return Ok(shared);
    };
    std::fs::create_dir_all(&state)?;
    Ok(state.join("resilmesh"))
}

fn key_in(folder: &Path) -> io::Result<Key> {
    make_private(folder)?;
    check_private(folder)?;
    let path = folder.join("key");
    loop {
        match OpenOptions::new().read(true).open(&path) {
            Ok(mut file) => {
                let mut key = [0; 32];
                file.read_exact(&mut key)?;
                return Ok(Key(key));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(folder, &path)?,
            Err(error) => return Err(error),
        }
    }
}

/// Whole or not at all, and never over a key that somebody else has just made.
fn make_key(folder: &Path, path: &Path) -> io::Result<()> {
    let mut new = [0; 32];
    OpenOptions::new().read(true).open("/dev/urandom")?.read_exact(&mut new)?;
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    file.write_all(&new)?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_for_one_content_and_one_key() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
        let key = key_in(&ours).expect("key");
        assert_eq!(key.proof(b"a"), key_in(&ours).expect("the same key").proof(b"a"));
        assert_ne!(key.proof(b"a"), key.proof(b"b"));
        assert_ne!(key.proof(b"a"), key_in(&theirs).expect("key").proof(b"a"));
    }
}
