//! New projects: empty ones, and copies of the examples that are built in.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::project::load::{INSTANCES, PRODUCTS};
use crate::project::project_file::FILE_NAME;
use crate::project::schema::editor::with_modeline;
use crate::project::write;

static EXAMPLES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/examples");

/// The names of the examples, sorted.
pub fn examples() -> Vec<&'static str> {
    let mut names: Vec<&str> = EXAMPLES.dirs().filter_map(|dir| dir.path().to_str()).collect();
    names.sort_unstable();
    names
}

/// The files of an example, by path.
pub fn example(name: &str) -> Option<BTreeMap<PathBuf, String>> {
    let dir = EXAMPLES.dirs().find(|dir| dir.path().to_str() == Some(name))?;
    let mut files = BTreeMap::new();
    collect(dir, name, &mut files);
    files.extend(git_files());
    Some(files)
}

fn collect(dir: &Dir<'static>, name: &str, files: &mut BTreeMap<PathBuf, String>) {
    for file in dir.files() {
        if let (Ok(path), Some(text)) = (file.path().strip_prefix(name), file.contents_utf8()) {
            files.insert(path.to_owned(), with_modeline(text, path));
        }
    }
    for below in dir.dirs() {
        collect(below, name, files);
    }
}

/// The files of a project with nothing in it.
pub fn empty(name: &str) -> BTreeMap<PathBuf, String> {
    let quoted = write::inline(&name.into());
    let readme = include_str!("../../../templates/project/README.md").replace("{{ name }}", name);
    let mut files = BTreeMap::from([
        (PathBuf::from(FILE_NAME), with_modeline(&format!("name: {quoted}\nversion: 1\n"), Path::new(FILE_NAME))),
        (PathBuf::from("README.md"), readme),
    ]);
    files.extend(git_files());
    files
}

/// What git is told about the files of every project.
fn git_files() -> [(PathBuf, String); 2] {
    [
        (".gitignore", include_str!("../../../templates/project/gitignore")),
        (".gitattributes", include_str!("../../../templates/project/gitattributes")),
    ]
    .map(|(name, text)| (name.into(), text.to_owned()))
}

/// Writes the files into `root`, with the folders that make it a project.
///
/// # Errors
/// When the disk refuses.
pub fn create(root: &Path, files: &BTreeMap<PathBuf, String>) -> io::Result<()> {
    for folder in [PRODUCTS, INSTANCES] {
        std::fs::create_dir_all(root.join(folder))?;
        // git keeps no empty folders.
        if !files.keys().any(|path| path.starts_with(folder)) {
            write::replace(&root.join(folder).join(".gitkeep"), "")?;
        }
    }
    for (path, text) in files {
        write::replace(&root.join(path), text)?;
    }
    Ok(())
}
