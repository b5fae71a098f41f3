//! What may stand in clear although it looks like a secret.

use std::path::{Path, PathBuf};

/// On a line with this, nothing is found.
pub const MARKER: &str = "resilmesh:allow-secret";
/// The file of a project that names files in which things may look like secrets.
pub const ALLOW_FILE: &str = ".allow-secrets";

/// The files in which things may look like secrets. Known secrets are found in them all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList {
    paths: Vec<PathBuf>,
}

impl AllowList {
    /// Reads one path per line, relative to `base`; one of a folder stands for all below it. Lines
    /// that start with `#` are remarks.
    pub fn parse(text: &str, base: &Path) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self { paths: lines.map(|line| base.join(line.trim_start_matches('/'))).collect() }
    }

    /// With what another list allows.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.paths.extend(other.paths);
        self
    }

    /// Whether things in this file may look like secrets.
    pub fn allows(&self, path: &Path) -> bool {
        self.paths.iter().any(|allowed| path.starts_with(allowed))
    }
}

/// Whether a line says that what stands on it is no secret.
pub(super) fn is_marked(line: &[u8]) -> bool {
    memchr::memmem::find(line, MARKER.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_what_is_in_it() {
        let list = AllowList::parse("# keys for tests\n/products/x/tests\nREADME.md\n\n", Path::new("lab"));
        assert!(list.allows(Path::new("lab/products/x/tests/key.pem")) && list.allows(Path::new("lab/README.md")));
        assert!(
            !list.allows(Path::new("products/x/tests/key.pem")) && !list.allows(Path::new("lab/products/x/testsuite"))
        );
    }
}
