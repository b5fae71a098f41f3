//! The settings of plugs as hooks have left them: `.resilmesh/saved/`. Setup hooks write settings themselves, so
//! that only what is different from this was edited by somebody.
//!
//! It is no part of the journal: hooks also save a plug while nobody holds that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::mesh::model::PlugId;

/// The state folder of a project. Without it nothing is up, and nothing is kept.
const STATE: &str = ".resilmesh";

/// Settings by name.
pub type Settings = BTreeMap<String, Value>;

/// Keeps what hooks have left.
#[derive(Debug, Clone)]
pub struct Saved(PathBuf);

impl Saved {
    /// That of the project in this folder; nothing is made.
    pub fn of(project: &Path) -> Self {
        Self(project.join(STATE).join("saved"))
    }

    fn path(&self, plug: &PlugId) -> PathBuf {
        // None of these names can have `%` in it.
        let PlugId { source, destination, topic, mode } = plug;
        self.0.join(format!("{source}%{destination}%{topic}%{}.json", mode.word()))
    }

    /// The settings as they were left; none if that is not known. A plug without settings has no file, since
    /// that is how most are.
    pub fn read(&self, plug: &PlugId) -> Option<Settings> {
        match fs::read(self.path(plug)) {
            Ok(settings) => serde_json::from_slice(&settings).ok(),
            Err(error) if error.kind() == ErrorKind::NotFound && self.0.is_dir() => Some(Settings::new()),
            Err(_) => None,
        }
    }

    /// Whether settings of this plug are kept.
    pub fn has(&self, plug: &PlugId) -> bool {
        self.path(plug).exists()
    }

    /// Keeps the settings as they are now.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn note(&self, plug: &PlugId, settings: &Settings) -> io::Result<()> {
        if !self.0.parent().is_some_and(Path::is_dir) {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        if settings.is_empty() {
            return self.forget(plug);
        }
        // Not waited for: what a power failure takes is adopted again.
        let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
        file.write_all(&serde_json::to_vec(settings)?)?;
        file.persist(self.path(plug))?;
        Ok(())
    }

    /// Forgets a plug.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn forget(&self, plug: &PlugId) -> io::Result<()> {
        match fs::remove_file(self.path(plug)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Settings of a plug that somebody has edited since hooks have left them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Edited {
    /// Which.
    pub names: BTreeSet<String>,
    /// All settings as they were.
    pub former: Settings,
}

impl Edited {
    /// What is different now; none if nothing is.
    pub fn between(former: Settings, now: &Settings) -> Option<Self> {
        let differs = |name: &&String| former.get(*name) != now.get(*name);
        let names: BTreeSet<String> = former.keys().chain(now.keys()).filter(differs).cloned().collect();
        (!names.is_empty()).then_some(Self { names, former })
    }

    /// Why a plug is set up anew: no values, which may be secret.
    pub fn cause(&self) -> String {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        format!("settings edited: {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mesh::model::Mode;

    fn settings(value: Value) -> Settings {
        serde_json::from_value(value).expect("a map")
    }

    #[test]
    fn what_was_left_is_known_until_it_is_forgotten() {
        let project = tempfile::tempdir().expect("a folder");
        let plug = PlugId { source: "a".into(), destination: "b".into(), topic: "t".into(), mode: Mode::Push };
        let (saved, left) = (Saved::of(project.path()), settings(json!({"key": [1]})));
        saved.note(&plug, &left).expect("nothing is up");
        assert_eq!(saved.read(&plug), None);
        fs::create_dir(project.path().join(STATE)).expect("a folder");
        saved.note(&plug, &left).expect("writable");
        assert_eq!(saved.read(&plug), Some(left));
        assert!(!saved.has(&PlugId { mode: Mode::Pull, ..plug.clone() }));
        saved.forget(&plug).expect("ours");
        saved.forget(&plug).expect("it is gone");
        assert_eq!((saved.has(&plug), saved.read(&plug)), (false, Some(Settings::new())));
        saved.note(&plug, &settings(json!({"key": 1}))).expect("writable");
        saved.note(&plug, &Settings::new()).expect("writable");
        assert_eq!((saved.has(&plug), saved.read(&plug)), (false, Some(Settings::new())));
    }

    #[test]
    fn edits_are_told_by_their_names_alone() {
        let (former, now) = (json!({"a": 1, "b": "hunter2", "c": 3}), json!({"a": 1, "b": "hunter3", "d": 4}));
        let edited = Edited::between(settings(former), &settings(now.clone())).expect("three are different");
        assert_eq!(edited.cause(), "settings edited: b, c, d");
        assert_eq!(Edited::between(settings(now.clone()), &settings(now)), None);
    }
}
