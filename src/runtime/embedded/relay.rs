//! What stands between a service and its log, and takes secrets out: a process of its own for each
//! service, which outlives the supervisor and ends when nobody is left who prints.
//!
//! It learns the secrets from the files that the services are given, and looks again before every
//! piece, so that a new one is known before a service can print it. A full disk costs lines of the
//! log, but never stops the service.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};

use crate::redact::{Filter, Redactor};

/// A larger file in the folder is no secret of a service.
const LARGEST: u64 = 1 << 20;
/// The clock of a file system stands still for so long at most.
const TICK: Duration = Duration::from_millis(50);

/// Copies standard input to standard output until it ends.
///
/// # Errors
/// When standard input cannot be read.
pub fn relay(secrets: &Path) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _guard = runtime.enter();
    // Whoever stops everything shall still find the last lines in the log: it ends with its input.
    let _ignored = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    copy(&mut input, &mut output, &mut Secrets::new(secrets))
}

fn copy(input: &mut impl Read, output: &mut impl Write, secrets: &mut Secrets) -> io::Result<()> {
    let mut filter = Filter::new(Arc::new(Redactor::new([])));
    let (mut piece, mut out) = (vec![0; 64 * 1024], Vec::new());
    loop {
        let length = match input.read(&mut piece) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            length => length?,
        };
        out.clear();
        if let Some(redactor) = secrets.changed() {
            filter.replace(redactor, &mut out);
        }
        if length == 0 {
            filter.finish(&mut out);
        } else {
            filter.push(&piece[..length], &mut out);
        }
        // What cannot be written is lost: the service must not wait for room on the disk.
        let _ = output.write_all(&out).and_then(|()| output.flush());
        if length == 0 {
            return Ok(());
        }
    }
}

/// The secrets of a folder, `<instance>/<key>`.
struct Secrets {
    folder: PathBuf,
    /// When the folder and those in it were changed last; none = it has to be read again.
    read: Option<Vec<(u64, SystemTime)>>,
    /// All there are and were: an old one may still be printed.
    known: BTreeSet<(String, String)>,
}

impl Secrets {
    fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), read: None, known: BTreeSet::new() }
    }

    /// What hides all of them, if there are more than at the last call.
    fn changed(&mut self) -> Option<Arc<Redactor>> {
        let folders = self.folders();
        let stamps: Vec<(u64, SystemTime)> = folders.iter().filter_map(|folder| stamp(folder)).collect();
        if self.read.as_ref() == Some(&stamps) {
            return None;
        }
        let before = self.known.len();
        for instance in &folders[1..] {
            for file in entries(instance) {
                self.known.extend(secret(instance, &file));
            }
        }
        // What is changed within the same tick of the clock has the same time.
        let settled = |changed: &SystemTime| changed.elapsed().is_ok_and(|passed| passed > TICK);
        self.read = stamps.iter().all(|(_, changed)| settled(changed)).then_some(stamps);
        let known = self.known.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        (self.known.len() > before).then(|| Arc::new(Redactor::new(known)))
    }

    /// The folder itself and those in it.
    fn folders(&self) -> Vec<PathBuf> {
        let below =
            entries(&self.folder).into_iter().filter(|path| path.symlink_metadata().is_ok_and(|seen| seen.is_dir()));
        [self.folder.clone()].into_iter().chain(below).collect()
    }
}

fn stamp(folder: &Path) -> Option<(u64, SystemTime)> {
    let seen = folder.symlink_metadata().ok()?;
    Some((seen.ino(), seen.modified().ok()?))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries
}

/// Name and value. A file that is just being written has a name that begins with a dot.
fn secret(instance: &Path, file: &Path) -> Option<(String, String)> {
    let name = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
    let (instance, key) = (name(instance)?, name(file).filter(|key| !key.starts_with('.'))?);
    let seen = file.symlink_metadata().ok()?;
    let text = (seen.is_file() && seen.len() <= LARGEST).then(|| std::fs::read_to_string(file).ok()).flatten()?;
    Some((format!("{instance}/{key}"), text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(folder: &Path, key: &str, value: &str) {
        std::fs::create_dir_all(folder.join("bus")).expect("folder");
        std::fs::write(folder.join("bus").join(key), value).expect("write");
    }

    #[test]
    fn a_secret_that_is_new_is_hidden_from_its_first_line_on() {
        let folder = tempfile::tempdir().expect("folder");
        let secrets = folder.path().join("secrets");
        put(&secrets, "password", "hunter2!\n");
        let mut known = Secrets::new(&secrets);
        // Each piece is read only after the one before was written: a pipe between two threads.
        let (reader, mut writer) = io::pipe().expect("pipe");
        let (mut shown, show) = io::pipe().expect("pipe");
        let relay = std::thread::spawn(move || copy(&mut { reader }, &mut { show }, &mut known));
        let mut line = |text: &str| {
            writer.write_all(text.as_bytes()).expect("write");
            let mut seen = Vec::new();
            while !seen.ends_with(b"\n") {
                let mut byte = [0];
                shown.read_exact(&mut byte).expect("read");
                seen.extend(byte);
            }
            String::from_utf8(seen).expect("UTF-8")
        };
        assert_eq!(line("it is hunter2!\n"), "it is [secret bus/password]\n");
        put(&secrets, "password", "correct horse");
        put(&secrets, "token", "battery staple");
        let both = line("hunter2! correct horse battery staple\n");
        assert_eq!(both, "[secret bus/password] [secret bus/password] [secret bus/token]\n");
        drop(writer);
        relay.join().expect("no panic").expect("copied");
    }

    #[test]
    fn what_is_no_secret_of_a_service_is_left_alone() {
        let folder = tempfile::tempdir().expect("folder");
        put(folder.path(), ".half", "hunter2!");
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("bus/link")).expect("link");
        nix::unistd::mkfifo(&folder.path().join("bus/pipe"), nix::sys::stat::Mode::S_IRWXU).expect("fifo");
        let mut secrets = Secrets::new(folder.path());
        assert!(secrets.changed().is_none() && secrets.known.is_empty());
    }
}
