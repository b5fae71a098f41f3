//! Secrets in clear: looked for in whatever is about to leave this machine.
//!
//! Two ways: values that are known to be secret, in any form they are likely to stand in, and text
//! that looks like a secret. Both take time linear in the text. A finding tells where, never what.

mod allow;
mod guess;
mod patterns;
mod readings;
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
/// What stands in a shown name for a secret.
const MASK: &str = "***";
/// What is said of a file that is no ciphertext and should be.
const UNENCRYPTED: &str = "a file of the vault that is not encrypted";
/// What is not looked for in bytes that may be no text at all.
const NEEDS_TEXT: [&str; 2] = [guess::KIND, UNENCRYPTED];

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
        found.extend(self.name_of_file(path));
        found
    }

    /// The secrets in the message of a commit.
    pub fn message(&self, text: &[u8]) -> Vec<Finding> {
        self.text(Path::new("<message>"), text, false)
    }

    /// The secrets in the message of a tag; `name` is the tag's, which is told unless it has one in it.
    pub fn message_of_tag(&self, name: &str, text: &[u8]) -> Vec<Finding> {
        let place = if name.is_empty() || !self.name_of_reference(name).is_empty() {
            "<message of a tag>".to_owned()
        } else {
            format!("<message of tag {name}>")
        };
        self.text(Path::new(&place), text, false)
    }

    /// The secrets in the name of a branch or tag.
    pub fn name_of_reference(&self, name: &str) -> Vec<Finding> {
        let mut found = self.text(Path::new("<name of a branch or tag>"), name.as_bytes(), false);
        found.truncate(1);
        found
    }

    /// The secrets in the name of a file. A place is told with the value taken out.
    fn name_of_file(&self, path: &Path) -> Vec<Finding> {
        let name = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str());
        let mut spans = self.values.spans(name);
        let known: std::collections::BTreeSet<String> = spans.iter().map(|(_, kind)| kind.clone()).collect();
        if !self.allowed.allows(path) {
            let tokens = self.patterns.spans(name).into_iter().filter(|(_, kind)| *kind != guess::KIND);
            spans.extend(tokens.map(|(span, kind)| (span, kind.to_owned())));
        }
        let masked = masked(name, spans.iter().map(|(span, _)| span.clone()));
        let kinds: std::collections::BTreeSet<String> = spans.into_iter().map(|(_, kind)| kind).collect();
        let found = kinds.into_iter().map(|kind| Finding {
            path: masked.clone(),
            line: 1,
            column: 1,
            is_known: known.contains(&kind),
            kind: format!("{kind}, in the name of this file (there as {MASK})"),
            commit: None,
        });
        found.collect()
    }

    fn text(&self, path: &Path, content: &[u8], is_file: bool) -> Vec<Finding> {
        let mut found = self.as_it_is(path, content, is_file);
        for reading in readings::others(content) {
            let more = self.as_it_is(path, &reading.text, is_file);
            let told = |more: &Finding| found.iter().any(|found: &Finding| found.kind == more.kind);
            // A guess at what is a password takes a text that is surely one.
            let new = |more: &Finding| !told(more) && (reading.is_sure || !NEEDS_TEXT.contains(&more.kind.as_str()));
            let more: Vec<Finding> = more.into_iter().filter(new).collect();
            found.extend(more);
        }
        found.truncate(MOST);
        found
    }

    fn as_it_is(&self, path: &Path, content: &[u8], is_file: bool) -> Vec<Finding> {
        let mut at: Vec<(usize, String, bool)> =
            self.values.find(content).into_iter().map(|(at, of)| (at, of, true)).collect();
        if is_file && is_vault_file(path) {
            // Ciphertext looks like anything; that it is some is what matters.
            if !is_encrypted(content) {
                at.push((0, UNENCRYPTED.to_owned(), true));
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

/// A name with something else in place of these parts of it.
fn masked(name: &[u8], parts: impl Iterator<Item = std::ops::Range<usize>>) -> PathBuf {
    let mut hidden = vec![false; name.len()];
    parts.for_each(|part| hidden[part].fill(true));
    let mut shown = Vec::new();
    for (index, byte) in name.iter().enumerate() {
        match hidden[index] {
            false => shown.push(*byte),
            true if index == 0 || !hidden[index - 1] => shown.extend(MASK.as_bytes()),
            true => {}
        }
    }
    <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&shown).into()
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
