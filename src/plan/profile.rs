//! Which profile is up: remembered by `up`, so that every other command means the same mesh.

use std::fs;
use std::io::{self, ErrorKind};

use super::journal::Journal;
use super::paths::{self, StateFolder};
use super::trouble::Trouble;
use crate::mesh::model::Mesh;

/// The profile that is wanted, against the one that is up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Switch {
    /// The one that is wanted.
    pub wanted: Option<String>,
    /// The one that is up.
    up: Option<String>,
    /// Nothing is up.
    is_down: bool,
}

impl Switch {
    /// From what is up to what the mesh wants.
    ///
    /// # Errors
    /// When it cannot be read what is up.
    pub fn new(state: &StateFolder, mesh: &Mesh, journal: &Journal) -> Result<Self, Trouble> {
        let up = up(state).map_err(|error| Trouble::io(&state.profile(), &error))?;
        Ok(Self { wanted: mesh.profile.clone(), up, is_down: journal.is_down() })
    }

    /// Something is up, with another profile.
    pub fn is_other(&self) -> bool {
        !self.is_down && self.wanted != self.up
    }

    /// What is wanted, and in place of what.
    pub fn words(&self) -> String {
        let named = |name: &Option<String>| match name {
            Some(name) => format!("profile `{name}`"),
            None => "no profile".to_owned(),
        };
        let wanted = named(&self.wanted);
        if self.is_other() { format!("{wanted} in place of {}, which is up", named(&self.up)) } else { wanted }
    }

    /// Whether there is anything to say: profiles are in use.
    pub fn matters(&self) -> bool {
        self.wanted.is_some() || self.is_other()
    }
}

/// The profile that is up; none = what is up is as it is written, or nothing is up.
///
/// # Errors
/// When it cannot be read.
pub fn up(state: &StateFolder) -> io::Result<Option<String>> {
    match fs::read_to_string(state.profile()) {
        Ok(name) => Ok(Some(name.trim().to_owned()).filter(|name| !name.is_empty())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Remembers the profile that comes up.
///
/// # Errors
/// When it cannot be written.
pub fn remember(state: &StateFolder, name: Option<&str>) -> io::Result<()> {
    match name {
        Some(name) => paths::write_file(&state.profile(), format!("{name}\n").as_bytes()),
        None => match fs::remove_file(state.profile()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_up_is_remembered_until_it_is_down() {
        let project = tempfile::tempdir().expect("a folder");
        let state = StateFolder::of(project.path());
        let seen = || up(&state).expect("readable");
        assert_eq!(seen(), None);
        remember(&state, Some("prod")).expect("writable");
        assert_eq!(seen().as_deref(), Some("prod"));
        remember(&state, None).expect("writable");
        remember(&state, None).expect("it is not there");
        assert_eq!(seen(), None);
    }

    #[test]
    fn a_switch_is_named_only_when_something_else_is_up() {
        let [prod, test] = ["prod", "test"].map(|name| Some(name.to_owned()));
        let words = |wanted: &Option<String>, up: &Option<String>, is_down| {
            let switch = Switch { wanted: wanted.clone(), up: up.clone(), is_down };
            switch.matters().then(|| switch.words())
        };
        assert_eq!(words(&prod, &None, true).as_deref(), Some("profile `prod`"));
        assert_eq!(words(&prod, &prod, false).as_deref(), Some("profile `prod`"));
        assert_eq!(
            words(&test, &prod, false).as_deref(),
            Some("profile `test` in place of profile `prod`, which is up")
        );
        assert_eq!(words(&None, &prod, false).as_deref(), Some("no profile in place of profile `prod`, which is up"));
        assert_eq!(words(&prod, &None, false).as_deref(), Some("profile `prod` in place of no profile, which is up"));
        assert_eq!(words(&None, &None, false), None);
    }
}
