//! Files that are either wholly there or not.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes a file so that a reader, also after a crash, finds the old content or the new, never a
/// part. Readable by its owner only.
///
/// # Errors
/// When the folder is missing, full or not ours to write in.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", uuid::Uuid::new_v4().simple()));
    let new = path.with_file_name(name);
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| std::fs::rename(&new, path));
    if written.is_err() {
        // It may never have been made; nothing else is to be done about it.
        let _ = std::fs::remove_file(&new);
    }
    written
}
