//! The logs of a project's services, for people.

use std::io;
use std::path::Path;

use chrono::{DateTime, Local, NaiveDateTime, TimeZone, Utc};

use super::layout::Layout;
use super::runtime_dir;
use super::tail::Reader;
use crate::runtime::RuntimeError;

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The instance that wrote it.
    pub instance: String,
    /// The line, without its end.
    pub text: String,
    /// When it was written, as far as the line says so.
    pub at: Option<DateTime<Utc>>,
}

/// Reads the logs of some instances.
#[derive(Debug)]
pub struct Logs {
    readers: Vec<(String, Reader)>,
}

impl Logs {
    /// The logs of these instances, whether they have written anything yet or not.
    ///
    /// # Errors
    /// When there is no such project.
    pub fn of(project: &Path, instances: &[String]) -> Result<Self, RuntimeError> {
        let layout = Layout::of(project, runtime_dir().as_deref())?;
        let readers = instances.iter().map(|name| (name.clone(), Reader::new(&layout.log(name)))).collect();
        Ok(Self { readers })
    }

    /// The log of the supervisor, under the name `supervisor`.
    ///
    /// # Errors
    /// When there is no such project.
    pub fn of_supervisor(project: &Path) -> Result<Self, RuntimeError> {
        let layout = Layout::of(project, runtime_dir().as_deref())?;
        Ok(Self { readers: vec![("supervisor".to_owned(), Reader::new(&layout.supervisor_log()))] })
    }

    /// What was not read yet, merged by time; of each log at most the last `most` lines.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub fn more(&mut self, most: Option<usize>) -> io::Result<Vec<Line>> {
        let mut merged = Vec::new();
        for (instance, reader) in &mut self.readers {
            let lines = reader.more()?;
            let first = most.map_or(0, |most| lines.len().saturating_sub(most));
            let mut at = None;
            for text in lines.into_iter().skip(first) {
                // A line without a time of its own belongs to the one before.
                at = time_of(&text).or(at);
                merged.push(Line { instance: instance.clone(), text, at });
            }
        }
        // Stable: lines of one log keep their order as long as their clock does not run backwards.
        merged.sort_by_key(|line| line.at);
        Ok(merged)
    }

    /// Last lines that have no end: what a service wrote just before it ended.
    pub fn unfinished(&self) -> Vec<Line> {
        let unfinished = |(name, reader): &(String, Reader)| {
            reader.unfinished().map(|text| Line { instance: name.clone(), at: time_of(&text), text })
        };
        self.readers.iter().filter_map(unfinished).collect()
    }
}

/// The time at the beginning of a line: RFC 3339, or as nats-server writes it in local time
/// (`[pid] 2026/01/05 16:27:40.123456 [INF] ...`).
fn time_of(line: &str) -> Option<DateTime<Utc>> {
    let first = line.split_whitespace().next()?;
    if let Ok(at) = DateTime::parse_from_rfc3339(first) {
        return Some(at.to_utc());
    }
    let rest = line.strip_prefix('[')?.split_once("] ")?.1;
    let (at, _) = NaiveDateTime::parse_and_remainder(rest, "%Y/%m/%d %H:%M:%S%.f").ok()?;
    Local.from_local_datetime(&at).earliest().map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_our_services_and_of_nats_are_read() {
        let ours = time_of("2026-01-05T16:27:40.5Z  INFO ready").expect("time");
        assert_eq!(ours.to_rfc3339(), "2026-01-05T16:27:40.500+00:00");
        assert!(time_of("[4101] 2026/01/05 16:27:40.123456 [INF] Server is ready").is_some());
        assert_eq!(time_of("thread panicked at src/x.rs"), None);
        assert_eq!(time_of(""), None);
    }

    #[test]
    fn lines_of_several_services_are_merged_by_time() {
        let project = tempfile::tempdir().expect("temporary folder");
        let logs = project.path().join(".resilmesh/logs");
        std::fs::create_dir_all(&logs).expect("folder");
        std::fs::write(logs.join("a.log"), "2026-01-01T00:00:01Z one\n  more of one\n2026-01-01T00:00:03Z three\n")
            .expect("write");
        std::fs::write(logs.join("b.log"), "2026-01-01T00:00:00Z zero\n2026-01-01T00:00:02Z two\nhalf").expect("write");
        let mut reader = Logs::of(project.path(), &["a".to_owned(), "b".to_owned(), "c".to_owned()]).expect("logs");
        let lines = reader.more(None).expect("read");
        let texts: Vec<String> = lines
            .iter()
            .map(|line| format!("{} {}", line.instance, line.text.rsplit(' ').next().unwrap_or("")))
            .collect();
        assert_eq!(texts, ["b zero", "a one", "a one", "b two", "a three"]);
        assert_eq!(reader.unfinished()[0].text, "half");

        let mut short = Logs::of(project.path(), &["a".to_owned()]).expect("logs");
        assert_eq!(short.more(Some(1)).expect("read").len(), 1);
    }
}
