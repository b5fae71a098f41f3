//! Finding and reading the test files of a project.

use std::path::{Path, PathBuf};

use super::{Owner, TESTS, TestFile, decode, is_test_file};
use crate::project::decode::Report;
use crate::project::files::{Folder, Source};
use crate::project::load::PRODUCTS;
use crate::project::position::Diagnostic;
use crate::project::yaml;

/// The test files of a project, those of the mesh first, and everything that is wrong with them.
///
/// # Errors
/// When the project's folder cannot be opened.
pub fn load(root: &Path, wanted: impl Fn(&Path, &Owner) -> bool) -> std::io::Result<(Vec<TestFile>, Vec<Diagnostic>)> {
    let source = Folder::open(root)?;
    let (mut files, mut found) = (Vec::new(), Vec::new());
    let mut folders = vec![(PathBuf::from(TESTS), Owner::Project)];
    match source.entries(Path::new(PRODUCTS)) {
        Ok(entries) => folders.extend(
            entries.folders.into_iter().map(|name| (Path::new(PRODUCTS).join(&name).join(TESTS), Owner::Product(name))),
        ),
        Err(wrong) => found.push(wrong),
    }
    for (folder, owner) in folders {
        let names = match source.entries(&folder) {
            Ok(entries) => entries.files,
            Err(wrong) => {
                found.push(wrong);
                continue;
            }
        };
        for name in names.iter().filter(|name| is_test_file(name)) {
            let path = folder.join(name);
            if !wanted(&path, &owner) {
                continue;
            }
            match source.text(&path) {
                Ok(text) => files.extend(text.and_then(|text| read(path, owner.clone(), text, &mut found))),
                Err(wrong) => found.push(wrong),
            }
        }
    }
    Ok((files, found))
}

/// Reads one file; none if it is no YAML, which is noted.
pub fn read(path: PathBuf, owner: Owner, text: String, found: &mut Vec<Diagnostic>) -> Option<TestFile> {
    match yaml::parse(&text, &path) {
        Ok(node) => {
            let mut report = Report::new(&path);
            let cases = decode::cases(&node, &owner, &mut report);
            found.append(&mut report.found);
            Some(TestFile { path, owner, text, cases })
        }
        Err(mut wrong) => {
            found.append(&mut wrong);
            None
        }
    }
}
