//! Which files there are.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use globset::{Glob, GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};

/// Finds the files that patterns include and do not exclude.
#[derive(Debug, Clone)]
pub(super) struct Finder {
    include: Vec<Pattern>,
    exclude: GlobSet,
}

#[derive(Debug, Clone)]
struct Pattern {
    steps: Vec<Step>,
}

/// One step of the way to a file.
#[derive(Debug, Clone)]
enum Step {
    /// This name.
    Name(PathBuf),
    /// Every name that matches.
    Matching(GlobMatcher),
    /// Any number of folders.
    AnyDepth,
}

/// Folders below `**` are followed so deep at most.
const DEEPEST: usize = 32;

impl Finder {
    /// Finds what `include` names, except what `exclude` names; wildcards are `*`, `?`, `[..]`,
    /// `{..}` and, for any number of folders, `**`.
    ///
    /// # Errors
    /// When a pattern is malformed.
    pub(super) fn new(include: &[PathBuf], exclude: &[PathBuf]) -> Result<Self, String> {
        let include = include.iter().map(|path| Pattern::new(path)).collect::<Result<_, _>>()?;
        let mut builder = GlobSetBuilder::new();
        for path in exclude {
            builder.add(glob(&path.to_string_lossy())?);
        }
        Ok(Self { include, exclude: builder.build().map_err(|error| error.to_string())? })
    }

    /// The files that are there now, sorted.
    pub(super) fn find(&self) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        for pattern in &self.include {
            walk(PathBuf::new(), &pattern.steps, 0, &mut found);
        }
        found.retain(|path| !self.exclude.is_match(path));
        found
    }
}

impl Pattern {
    fn new(path: &Path) -> Result<Self, String> {
        let mut steps: Vec<Step> = Vec::new();
        for component in path.components() {
            let text = component.as_os_str().to_string_lossy();
            let step = match component {
                Component::Normal(_) if text == "**" => Step::AnyDepth,
                Component::Normal(_) if text.contains(['*', '?', '[', '{']) => {
                    Step::Matching(glob(&text)?.compile_matcher())
                }
                _ => Step::Name(component.as_os_str().into()),
            };
            steps.push(step);
        }
        Ok(Self { steps })
    }
}

fn glob(pattern: &str) -> Result<Glob, String> {
    GlobBuilder::new(pattern).literal_separator(true).build().map_err(|error| error.to_string())
}

fn walk(at: PathBuf, steps: &[Step], depth: usize, found: &mut BTreeSet<PathBuf>) {
    let Some((step, rest)) = steps.split_first() else {
        if at.is_file() {
            found.insert(at);
        }
        return;
    };
    match step {
        Step::Name(name) => walk(at.join(name), rest, depth, found),
        Step::Matching(matcher) => {
            for name in names(&at).filter(|name| matcher.is_match(name)) {
                walk(at.join(name), rest, depth, found);
            }
        }
        Step::AnyDepth => {
            walk(at.clone(), rest, depth, found);
            if depth < DEEPEST {
                // Links to folders are not followed: they may lead in a circle.
                for name in names(&at).filter(|name| is_folder(&at.join(name))) {
                    walk(at.join(name), steps, depth + 1, found);
                }
            }
        }
    }
}

fn names(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // A folder that is not there, or not for us, holds no files for us.
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name().into())
}

fn is_folder(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_included_and_not_excluded() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for file in ["a.log", "b.log", "b.log.gz", "sub/c.log", "sub/deep/d.log", "other.txt"] {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let find = |include: &[&str], exclude: &[&str]| -> Vec<String> {
            let paths = |patterns: &[&str]| patterns.iter().map(|p| root.join(p)).collect::<Vec<_>>();
            let finder = Finder::new(&paths(include), &paths(exclude)).unwrap();
            finder.find().iter().map(|p| p.strip_prefix(root).unwrap().display().to_string()).collect()
        };
        assert_eq!(find(&["*.log"], &[]), ["a.log", "b.log"]);
        assert_eq!(find(&["*.log", "b.log*"], &["a.*", "*.gz"]), ["b.log"]);
        assert_eq!(find(&["**/*.log"], &[]), ["a.log", "b.log", "sub/c.log", "sub/deep/d.log"]);
        assert_eq!(find(&["s*/c.log", "missing/*.log", "other.txt"], &[]), ["other.txt", "sub/c.log"]);
    }

    #[test]
    fn a_malformed_pattern_is_refused() {
        assert!(Finder::new(&["/var/log/[.log".into()], &[]).is_err());
    }
}
