//! Hooks in files of products, called by a command: what they say, ask and may know.

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use resilmesh_hook_api::{Failure as ApiFailure, HookRef, Level};
use serde_json::Value;

use super::Context;
use super::failure::Failure;
use super::own_commands::OwnCommands;
use super::secret::{self, Opened};
use super::ui::Ui;
use crate::hooks::desk::{DeskOf, Person, ProjectDesk, Secrets};
use crate::hooks::host::{Hosts, Needs, Voice};
use crate::hooks::packages::{self, Environments};
use crate::hooks::rust::{Builds, Crates};
use crate::plan::paths::StateFolder;
use crate::project::printable::printable;
use crate::project::written::Written;
use crate::redact::Redactor;
use crate::runtime::embedded::private_name;
use crate::vault::{Secret, SecretName, VaultError};

/// Takes secret values out of what hooks say; learns each that a hook was given.
pub(super) struct Known {
    values: Mutex<Vec<(String, String)>>,
    redactor: RwLock<Arc<Redactor>>,
}

impl Known {
    pub(super) fn new() -> Self {
        Self { values: Mutex::default(), redactor: RwLock::new(Arc::new(Redactor::new([]))) }
    }

    fn learn(&self, name: &str, value: &str) {
        let mut values = self.values.lock();
        if values.iter().any(|(_, known)| known == value) {
            return;
        }
        values.push((name.to_owned(), value.to_owned()));
        let all = values.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        *self.redactor.write() = Arc::new(Redactor::new(all));
    }

    /// Every text in a value.
    fn learn_all(&self, name: &str, value: &Value) {
        match value {
            Value::String(text) => self.learn(name, text),
            Value::Array(items) => items.iter().for_each(|item| self.learn_all(name, item)),
            Value::Object(entries) => entries.values().for_each(|entry| self.learn_all(name, entry)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn clean(&self, text: &str) -> String {
        self.redactor.read().clone().redact(text)
    }
}

impl Context {
    /// What runs hooks in files for a command on the project in the folder `project`.
    ///
    /// # Errors
    /// When the vault cannot be opened.
    pub(super) fn hosts(&self, project: &Path) -> Result<Hosts, Failure> {
        self.hosts_noting(project, Written::default())
    }

    /// The same; what hooks have this program write into products is noted.
    ///
    /// # Errors
    /// When the vault cannot be opened.
    pub(super) fn hosts_noting(&self, project: &Path, written: Written) -> Result<Hosts, Failure> {
        let project = project.canonicalize().unwrap_or_else(|_| project.to_owned());
        let known = Arc::new(Known::new());
        let desk = self.desk(&project, &known, written)?;
        let voice = Speaker { ui: self.ui.clone(), known };
        let needs = self.needs(&project)?;
        Ok(Hosts::new(project, Arc::new(desk), Arc::new(voice), needs))
    }

    /// What gets packages and programs for the hooks of the project in the folder `project`.
    ///
    /// # Errors
    /// When this user has no folder for builds.
    pub(super) fn needs(&self, project: &Path) -> Result<Needs, Failure> {
        let state = StateFolder::of(project);
        Ok(Needs {
            packages: Arc::new(Environments::new(state.root().join(packages::FOLDER), self.notice())),
            programs: Arc::new(Crates::new(Builds::of(state.root(), &private_builds()?), self.notice())),
        })
    }

    /// What answers questions about the project in the folder `project`, which is absolute.
    ///
    /// # Errors
    /// When the vault cannot be opened.
    pub(super) fn desk(&self, project: &Path, known: &Arc<Known>, written: Written) -> Result<DeskOf, Failure> {
        let opened = Mutex::new(secret::open(self, project)?);
        let vault = VaultOf { cx: self.clone(), opened, known: Arc::clone(known) };
        let person = Arc::new(Asker { ui: self.ui.clone() });
        let profile = self.profile_in(project);
        let commands = Arc::new(OwnCommands { project: project.to_owned(), profile: profile.clone() });
        let desk =
            ProjectDesk::new(project.to_owned(), person, Arc::new(vault), commands, written).with_profile(profile);
        Ok(DeskOf(Arc::new(desk)))
    }

    fn notice(&self) -> Box<dyn Fn(&str) + Send + Sync> {
        let ui = self.ui.clone();
        Box::new(move |text| ui.progress(text))
    }
}

/// The folder below a project's builds that nobody else knows the name of.
///
/// # Errors
/// When the user's own key cannot be read.
fn private_builds() -> Result<String, Failure> {
    private_name(b"builds of hooks")
        .map_err(|error| Failure::new(format!("the user's own key cannot be read: {error}")))
}

/// Puts the SDK of Rust hooks to where the crates of the project look for it.
///
/// # Errors
/// When it cannot be written.
pub(super) fn unpack_sdk(project: &Path) -> Result<(), Failure> {
    let state = StateFolder::of(project);
    let private = private_builds()?;
    let unpacked = state.make().and_then(|()| Builds::unpack_sdk(state.root(), &private));
    unpacked.map_err(|error| Failure::new(format!("the SDK cannot be put into `.resilmesh`: {error}")))
}

/// Says what hooks say.
struct Speaker {
    ui: Ui,
    known: Arc<Known>,
}

impl Voice for Speaker {
    fn clean(&self, text: &str) -> String {
        printable(&self.known.clean(text))
    }

    fn line(&self, _hook: Option<&HookRef>, level: Level, text: &str) {
        // Ends of lines as on other systems are no words.
        let text = self.known.clean(text);
        for line in text.lines().map(printable) {
            match level {
                Level::Error | Level::Warning => self.ui.note(&format!("  {line}")),
                _ => self.ui.progress(format!("  {line}")),
            }
        }
    }
}

/// Asks at the terminal; without one, takes a line of standard input.
struct Asker {
    ui: Ui,
}

impl Person for Asker {
    fn ask(&self, message: &str, hidden: bool) -> Result<Option<String>, ApiFailure> {
        let failed = |why: String| ApiFailure { message: why, ..ApiFailure::default() };
        if self.ui.can_ask() {
            let typed = if hidden {
                let typed = self.ui.hidden(message, None).map_err(failed)?;
                typed.and_then(|secret| secret.expose_text().map(str::to_owned))
            } else {
                Some(self.ui.text(message).map_err(failed)?)
            };
            return Ok(typed);
        }
        self.ui.note(message);
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line).map_err(|error| failed(error.to_string()))?;
        Ok((read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
    }

    fn wait(&self) {
        if self.ui.can_ask() {
            let _ = std::io::stdin().lock().read_line(&mut String::new());
        }
    }
}

/// The project's vault.
struct VaultOf {
    cx: Context,
    opened: Mutex<Opened>,
    known: Arc<Known>,
}

fn wrong(error: impl Into<Failure>) -> ApiFailure {
    let failure: Failure = error.into();
    ApiFailure { message: failure.message, hint: failure.hints.into_iter().next(), ..ApiFailure::default() }
}

fn name(name: &str) -> Result<SecretName, ApiFailure> {
    name.parse().map_err(|error: VaultError| wrong(error))
}

impl Secrets for VaultOf {
    fn get(&self, key: &str) -> Result<Option<Value>, ApiFailure> {
        let name = name(key)?;
        let secret = match self.opened.lock().get(&name) {
            Ok(secret) => secret,
            Err(VaultError::NoSecret(_)) => return Ok(None),
            Err(error) => return Err(wrong(error)),
        };
        let value = secret
            .to_json()
            .ok_or_else(|| ApiFailure { message: format!("secret `{key}` is no text"), ..ApiFailure::default() })?;
        self.known.learn_all(key, &value);
        Ok(Some(value))
    }

    fn set(&self, key: &str, value: &Value) -> Result<(), ApiFailure> {
        self.known.learn_all(key, value);
        let secret = match value {
            Value::String(text) => Secret::new(text.as_str()),
            other => Secret::of_json(other),
        };
        let mut opened = self.opened.lock();
        let is_new = !opened.vault.exists().map_err(wrong)?;
        let name = name(key)?;
        let vault = opened.for_writing(&self.cx, &[&name]).map_err(wrong)?;
        vault.set(&name, &secret).map_err(wrong)?;
        if is_new {
            // Its key was made with it, and opens what was just written.
            *opened = secret::open(&self.cx, &opened.project).map_err(wrong)?;
        }
        Ok(())
    }

    fn delete(&self, key: &str) -> Result<(), ApiFailure> {
        let name = name(key)?;
        let opened = self.opened.lock();
        if opened.vault.contains(&name).map_err(wrong)? {
            opened.vault.remove(&name).map_err(wrong)?;
        }
        Ok(())
    }
}
