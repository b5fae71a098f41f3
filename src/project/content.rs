//! What lies in a folder as one hash: any change of a name, a mode or a byte changes it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::code::Code;
use super::position::{Diagnostic, Mark, Position};
use super::rust_hooks;

/// Keeps this hash apart from every other one.
const DOMAIN: &[u8] = b"resilmesh trust 1\0";
/// More files than this are no product.
const MOST_FILES: usize = 20_000;
/// Deeper folders than this are no product.
const DEEPEST: usize = 64;
/// Texts up to this size are kept, so that a change can be shown.
const LARGEST_TEXT: u64 = 256 * 1024;

/// One file or link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Entry {
    /// A file.
    File {
        /// It may be run as a program.
        executable: bool,
        /// Bytes.
        size: u64,
        /// Of its content.
        sha256: String,
        /// Its content, if it is a text and not large.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// A symbolic link to something in the same folder.
    Link {
        /// Where it leads, as written.
        to: String,
    },
}

impl Entry {
    /// The entry of a text that is no file of its own.
    pub fn text(text: &str) -> Self {
        Self::of_bytes(text.as_bytes(), false)
    }

    /// The entry of a file that was read already.
    pub fn of_bytes(bytes: &[u8], executable: bool) -> Self {
        let size = bytes.len() as u64;
        let text = if size <= LARGEST_TEXT { std::str::from_utf8(bytes).ok() } else { None };
        Self::File { executable, size, sha256: hex(&Sha256::digest(bytes)), text: text.map(str::to_owned) }
    }

    /// The entry of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let seen = file.metadata()?;
        let (mut hash, mut size, mut kept) = (Sha256::new(), 0_u64, Vec::new());
        let mut part = vec![0; 64 * 1024];
        loop {
            let length = file.read(&mut part)?;
            if length == 0 {
                break;
            }
            hash.update(&part[..length]);
            size += length as u64;
            if size <= LARGEST_TEXT {
                kept.extend_from_slice(&part[..length]);
            }
        }
        let text = (size <= LARGEST_TEXT).then(|| String::from_utf8(kept).ok()).flatten();
        let executable = seen.permissions().mode() & 0o111 != 0;
        Ok(Self::File { executable, size, sha256: hex(&hash.finalize()), text })
    }

    fn digest(&self) -> (u8, &str) {
        match self {
            Self::File { executable: false, sha256, .. } => (b'f', sha256),
            Self::File { executable: true, sha256, .. } => (b'x', sha256),
            Self::Link { to } => (b'l', to),
        }
    }
}

/// All entries by path, `/` between the parts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Content(pub BTreeMap<String, Entry>);

impl Content {
    /// The hash, for what is called `name`.
    pub fn hash(&self, name: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        part(&mut hash, name);
        for (path, entry) in &self.0 {
            let (kind, content) = entry.digest();
            part(&mut hash, path);
            hash.update([kind]);
            part(&mut hash, content);
        }
        hex(&hash.finalize())
    }

    /// What lies in `folder`, which belongs to the project (or catalogue) in `root`; `shown` is what
    /// it is called in messages.
    ///
    /// # Errors
    /// What cannot be vouched for: links that lead out of the folder or nowhere, devices and the
    /// like, names that are no text, what cannot be read.
    pub fn of(root: &Path, folder: &Path, shown: &Path) -> Result<Self, Vec<Diagnostic>> {
        let mut walk = Walk { base: PathBuf::new(), shown, content: Self::default(), found: Vec::new() };
        match (root.canonicalize(), folder.canonicalize()) {
            (Ok(root), Ok(base)) if base.starts_with(&root) => {
                walk.base.clone_from(&base);
                walk.folder(&base, "", 0);
            }
            (Ok(_), Ok(_)) => walk.refuse("", "a symbolic link leads out of the project"),
            (Err(error), _) | (_, Err(error)) => walk.refuse("", &format!("cannot be opened: {error}")),
        }
        if walk.found.is_empty() { Ok(walk.content) } else { Err(walk.found) }
    }
}

/// Combines the hashes of several things into one.
pub fn whole<'a>(parts: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut hash = Sha256::new();
    hash.update(b"resilmesh trust 1 whole\0");
    for (name, own) in parts {
        part(&mut hash, name);
        part(&mut hash, own);
    }
    hex(&hash.finalize())
}

fn part(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Walk<'a> {
    /// The folder with no link on the way to it.
    base: PathBuf,
    shown: &'a Path,
    content: Content,
    found: Vec<Diagnostic>,
}

impl Walk<'_> {
    fn refuse(&mut self, path: &str, why: &str) {
        let place = if path.is_empty() { self.shown.to_owned() } else { self.shown.join(path) };
        self.found.push(
            Diagnostic::error(Position::new(place, Mark::START), why)
                .coded(Code::Untrusted)
                .with_hint("it cannot be trusted: put a plain file in its place"),
        );
    }

    fn folder(&mut self, folder: &Path, below: &str, depth: usize) {
        if depth > DEEPEST {
            return self.refuse(below, &format!("folders lie deeper than {DEEPEST} levels"));
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.refuse(below, &format!("cannot be listed: {error}")),
        };
        for entry in entries {
            match entry {
                Ok(entry) => match entry.file_name().into_string() {
                    Ok(name) if below.is_empty() => self.entry(&entry.path(), &name, depth),
                    Ok(name) => self.entry(&entry.path(), &format!("{below}/{name}"), depth),
                    Err(odd) => self.refuse(&odd.to_string_lossy(), "its name is not UTF-8"),
                },
                Err(error) => self.refuse(below, &format!("cannot be listed: {error}")),
            }
        }
    }

    fn entry(&mut self, path: &Path, name: &str, depth: usize) {
        if self.content.0.len() >= MOST_FILES {
            if self.found.is_empty() {
                self.refuse("", &format!("it has more than {MOST_FILES} files"));
            }
            return;
        }
        let read = match path.symlink_metadata().map(|seen| seen.file_type()) {
            // What cargo makes of a product's crate comes from its files, and is used nowhere.
            Ok(kind) if kind.is_dir() && rust_hooks::is_output(name) => return,
            Ok(kind) if kind.is_dir() => return self.folder(path, name, depth + 1),
            Ok(kind) if kind.is_symlink() => return self.link(path, name),
            Ok(kind) if kind.is_file() => Entry::read(path),
            Ok(_) => return self.refuse(name, "neither a file nor a folder"),
            Err(error) => Err(error),
        };
        match read {
            Ok(entry) => drop(self.content.0.insert(name.to_owned(), entry)),
            Err(error) => self.refuse(name, &format!("cannot be read: {error}")),
        }
    }

    /// What a link leads to is hashed under its own name; so it has to lie in this folder.
    fn link(&mut self, path: &Path, name: &str) {
        match path.canonicalize() {
            Ok(target) if target.starts_with(&self.base) => {
                match fs::read_link(path).map(|to| to.into_os_string().into_string()) {
                    Ok(Ok(to)) => drop(self.content.0.insert(name.to_owned(), Entry::Link { to })),
                    _ => self.refuse(name, "a symbolic link cannot be read"),
                }
            }
            Ok(target) => {
                self.refuse(name, &format!("a symbolic link leads out of the product, to `{}`", target.display()))
            }
            Err(error) => self.refuse(name, &format!("a symbolic link leads nowhere: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn place(files: &[(&str, &str)]) -> tempfile::TempDir {
        let place = tempfile::tempdir().expect("temporary folder");
        for (path, text) in files {
            let path = place.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
            fs::write(path, text).expect("write");
        }
        place
    }

    fn hash(place: &Path) -> String {
        Content::of(place, &place.join("p"), Path::new("products/p")).expect("content").hash("p")
    }

    #[test]
    fn every_change_changes_the_hash() {
        let files = [("p/a", "one"), ("p/b/c", "two")];
        let first = place(&files);
        assert_eq!(hash(first.path()), hash(place(&files).path()), "it is bound to the content, not to the place");
        let mut seen = vec![hash(first.path())];
        let change = |what: &str| {
            let (place, p) = (place(&files), Path::new("p"));
            let at = |name: &str| place.path().join(p).join(name);
            match what {
                "byte" => fs::write(at("a"), "onf"),
                "mode" => fs::set_permissions(at("a"), fs::Permissions::from_mode(0o755)),
                "name" => fs::rename(at("a"), at("d")),
                "moved" => fs::write(at("a"), "onetwo").and_then(|()| fs::write(at("b/c"), "")),
                "hidden" => fs::write(at(".a"), ""),
                "link" => fs::remove_file(at("a")).and_then(|()| symlink("b/c", at("a"))),
                _ => fs::remove_file(at("b/c")),
            }
            .expect("changed");
            hash(place.path())
        };
        for what in ["byte", "mode", "name", "moved", "hidden", "link", "gone"] {
            let now = change(what);
            assert!(!seen.contains(&now), "{what}");
            seen.push(now);
        }
        let content = Content::of(first.path(), &first.path().join("p"), Path::new("p")).expect("content");
        assert_ne!(content.hash("p"), content.hash("q"));
    }

    #[test]
    fn a_crate_of_hooks_counts_but_for_what_cargo_makes_of_it() {
        let crate_of = |more: &[(&str, &str)]| {
            let files = [&[("p/hooks/Cargo.toml", "x"), ("p/hooks/build.rs", "y")], more].concat();
            hash(place(&files).path())
        };
        let plain = crate_of(&[]);
        assert_eq!(plain, crate_of(&[("p/hooks/target/debug/x", "made")]));
        for other in ["p/hooks/src/main.rs", "p/hooks/.cargo/config.toml", "p/hooks/prebuilt/t/host", "p/target/x"] {
            assert_ne!(plain, crate_of(&[(other, "z")]), "{other}");
        }
    }

    #[test]
    fn what_cannot_be_vouched_for_is_named() {
        let place = place(&[("p/a", ""), ("q/b", "")]);
        let p = place.path().join("p");
        symlink("/etc/passwd", p.join("out")).expect("link");
        symlink("../q/b", p.join("other")).expect("link");
        symlink("missing", p.join("nowhere")).expect("link");
        symlink("a", p.join("inside")).expect("link");
        nix::unistd::mkfifo(&p.join("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("fifo");
        let found = Content::of(place.path(), &p, Path::new("products/p")).expect_err("four");
        let mut found: Vec<String> = found
            .iter()
            .map(|found| format!("{}: {}", found.at.as_ref().expect("a place").file.display(), found.message))
            .collect();
        found.sort();
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[0].starts_with("products/p/nowhere: a symbolic link leads nowhere"), "{found:?}");
        assert!(found[1].starts_with("products/p/other: a symbolic link leads out of the product"), "{found:?}");
        assert!(
            found[2].starts_with("products/p/out: a symbolic link leads out of the product, to `/etc/passwd`"),
            "{found:?}"
        );
        assert_eq!(found[3], "products/p/pipe: neither a file nor a folder");
    }
}
