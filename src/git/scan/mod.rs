//! Secrets in clear: looked for in whatever is about to leave this machine.
//!
//! Two ways: values that are known to be secret, in any form they are likely to stand in, and text
//! that looks like a secret. Both take time linear in the text. A finding tells where, never what.

mod allow;
mod guess;
mod patterns;
mod values;

use std::path::{Path, PathBuf};

use serde::Serialize;

pub use allow::{ALLOW_FILE, AllowList, MARKER};
use patterns::Patterns;
pub use values::KnownSecret;
use values::Values;

use super::trouble::Trouble;

/// The most findings that are told of one file: a file full of keys has made its point.
const MOST: usize = 20;

/// A secret that stands in clear. Its value is not part of this.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The file, relative to the top of the repository.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What it is, such as `a private key` or `the secret edr/token`.
    pub kind: String,
    /// The commit that it stands in; none = not committed.
    pub commit: Option<String>,
    /// It is the value of a secret, not only something that looks like one.
    #[serde(skip)]
    pub is_known: bool,
}

fn as_text<S: serde::Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}

/// Looks for secrets in texts.
pub struct Scanner {
    values: Values,
    patterns: Patterns,
    allowed: AllowList,
}

impl std::fmt::Debug for Scanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scanner").finish_non_exhaustive()
    }
}

impl Scanner {
    /// One that knows these secrets.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(known: &[KnownSecret], allowed: AllowList) -> Result<Self, Trouble> {
        let failed = |error: String| Trouble::new(format!("secrets cannot be looked for: {error}"));
        Ok(Self { values: Values::new(known).map_err(failed)?, patterns: Patterns::new().map_err(failed)?, allowed })
    }

    /// The secrets in a file at `path` with this content, and in its name.
    pub fn file(&self, path: &Path, content: &[u8]) -> Vec<Finding> {
        let mut found = self.text(path, content, true);
        let name = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str());
        found.extend(self.values.find(name).into_iter().map(|(_, of)| Finding {
            // The name holds the value: only the folder can be told.
            path: path.parent().unwrap_or(Path::new("")).to_owned(),
            line: 1,
            column: 1,
            kind: format!("{of}, in the name of a file"),
            commit: None,
            is_known: true,
        }));
        found
    }

    /// The secrets in the message of a commit.
    pub fn message(&self, text: &[u8]) -> Vec<Finding> {
        self.text(Path::new("<message>"), text, false)
    }

    fn text(&self, path: &Path, content: &[u8], is_file: bool) -> Vec<Finding> {
        let mut at: Vec<(usize, String, bool)> =
            self.values.find(content).into_iter().map(|(at, of)| (at, of, true)).collect();
        if is_file && is_vault_file(path) {
            // Ciphertext looks like anything; that it is some is what matters.
            if !is_encrypted(content) {
                at.push((0, "a file of the vault that is not encrypted".to_owned(), true));
            }
        } else if !(is_file && self.allowed.allows(path)) {
            at.extend(self.patterns.find(content).into_iter().map(|(at, kind)| (at, kind.to_owned(), false)));
        }
        at.sort();
        at.dedup();
        let mut places = Places::new(content);
        let found = at.into_iter().filter_map(|(at, kind, is_known)| {
            let (line, column, allowed) = places.go(at);
            (!allowed).then(|| Finding { path: path.to_owned(), line, column, kind, commit: None, is_known })
        });
        found.take(MOST).collect()
    }
}

fn is_vault_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gpg")
}

/// An OpenPGP message or key: binary packets have the highest bit set in their first byte. An empty
/// file holds no secret.
fn is_encrypted(content: &[u8]) -> bool {
    content.is_empty() || content[0] & 0x80 != 0 || content.starts_with(b"-----BEGIN PGP ")
}

/// Lines and columns of offsets that are asked for in ascending order.
struct Places<'t> {
    text: &'t [u8],
    at: usize,
    start: usize,
    line: usize,
    column: usize,
    /// Whether the line allows what stands on it; none = not looked at yet.
    marked: Option<bool>,
}

impl<'t> Places<'t> {
    fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0, start: 0, line: 1, column: 1, marked: None }
    }

    /// Goes on to an offset: its line, its column, and whether the line is marked as allowed.
    fn go(&mut self, to: usize) -> (usize, usize, bool) {
        for (offset, byte) in self.text.iter().enumerate().take(to).skip(self.at) {
            if *byte == b'\n' {
                (self.line, self.column, self.start, self.marked) = (self.line + 1, 1, offset + 1, None);
            } else if byte & 0xC0 != 0x80 {
                self.column += 1;
            }
        }
        self.at = self.at.max(to);
        let rest = &self.text[self.start..];
        let marked = *self
            .marked
            .get_or_insert_with(|| allow::is_marked(rest.split(|byte| *byte == b'\n').next().unwrap_or_default()));
        (self.line, self.column, marked)
    }
}

#[cfg(test)]
mod tests;
