//! The lines that git reads in a project: a project that was made without them gets what is missing.
//! Whatever its owner wrote stays, and decides.

use std::io::Write;
use std::path::{Path, PathBuf};

use git2::AttrCheckFlags;

use super::repository::Repository;
use super::trouble::Trouble;
use crate::project::write;

/// A path that git is to ignore or to keep, and the lines that see to it.
struct Ignored {
    sample: &'static str,
    is_ignored: bool,
    lines: &'static [&'static str],
}

/// What must not get into a commit, and what must.
const IGNORED: [Ignored; 4] = [
    Ignored { sample: ".resilmesh/journal.json", is_ignored: true, lines: &["/.resilmesh/"] },
    Ignored { sample: "secrets.gpg", is_ignored: true, lines: &["*.gpg", KEPT] },
    Ignored { sample: "secrets/a/b.gpg", is_ignored: false, lines: &[KEPT] },
    Ignored { sample: "secrets/a/.resilmesh-b", is_ignored: true, lines: &["/secrets/**/.resilmesh-*"] },
];
/// The vault is shared; whatever else is encrypted is not.
const KEPT: &str = "!/secrets/**/*.gpg";

/// Paths with the lines by which git merges them our way.
const MERGED: [(&str, &str); 5] = [
    ("resilmesh.yaml", "/resilmesh.yaml merge=resilmesh"),
    ("instances/a/b/config.yaml", "/instances/**/*.yaml merge=resilmesh"),
    ("products/a/definition.yaml", "/products/**/*.yaml merge=resilmesh"),
    ("products/a/definition.yml", "/products/**/*.yml merge=resilmesh"),
    ("secrets/a/b.gpg", "*.gpg binary merge=resilmesh-secret"),
];

/// Adds the lines that the project lacks; the files that were changed, by path below the project.
///
/// A line counts as there if git does what it is for, or if it is in the file in any form: taken back
/// with `!`, or put into a remark.
///
/// # Errors
/// When a file cannot be read or written.
pub fn complete(repository: &Repository) -> Result<Vec<PathBuf>, Trouble> {
    let mut ignored = Vec::new();
    for wanted in IGNORED {
        if repository.ignores(Path::new(wanted.sample))? != wanted.is_ignored {
            ignored.extend(wanted.lines);
        }
    }
    let mut merged = Vec::new();
    for (sample, line) in MERGED {
        let path = repository.from_project(Path::new(sample));
        if repository.inner.get_attr(&path, "merge", AttrCheckFlags::FILE_THEN_INDEX)?.is_none() {
            merged.push(line);
        }
    }
    let mut changed = Vec::new();
    for (file, lines) in [(".gitignore", ignored), (".gitattributes", merged)] {
        if add(&repository.project().join(file), lines)? {
            changed.push(PathBuf::from(file));
        }
    }
    Ok(changed)
}

/// Appends those of the lines that the file does not speak of; whether there are any.
fn add(file: &Path, lines: Vec<&str>) -> Result<bool, Trouble> {
    let before = super::changes::on_disk_content(file)?.unwrap_or_default();
    let Some(after) = appended(&before, lines) else { return Ok(false) };
    // What a link leads to belongs to somebody else.
    if file.is_symlink() {
        return Ok(false);
    }
    write::replace(file, after).map_err(|error| Trouble::io(file, &error))?;
    Ok(true)
}

fn appended(before: &[u8], lines: Vec<&str>) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(before);
    let bare = |line: &str| line.trim_start_matches(['#', '!', ' ']).trim_end().to_owned();
    let spoken: Vec<String> = text.lines().map(bare).collect();
    let mut new: Vec<&str> = Vec::new();
    for line in lines {
        if !spoken.contains(&bare(line)) && !new.contains(&line) {
            new.push(line);
        }
    }
    if new.is_empty() {
        return None;
    }
    let mut after = before.to_owned();
    if !after.is_empty() && !after.ends_with(b"\n") {
        after.push(b'\n');
    }
    // Writing to memory cannot fail.
    let _ = writeln!(after, "# Added by resilmesh\n{}", new.join("\n"));
    Some(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_added_after_those_that_are_there() {
        let text = |before: &str, lines: &[&str]| {
            appended(before.as_bytes(), lines.to_vec()).map(|after| String::from_utf8(after).expect("text"))
        };
        assert_eq!(text("", &["a", "b", "a"]).as_deref(), Some("# Added by resilmesh\na\nb\n"));
        assert_eq!(text("mine", &["a"]).as_deref(), Some("mine\n# Added by resilmesh\na\n"));
        assert_eq!(text("# /a/\n!b\n", &["/a/", "b"]), None, "its owner does not want them");
    }
}
