//! Which files this program has written, and what: so that it knows them again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::content::Entry;

/// Files that were written during a command, by their paths as they were given.
#[derive(Debug, Clone, Default)]
pub struct Written(Arc<Mutex<BTreeMap<PathBuf, Entry>>>);

impl Written {
    /// Remembers what was written to a file.
    pub fn note(&self, path: &Path, text: &str) {
        self.0.lock().insert(path.to_owned(), Entry::text(text));
    }

    /// Whether that is what was written to the file last.
    pub fn has(&self, path: &Path, entry: &Entry) -> bool {
        self.0.lock().get(path) == Some(entry)
    }
}
