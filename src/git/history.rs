//! The history of the project, commit by commit.

use chrono::{DateTime, FixedOffset, Offset};
use git2::{Commit, Sort, Time};
use serde::Serialize;

use super::changes;
use super::repository::{Repository, short};
use super::trouble::Trouble;
use crate::mesh::difference::{Difference, differences};

/// A commit and what it changed in the mesh.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// The first letters of its id.
    pub short: String,
    /// Who wrote it.
    pub author: String,
    /// Their address.
    pub email: String,
    /// When it was written.
    pub when: DateTime<FixedOffset>,
    /// The first line of its message.
    pub summary: String,
    /// It joined two lines of history; what they changed stands in their own commits.
    pub merge: bool,
    /// What it changed.
    pub changes: Vec<Difference>,
}

/// The newest `count` commits that changed the project, newest first.
///
/// # Errors
/// When the history cannot be read.
pub fn newest(repository: &Repository, count: usize) -> Result<Vec<Entry>, Trouble> {
    let Some(head) = repository.head()? else { return Ok(Vec::new()) };
    let mut walk = repository.inner.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
    walk.push(head.id())?;
    let mut entries = Vec::new();
    for id in walk {
        if entries.len() == count {
            break;
        }
        let commit = repository.inner.find_commit(id?)?;
        let entry = entry(repository, &commit)?;
        if repository.is_project() || !entry.changes.is_empty() {
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn entry(repository: &Repository, commit: &Commit<'_>) -> Result<Entry, Trouble> {
    let merge = commit.parent_count() > 1;
    let changes = if merge { Vec::new() } else { differences(&changes::of_commit(repository, commit)?) };
    let author = commit.author();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Entry {
        id: commit.id().to_string(),
        short: short(commit.id()),
        author: text(author.name_bytes()),
        email: text(author.email_bytes()),
        when: when(&commit.time()),
        summary: text(commit.summary_bytes().unwrap_or_default()),
        merge,
        changes,
    })
}

/// A moment as git keeps it, with the zone of whoever wrote it down.
pub(super) fn when(time: &Time) -> DateTime<FixedOffset> {
    let zone = FixedOffset::east_opt(time.offset_minutes() * 60).unwrap_or_else(|| chrono::Utc.fix());
    DateTime::from_timestamp(time.seconds(), 0).unwrap_or_default().with_timezone(&zone)
}
