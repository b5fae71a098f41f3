//! The file of the history: a line when something begins, and another one when it has ended.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Outcome, Record};
use crate::project::user_folders;
use crate::runtime::embedded::Process;

/// How many records are kept.
const KEPT: usize = 200;

/// Why the history cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// It cannot be read or written.
    #[error("history `{path}`: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is damaged.
    #[error("history `{path}` is damaged: line {line}: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
}

impl HistoryError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Io { .. } => "check the folder's permissions and the free disk space".to_owned(),
            Self::Damaged { path, .. } => format!(
                "move it away (`mv {0} {0}.damaged`): a new one begins with the next `up`; what is up does not depend on it",
                path.display()
            ),
        }
    }
}

/// A line of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    record: Record,
    /// Who is at it, as long as it has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    process: Option<Process>,
}

impl Line {
    /// Its record; one whose process is gone was killed.
    fn seen(self) -> Record {
        let mut record = self.record;
        if record.outcome == Outcome::Running && !self.process.is_some_and(|process| process.is_alive()) {
            record.outcome = Outcome::Killed;
        }
        record
    }
}

/// The records of a project on this machine. Only who has the project's lock adds to them.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    records: BTreeMap<u64, Record>,
}

impl History {
    /// Reads the history; no file = nothing was done yet.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged. What was being written when a process was killed is no
    /// line, and no damage.
    pub fn load(path: &Path) -> Result<Self, HistoryError> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(HistoryError::Io { path: path.to_owned(), source }),
        };
        let mut records = BTreeMap::new();
        let lines = text[..whole(&text)].split(|byte| *byte == b'\n').enumerate();
        for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
            let line: Line = serde_json::from_slice(line).map_err(|error| HistoryError::Damaged {
                path: path.to_owned(),
                line: number + 1,
                why: error.to_string(),
            })?;
            let record = line.seen();
            records.insert(record.number, record);
        }
        Ok(Self { path: path.to_owned(), records })
    }

    /// All of them.
    pub fn newest_first(&self) -> impl Iterator<Item = &Record> {
        self.records.values().rev()
    }

    /// The one with this number.
    pub fn get(&self, number: u64) -> Option<&Record> {
        self.records.get(&number)
    }

    /// The one before it, of those that are still known, with a snapshot.
    pub fn before(&self, number: u64) -> Option<&Record> {
        self.records.range(..number).rev().map(|(_, record)| record).find(|record| record.snapshot.is_some())
    }

    /// Notes that something begins, which gets its number by that.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(&mut self, record: &mut Record) -> Result<(), HistoryError> {
        record.number = self.records.last_key_value().map_or(1, |(last, _)| last + 1);
        if self.records.len() >= KEPT {
            while self.records.len() >= KEPT {
                self.records.pop_first();
            }
            self.write_whole()?;
        }
        self.append(record, Process::of(std::process::id()))
    }

    /// Notes what became of it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end(&mut self, record: &Record) -> Result<(), HistoryError> {
        self.append(record, None)
    }

    fn append(&mut self, record: &Record, process: Option<Process>) -> Result<(), HistoryError> {
        let process = process.filter(|_| record.outcome == Outcome::Running);
        let line = line(&Line { record: record.clone(), process }).map_err(|error| self.failed(error))?;
        append(&self.path, &line).map_err(|error| self.failed(error))?;
        self.records.insert(record.number, record.clone());
        Ok(())
    }

    fn write_whole(&self) -> Result<(), HistoryError> {
        let mut text = Vec::new();
        for record in self.records.values() {
            let own = Line { record: record.clone(), process: None };
            text.extend(line(&own).map_err(|error| self.failed(error))?);
        }
        user_folders::write_private(&self.path, &text).map_err(|error| self.failed(error))
    }

    fn failed(&self, source: io::Error) -> HistoryError {
        HistoryError::Io { path: self.path.clone(), source }
    }
}

fn line(line: &Line) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    Ok(text)
}

/// Where the last whole line ends.
fn whole(text: &[u8]) -> usize {
    text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

/// Appends a line in place of what was begun and never ended; it is on disk then.
fn append(path: &Path, line: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    // A cloned project may bring a link in its place.
    options.custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits());
    let mut file: File = options.open(path)?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let end = whole(&text) as u64;
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    file.write_all(line)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use chrono::{DateTime, Utc};

    use super::*;
    use crate::plan::history::{Command, Steps, before_the_newest};

    fn record(command: Command, snapshot: &str) -> Record {
        Record {
            number: 0,
            command,
            arguments: Vec::new(),
            when: DateTime::<Utc>::UNIX_EPOCH,
            profile: None,
            who: "Ann <ann@example.org>".to_owned(),
            revision: None,
            snapshot: Some(snapshot.to_owned()),
            outcome: Outcome::Running,
            steps: Steps::default(),
            error: None,
            rolled_back: false,
            seconds: None,
        }
    }

    fn noted(history: &mut History, command: Command, snapshot: &str, outcome: Outcome) -> u64 {
        let mut record = record(command, snapshot);
        history.begin(&mut record).expect("begin");
        record.outcome = outcome;
        history.end(&record).expect("end");
        record.number
    }

    fn outcomes(path: &Path) -> Vec<(u64, Outcome)> {
        let history = History::load(path).expect("load");
        history.newest_first().map(|record| (record.number, record.outcome)).collect()
    }

    #[test]
    fn who_is_at_it_is_told_from_who_was_killed() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("history.jsonl");
        let mut history = History::load(&path).expect("none yet");
        assert_eq!(noted(&mut history, Command::Up, "a", Outcome::Done), 1);
        let mut second = record(Command::Down, "a");
        history.begin(&mut second).expect("begin");
        assert_eq!(outcomes(&path), [(2, Outcome::Running), (1, Outcome::Done)], "this process lives");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);

        // Another boot: whatever process has the number now is not the one that wrote this.
        let text = std::fs::read_to_string(&path).expect("read");
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("Linux");
        std::fs::write(&path, text.replace(boot.trim(), "another")).expect("write");
        assert_eq!(outcomes(&path), [(2, Outcome::Killed), (1, Outcome::Done)]);
    }

    #[test]
    fn a_torn_line_is_no_damage_and_a_wrong_one_is() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("history.jsonl");
        let mut history = History::load(&path).expect("none yet");
        noted(&mut history, Command::Up, "a", Outcome::Done);
        let whole = std::fs::read(&path).expect("read");
        for torn in ["{", "{\"record\": {\"number\": 2"] {
            std::fs::write(&path, [&whole[..], torn.as_bytes()].concat()).expect("tear");
            let mut history = History::load(&path).expect("a torn line is no line");
            assert_eq!(noted(&mut history, Command::Up, "b", Outcome::Failed), 2);
            assert_eq!(outcomes(&path), [(2, Outcome::Failed), (1, Outcome::Done)]);
        }
        std::fs::write(&path, [b"nonsense\n", &whole[..]].concat()).expect("damage");
        let error = History::load(&path).expect_err("damaged");
        assert!(error.to_string().contains("is damaged: line 1"), "{error}");
        assert!(error.hint().contains("history.jsonl.damaged"), "{}", error.hint());
    }

    #[test]
    fn the_newest_are_kept_and_numbers_go_on() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("history.jsonl");
        let mut history = History::load(&path).expect("none yet");
        for _ in 0..KEPT + 3 {
            noted(&mut history, Command::Up, "a", Outcome::Done);
        }
        let numbers: Vec<u64> = outcomes(&path).into_iter().map(|(number, _)| number).collect();
        assert_eq!((numbers.len(), numbers.first(), numbers.last()), (KEPT, Some(&203), Some(&4)));
    }

    #[test]
    fn nothing_is_appended_through_a_link() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (path, other) = (folder.path().join("history.jsonl"), folder.path().join("other"));
        std::fs::write(&other, "").expect("write");
        std::os::unix::fs::symlink(&other, &path).expect("link");
        let mut history = History::load(&path).expect("empty");
        history.begin(&mut record(Command::Up, "a")).expect_err("a link");
        assert_eq!(std::fs::read_to_string(&other).expect("read"), "");
    }

    #[test]
    fn going_back_skips_what_failed_and_what_is_the_same() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut history = History::load(&folder.path().join("history.jsonl")).expect("none yet");
        let mut target = |command, snapshot, outcome| {
            noted(&mut history, command, snapshot, outcome);
            before_the_newest(&history).map(|record| record.number)
        };
        assert_eq!(target(Command::Up, "a", Outcome::Done), None);
        assert_eq!(target(Command::Up, "b", Outcome::Failed), Some(1));
        assert_eq!(target(Command::Up, "c", Outcome::Done), Some(1));
        assert_eq!(target(Command::Down, "c", Outcome::Done), Some(1));
        assert_eq!(target(Command::Up, "c", Outcome::Done), Some(1), "the same documents are nothing to go back to");
        assert_eq!(target(Command::Up, "d", Outcome::Killed), Some(5));
        assert_eq!(target(Command::Keep, "e", Outcome::Done), Some(5));
        assert_eq!(target(Command::Rollback, "c", Outcome::Done), Some(1), "a rollback is an up");
    }
}
