//! What `up` has done and `down` has to undo: `.resilmesh/journal.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::paths;
use crate::hooks::{Call, HostedHook};
use crate::mesh::model::{Mesh, PlugId};

const VERSION: u32 = 1;

/// A service that was started and not stopped since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartedService {
    /// Digest of what makes a restart necessary: settings and program.
    pub identity: String,
    /// The instances that had to be up before it: they are stopped after it.
    pub needs: BTreeSet<String>,
}

/// A setup hook that was called. It stays in the journal when its service is stopped, since what it
/// made lies in the service's data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DoneSetup {
    /// What the hook says it does.
    pub title: String,
    /// Digest of the call.
    pub digest: String,
    /// The call: teardown gets the same.
    pub call: Call,
    /// The hook, if it is not compiled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosted: Option<HostedHook>,
    /// The hooks in files that tell whether what was made is still there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<HostedHook>,
}

/// A teardown hook to be called when its plug goes down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Undo {
    /// What the hook says it does.
    pub title: String,
    /// The call.
    pub call: Call,
    /// The hook.
    pub hook: HostedHook,
}

/// What takes a plug down again: hooks, in the order in which they are called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Undoing {
    /// The plug.
    pub plug: PlugId,
    /// The hooks that have not been called yet.
    pub hooks: Vec<Undo>,
    /// One of them was called, so that what was set up is not whole any more.
    #[serde(default, skip_serializing_if = "is_false")]
    pub begun: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A plug that is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpPlug {
    /// Which.
    pub plug: PlugId,
    /// Digest of what it was declared as.
    pub digest: String,
}

/// The journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    version: u32,
    /// Services, by instance.
    #[serde(default)]
    pub services: BTreeMap<String, StartedService>,
    /// Digest of the rendered files, by instance.
    #[serde(default)]
    pub rendered: BTreeMap<String, String>,
    /// Setup hooks, by [`setup_key`].
    #[serde(default)]
    pub setups: BTreeMap<String, DoneSetup>,
    /// Plugs, by their text form.
    #[serde(default)]
    pub plugs: BTreeMap<String, UpPlug>,
    /// What takes plugs down again whose ends were set up by hooks in files, by their text form. A plug
    /// that is only here is half up.
    #[serde(default)]
    pub undo: BTreeMap<String, Undoing>,
    /// Instances that have data on this machine.
    #[serde(default)]
    pub data: BTreeSet<String>,
}

/// A change of the journal. `None` takes out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Of a service, by instance.
    Service(String, Option<StartedService>),
    /// Of the digest of rendered files, by instance.
    Rendered(String, Option<String>),
    /// Of a setup, by key.
    Setup(String, Option<Box<DoneSetup>>),
    /// Of a plug, by its text form.
    Plug(String, Option<UpPlug>),
    /// Of what takes a plug down again, by its text form.
    Undo(String, Option<Undoing>),
    /// An instance has data on this machine, or has none any more.
    Data(String, bool),
}

fn put<T>(map: &mut BTreeMap<String, T>, key: String, value: Option<T>) {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}

/// What names a setup: the instance whose hook it is, and the plug.
pub fn setup_key(instance: &str, plug: &PlugId) -> String {
    format!("{instance}: {plug}")
}

/// What names the setup by one of several hooks of an end; `number` from 1.
pub fn numbered_setup_key(instance: &str, plug: &PlugId, number: usize) -> String {
    format!("{instance}: {plug}: {number}")
}

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be read or written.
    #[error("journal `{path}`: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is damaged.
    #[error("journal `{path}` is damaged: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A newer resilmesh has written it.
    #[error("journal `{path}` has version {version}, this resilmesh knows version {VERSION}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
}

impl JournalError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Io { .. } => "check the folder's permissions and the free disk space".to_owned(),
            Self::Damaged { path, .. } => format!(
                "move it away (`mv {0} {0}.damaged`) and run `resilmesh up`, which finds what runs and writes it anew; data stays",
                path.display()
            ),
            Self::Newer { .. } => "use the newer resilmesh that wrote it".to_owned(),
        }
    }
}

impl Journal {
    /// Reads the journal; none = nothing was done.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged: it is then left as it is.
    pub fn load(path: &Path) -> Result<Self, JournalError> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut journal = Self::default();
                replay(&mut journal, &changes_path(path))?;
                return Ok(journal);
            }
            Err(source) => return Err(JournalError::Io { path: path.to_owned(), source }),
        };
        let damaged =
            |error: serde_json::Error| JournalError::Damaged { path: path.to_owned(), why: error.to_string() };
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(damaged)?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(version) if version > u64::from(VERSION) => {
                Err(JournalError::Newer { path: path.to_owned(), version })
            }
            Some(_) => {
                let mut journal = serde_json::from_value(value).map_err(damaged)?;
                replay(&mut journal, &changes_path(path))?;
                Ok(journal)
            }
            None => Err(JournalError::Damaged { path: path.to_owned(), why: "it has no `version`".to_owned() }),
        }
    }

    /// Writes the journal, whole or not at all; the changes that were appended are part of it then.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), JournalError> {
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::from);
        text.and_then(|text| paths::write_file(path, &text))
            .and_then(|()| remove_if_there(&changes_path(path)))
            .map_err(|source| JournalError::Io { path: path.to_owned(), source })
    }

    /// Makes a change.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Service(instance, started) => put(&mut self.services, instance, started),
            Change::Rendered(instance, digest) => put(&mut self.rendered, instance, digest),
            Change::Setup(key, done) => put(&mut self.setups, key, done.map(|done| *done)),
            Change::Plug(plug, up) => put(&mut self.plugs, plug, up),
            Change::Undo(plug, undoing) => put(&mut self.undo, plug, undoing),
            Change::Data(instance, true) => drop(self.data.insert(instance)),
            Change::Data(instance, false) => drop(self.data.remove(&instance)),
        }
    }

    /// What forgets a plug whose ends were set up by hooks in files.
    pub fn without(&self, plug: &PlugId) -> Vec<Change> {
        let name = plug.to_string();
        let Some(undoing) = self.undo.get(&name) else { return Vec::new() };
        let setups = [&undoing.plug.source, &undoing.plug.destination].into_iter().flat_map(|instance| {
            let first = setup_key(instance, plug);
            let own = self.setups.range(first.clone()..).take_while(move |(key, _)| key.starts_with(&first));
            own.filter(|(_, done)| done.hosted.is_some() && done.call.plug.as_ref() == Some(plug))
        });
        let setups = setups.map(|(key, _)| Change::Setup(key.clone(), None));
        setups.chain([Change::Undo(name.clone(), None), Change::Plug(name, None)]).collect()
    }

    /// Taking the plug down was begun and not finished.
    pub fn is_half_down(&self, plug: &PlugId) -> bool {
        self.undo.get(&plug.to_string()).is_some_and(|undoing| undoing.begun)
    }

    /// How far a plug is, in the mesh or not.
    pub fn plug_state(&self, plug: &PlugId) -> PlugState {
        let running = |instance: &String| self.services.contains_key(instance);
        let done = |setup: &DoneSetup| setup.call.plug.as_ref() == Some(plug) && running(&setup.call.own.name);
        match self.plugs.contains_key(&plug.to_string()) {
            true if self.is_half_down(plug) => PlugState::Partial,
            true => PlugState::Up,
            false if self.undo.contains_key(&plug.to_string()) => PlugState::Partial,
            false if self.setups.values().any(done) => PlugState::Partial,
            false => PlugState::Down,
        }
    }

    /// Whether there is nothing to take down but data.
    pub fn is_down(&self) -> bool {
        self.services.is_empty() && self.rendered.is_empty() && self.plugs.is_empty() && self.undo.is_empty()
    }
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            version: VERSION,
            services: BTreeMap::new(),
            rendered: BTreeMap::new(),
            setups: BTreeMap::new(),
            plugs: BTreeMap::new(),
            undo: BTreeMap::new(),
            data: BTreeSet::new(),
        }
    }
}

/// Where changes are appended until the journal is written whole again.
fn changes_path(journal: &Path) -> PathBuf {
    journal.with_extension("changes")
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes the changes that were appended. What was being written when the process was killed is no line:
/// its step had not begun, or is done again.
fn replay(journal: &mut Journal, path: &Path) -> Result<(), JournalError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(JournalError::Io { path: path.to_owned(), source }),
    };
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    for (number, line) in text[..whole].split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        let change = serde_json::from_slice(line).map_err(|error| JournalError::Damaged {
            path: path.to_owned(),
            why: format!("line {}: {error}", number + 1),
        })?;
        journal.apply(change);
    }
    Ok(())
}

/// The journal while steps are carried out: each change is appended, so that the cost of a step does not
/// grow with what is up.
#[derive(Debug)]
pub struct Appender {
    path: PathBuf,
    changes: std::fs::File,
}

impl Appender {
    /// Begins to append to the journal at `path`, which is written whole before.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(path: &Path, journal: &Journal) -> Result<Self, JournalError> {
        journal.save(path)?;
        let appended = changes_path(path);
        let opened = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&appended);
        match opened {
            Ok(changes) => Ok(Self { path: path.to_owned(), changes }),
            Err(source) => Err(JournalError::Io { path: appended, source }),
        }
    }

    /// Appends changes; the next to read the journal knows them, also if this process is killed.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn append(&mut self, changes: &[Change]) -> Result<(), JournalError> {
        let mut lines = Vec::new();
        for change in changes {
            serde_json::to_writer(&mut lines, change).map_err(|error| self.failed(error.into()))?;
            lines.push(b'\n');
        }
        self.changes.write_all(&lines).map_err(|error| self.failed(error))
    }

    /// Writes the journal whole.
    ///
    /// # Errors
    /// When it cannot be written: what was appended stays.
    pub fn finish(self, journal: &Journal) -> Result<(), JournalError> {
        journal.save(&self.path)
    }

    fn failed(&self, source: io::Error) -> JournalError {
        JournalError::Io { path: changes_path(&self.path), source }
    }
}

/// How far a plug is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PlugState {
    /// All its steps are done.
    Up,
    /// Some of them.
    Partial,
    /// None.
    Down,
}

/// The state of each plug of the mesh, as the journal tells.
pub fn plug_states(mesh: &Mesh, journal: &Journal) -> BTreeMap<PlugId, PlugState> {
    mesh.plugs.iter().map(|plug| (plug.id.clone(), journal.plug_state(&plug.id))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_comes_back_and_a_damaged_one_is_refused_with_advice() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("journal.json");
        assert!(Journal::load(&path).expect("none yet").is_down());
        let mut journal = Journal::default();
        journal.rendered.insert("bus".into(), "abc".into());
        journal.save(&path).expect("save");
        let back = Journal::load(&path).expect("load");
        assert_eq!((back.rendered, back.version), (journal.rendered, VERSION));

        let whole = std::fs::read(&path).expect("read");
        for torn in [&whole[..whole.len() / 2], b"", b"{}"] {
            std::fs::write(&path, torn).expect("tear");
            let error = Journal::load(&path).expect_err("torn");
            assert!(error.to_string().contains("is damaged"), "{error}");
            assert!(error.hint().contains("journal.json.damaged"), "{}", error.hint());
            assert_eq!(std::fs::read(&path).expect("read"), torn, "it is left as it is");
        }
        std::fs::write(&path, r#"{"version": 99}"#).expect("write");
        assert!(matches!(Journal::load(&path), Err(JournalError::Newer { version: 99, .. })));
    }
}
