//! The documents of a project: what its people write. Not the vault, not this machine's state, not what
//! git ignores.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use crate::git::trouble::Trouble;
use crate::mesh::difference::FileChange;
use crate::mesh::subject::Subject;
use crate::project::content::{Content, Entry};
use crate::project::edit::set_key;
use crate::project::load::{INSTANCES, PRODUCTS};
use crate::project::profile_file::PROFILES;
use crate::project::stamp::Stamp;
use crate::project::test_file::TESTS;
use crate::project::{lock_file, project_file, write};

/// Documents at the top of a project.
const FILES: [&str; 2] = [project_file::FILE_NAME, lock_file::FILE_NAME];
/// Folders that hold documents.
const FOLDERS: [&str; 4] = [PRODUCTS, INSTANCES, PROFILES, TESTS];
/// What programs leave in such folders.
const LEFT_BY_PROGRAMS: [&str; 2] = [".git", "__pycache__"];
/// Names that begin like this are our own: state, and files that are being written.
const OWN: &str = ".resilmesh";
/// The key in the file of a plug by which Meshroom knows whether it is up.
const STATUS: &str = "status";
/// The mode of a symbolic link in a tree.
const LINK: i32 = 0o120_000;

/// What kind of file a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One that is read.
    Text,
    /// One that may be run.
    Program,
    /// A symbolic link; its bytes are where it leads.
    Link,
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What kind of file it is.
    pub kind: Kind,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl Document {
    /// A file with this text.
    pub fn text(text: &str) -> Self {
        Self { kind: Kind::Text, bytes: text.as_bytes().to_vec() }
    }
}

/// Documents by path below the project.
pub type Documents = BTreeMap<PathBuf, Document>;

/// Whether a path below a project is ignored.
pub type Ignores<'a> = &'a dyn Fn(&Path) -> Result<bool, Trouble>;

/// Where documents are, below a project.
pub(super) fn places() -> impl Iterator<Item = &'static str> {
    FILES.into_iter().chain(FOLDERS)
}

/// What below a project is ignored.
pub(super) struct Ignored<'a> {
    /// What was found, but for folders that are repositories of their own.
    pub(super) found: HashSet<PathBuf>,
    /// Answers for those.
    pub(super) elsewhere: Ignores<'a>,
}

/// The documents of a project as they were seen on disk.
#[derive(Debug)]
pub struct Seen {
    /// They.
    pub documents: Documents,
    stamps: Vec<(PathBuf, Option<Stamp>)>,
    since: SystemTime,
}

impl Seen {
    /// Whether nothing was changed in a project since. What was changed right before may have been
    /// changed again.
    pub fn is_current(&self, project: &Path) -> bool {
        self.stamps.iter().all(|(path, then)| {
            let now = project.join(path).symlink_metadata().ok().and_then(|there| Stamp::of(&there));
            now == *then && then.as_ref().is_none_or(|then| then.is_settled(self.since))
        })
    }
}

/// The documents of the project in this folder, but for what is ignored.
pub(super) fn on_disk(project: &Path, ignored: &Ignored<'_>) -> Result<Seen, Trouble> {
    let mut seen = Seen { documents: Documents::new(), stamps: Vec::new(), since: SystemTime::now() };
    for name in places() {
        collect(project, Path::new(name), ignored, false, &mut seen)?;
    }
    if !seen.documents.contains_key(Path::new(project_file::FILE_NAME)) {
        forget_status(&mut seen.documents);
    }
    Ok(seen)
}

/// In a project of Meshroom, files of plugs say whether these are up: that is state, and no document.
pub(super) fn forget_status(documents: &mut Documents) {
    for (path, document) in documents {
        if let (Subject::Plug { .. }, Ok(text)) = (Subject::of(path), str::from_utf8(&document.bytes))
            && text.contains(STATUS)
        {
            document.bytes = set_key(text, None, STATUS, None).into_bytes();
        }
    }
}

fn collect(
    project: &Path,
    path: &Path,
    ignored: &Ignored<'_>,
    elsewhere: bool,
    seen: &mut Seen,
) -> Result<(), Trouble> {
    let place = project.join(path);
    let failed = |error: io::Error| Trouble::io(&place, &error);
    let there = match place.symlink_metadata() {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            seen.stamps.push((path.to_owned(), None));
            return Ok(());
        }
        Err(error) => return Err(failed(error)),
    };
    seen.stamps.push((path.to_owned(), Stamp::of(&there)));
    if ignored.found.contains(path) || (elsewhere && (ignored.elsewhere)(path)?) {
        return Ok(());
    }
    if there.is_dir() {
        let names = fs::read_dir(&place).and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()
        });
        let names = names.map_err(failed)?;
        let elsewhere = elsewhere || names.iter().any(|name| name.as_bytes() == b".git");
        let is_document = |name: &&OsString| {
            !name.as_bytes().starts_with(OWN.as_bytes())
                && !LEFT_BY_PROGRAMS.iter().any(|left| name.as_bytes() == left.as_bytes())
        };
        for name in names.iter().filter(is_document) {
            collect(project, &path.join(name), ignored, elsewhere, seen)?;
        }
    } else if there.is_symlink() {
        let target = fs::read_link(&place).map_err(failed)?;
        let document = Document { kind: Kind::Link, bytes: target.into_os_string().into_vec() };
        seen.documents.insert(path.to_owned(), document);
    } else if there.is_file() {
        let kind = if there.permissions().mode() & 0o111 == 0 { Kind::Text } else { Kind::Program };
        let document = Document { kind, bytes: fs::read(&place).map_err(failed)? };
        seen.documents.insert(path.to_owned(), document);
    }
    Ok(())
}

/// A document out of a tree. The tree may have come with a clone: what it names must be a document.
pub(super) fn checked(path: &Path, mode: i32, bytes: &[u8]) -> Result<Document, Trouble> {
    let mut parts = path.components();
    let first = parts.next();
    let is = |known: &[&str]| known.iter().any(|name| first == Some(Component::Normal(name.as_ref())));
    let below: Vec<_> = parts.collect();
    let plain = below.iter().all(|part| matches!(part, Component::Normal(name) if *name != ".git"));
    if !plain || !(if below.is_empty() { is(&FILES) } else { is(&FOLDERS) }) {
        return Err(Trouble::new(format!("the snapshot is damaged: `{}` is no document of a project", path.display())));
    }
    let kind = match mode {
        LINK => Kind::Link,
        _ if mode & 0o111 != 0 => Kind::Program,
        _ => Kind::Text,
    };
    Ok(Document { kind, bytes: bytes.to_vec() })
}

/// What is different, in the form that is told in words of the mesh.
pub fn changes(before: &Documents, after: &Documents) -> Vec<FileChange> {
    let bytes = |documents: &Documents, path: &Path| {
        documents.get(path).map(|document| match Subject::of(path).has_content() {
            true => document.bytes.clone(),
            false => Vec::new(),
        })
    };
    let different = different(before, after);
    let change = |path: PathBuf| FileChange { before: bytes(before, &path), after: bytes(after, &path), path };
    different.into_iter().map(change).collect()
}

/// The paths of what is different.
pub fn different(before: &Documents, after: &Documents) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        before.iter().filter(|(path, own)| after.get(*path) != Some(*own)).map(|(path, _)| path.clone()).collect();
    paths.extend(after.keys().filter(|path| !before.contains_key(*path)).cloned());
    paths.sort();
    paths
}

/// Documents in the form in which files are compared line by line.
pub fn content(documents: &Documents) -> Content {
    let entry = |document: &Document| match document.kind {
        Kind::Link => Entry::Link { to: String::from_utf8_lossy(&document.bytes).into_owned() },
        kind => Entry::of_bytes(&document.bytes, kind == Kind::Program),
    };
    Content(documents.iter().map(|(path, own)| (path.to_string_lossy().into_owned(), entry(own))).collect())
}

/// What the documents of a project become when those of a snapshot are put back: what is ignored now
/// stays, and files at the top are never taken away.
///
/// # Errors
/// When what is ignored cannot be read.
pub fn target(present: &Documents, snapshot: Documents, ignores: Ignores<'_>) -> Result<Documents, Trouble> {
    let mut target = Documents::new();
    for (path, document) in snapshot {
        if !ignores(&path)? {
            target.insert(path, document);
        }
    }
    for name in FILES.map(PathBuf::from) {
        if let (false, Some(present)) = (target.contains_key(&name), present.get(&name)) {
            target.insert(name, present.clone());
        }
    }
    Ok(target)
}

/// Makes the documents of the project what they shall be; `present` is what they are.
///
/// # Errors
/// When a file cannot be written or removed. What was done till then is whole.
pub fn put_back(project: &Path, present: &Documents, target: &Documents) -> Result<(), Trouble> {
    let failed = |path: &Path| {
        let place = project.join(path);
        move |error: io::Error| Trouble::io(&place, &error)
    };
    for path in present.keys().filter(|path| !target.contains_key(*path)) {
        remove(project, path).map_err(failed(path))?;
    }
    for (path, document) in target.iter().filter(|(path, document)| present.get(*path) != Some(*document)) {
        put(project, path, document).map_err(failed(path))?;
    }
    Ok(())
}

fn remove(project: &Path, path: &Path) -> io::Result<()> {
    refuse_links(project, path)?;
    match fs::remove_file(project.join(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Folders that hold nothing any more; those of the project itself stay.
    let folders = path.ancestors().skip(1).filter(|folder| folder.components().count() > 1);
    for folder in folders {
        if fs::remove_dir(project.join(folder)).is_err() {
            break;
        }
    }
    Ok(())
}

fn put(project: &Path, path: &Path, document: &Document) -> io::Result<()> {
    refuse_links(project, path)?;
    let place = project.join(path);
    if document.kind == Kind::Link {
        let folder = place.parent().unwrap_or(project);
        fs::create_dir_all(folder)?;
        let aside = folder.join(format!("{OWN}-{}.tmp", std::process::id()));
        symlink(std::ffi::OsStr::from_bytes(&document.bytes), &aside)?;
        return fs::rename(&aside, &place);
    }
    if place.is_symlink() {
        fs::remove_file(&place)?;
    }
    write::replace(&place, &document.bytes)?;
    let mut permissions = fs::metadata(&place)?.permissions();
    let mode = permissions.mode();
    // Who may read it may run it.
    let wanted = if document.kind == Kind::Program { mode | ((mode & 0o444) >> 2) } else { mode & !0o111 };
    if wanted != mode {
        permissions.set_mode(wanted);
        fs::set_permissions(&place, permissions)?;
    }
    Ok(())
}

/// Nothing is written or removed through a link: it may lead out of the project.
fn refuse_links(project: &Path, path: &Path) -> io::Result<()> {
    for folder in path.ancestors().skip(1).filter(|folder| *folder != Path::new("")) {
        if project.join(folder).is_symlink() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("`{}` is a symbolic link; remove it", folder.display()),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE_IGNORED: Ignores<'static> = &|_| Ok(false);

    fn there(project: &Path) -> Documents {
        let ignored = Ignored { found: HashSet::new(), elsewhere: NONE_IGNORED };
        on_disk(project, &ignored).expect("read").documents
    }

    fn documents(files: &[(&str, Kind, &str)]) -> Documents {
        let one = |(path, kind, text): &(&str, Kind, &str)| {
            (PathBuf::from(path), Document { kind: *kind, ..Document::text(text) })
        };
        files.iter().map(one).collect()
    }

    #[test]
    fn documents_become_what_they_were() {
        let place = tempfile::tempdir().expect("temporary folder");
        let root = place.path();
        let first = documents(&[
            ("resilmesh.yaml", Kind::Text, "name: soc\n"),
            ("products/a/run.py", Kind::Program, "one"),
            ("products/a/link", Kind::Link, "run.py"),
            ("instances/a/x/config.yaml", Kind::Text, "name: x\n"),
        ]);
        let second = documents(&[
            ("products/a/run.py", Kind::Text, "two"),
            ("products/a/link", Kind::Text, "a file now"),
            ("products/b/c/d", Kind::Text, "new"),
        ]);
        put_back(root, &Documents::new(), &first).expect("put");
        assert_eq!(there(root), first);
        let target = target(&first, second, NONE_IGNORED).expect("target");
        assert!(target.contains_key(Path::new("resilmesh.yaml")), "files at the top are never taken away");
        put_back(root, &first, &target).expect("put");
        assert_eq!(there(root), target);
        assert!(!root.join("instances/a").exists() && root.join("instances").exists(), "empty folders go");
        put_back(root, &target, &first).expect("put");
        assert_eq!(there(root), first);
    }

    #[test]
    fn nothing_is_written_or_removed_through_a_link() {
        let (place, elsewhere) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
        fs::create_dir(place.path().join("products")).expect("folder");
        fs::write(elsewhere.path().join("mine"), "x").expect("write");
        symlink(elsewhere.path(), place.path().join("products/a")).expect("link");
        let inside = documents(&[("products/a/mine", Kind::Text, "y")]);
        let refused = put_back(place.path(), &Documents::new(), &inside).expect_err("a link");
        assert!(refused.what.contains("is a symbolic link"), "{refused}");
        put_back(place.path(), &inside, &Documents::new()).expect_err("a link");
        assert_eq!(fs::read_to_string(elsewhere.path().join("mine")).expect("read"), "x");
    }

    #[test]
    fn what_is_ignored_stays_as_it_is() {
        let snapshot = documents(&[("products/a/x", Kind::Text, "1"), ("products/a/y.local", Kind::Text, "2")]);
        let ignores = |path: &Path| Ok(path.extension().is_some_and(|own| own == "local"));
        let target = target(&Documents::new(), snapshot, &ignores).expect("target");
        assert_eq!(target.keys().collect::<Vec<_>>(), [Path::new("products/a/x")]);
    }
}
