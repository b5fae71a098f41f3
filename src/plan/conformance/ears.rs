//! What hooks say while they are tried, and the secrets that they are given.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use resilmesh_hook_api::{Failure, HookRef, Level, Request};
use serde_json::Value;

use crate::hooks::desk::{Commands, Person, Scope, Secrets};
use crate::hooks::host::{Items, Voice};
use crate::redact::Redactor;

/// Shorter ones occur in texts by chance.
const SHORTEST_SECRET: usize = 4;

/// The secrets of a trial: those that there are to begin with, and what hooks make of them.
#[derive(Default)]
pub(super) struct Kept {
    first: BTreeMap<String, Value>,
    now: Mutex<BTreeMap<String, Value>>,
}

impl Kept {
    /// With these to begin with, by name.
    pub(super) fn new(first: BTreeMap<String, Value>) -> Self {
        Self { now: Mutex::new(first.clone()), first }
    }

    /// Others of the same names; none if there are none.
    pub(super) fn wrong(&self) -> Option<Self> {
        if self.first.is_empty() {
            return None;
        }
        let wrong = |value: &Value| match value {
            Value::String(_) => Value::from(format!("wrong-{}", uuid::Uuid::new_v4().simple())),
            other => other.clone(),
        };
        Some(Self::new(self.first.iter().map(|(name, value)| (name.clone(), wrong(value))).collect()))
    }

    /// As at the beginning.
    pub(super) fn reset(&self) {
        *self.now.lock() = self.first.clone();
    }

    /// The names of those that stand in the text, of all that there ever were.
    fn said_in(&self, text: &str) -> BTreeSet<String> {
        let now = self.now.lock();
        let all = self.first.iter().chain(now.iter());
        let is_said =
            |value: &Value| value.as_str().is_some_and(|own| own.len() >= SHORTEST_SECRET && text.contains(own));
        all.filter(|(_, value)| is_said(value)).map(|(name, _)| name.clone()).collect()
    }
}

impl Secrets for Kept {
    fn get(&self, name: &str) -> Result<Option<Value>, Failure> {
        Ok(self.now.lock().get(name).cloned())
    }

    fn set(&self, name: &str, value: &Value) -> Result<(), Failure> {
        self.now.lock().insert(name.to_owned(), value.clone());
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<(), Failure> {
        self.now.lock().remove(name);
        Ok(())
    }
}

/// Hears what hooks say, and which secrets stand in it.
pub(super) struct Ears {
    secrets: Arc<Kept>,
    said: Mutex<BTreeSet<String>>,
    /// Is told each line, without secrets.
    line: Box<dyn Fn(&str) + Send + Sync>,
}

impl Ears {
    pub(super) fn new(secrets: Arc<Kept>, line: Box<dyn Fn(&str) + Send + Sync>) -> Self {
        Self { secrets, said: Mutex::default(), line }
    }

    /// The names of the secrets that were said.
    pub(super) fn said(&self) -> BTreeSet<String> {
        self.said.lock().clone()
    }

    fn hear(&self, text: &str) {
        self.said.lock().extend(self.secrets.said_in(text));
    }
}

impl Voice for Ears {
    fn line(&self, _hook: Option<&HookRef>, _level: Level, text: &str) {
        let cleaned = self.clean(text);
        cleaned.lines().for_each(|line| (self.line)(line));
    }

    fn clean(&self, text: &str) -> String {
        self.hear(text);
        let now = self.secrets.now.lock();
        let known = self.secrets.first.iter().chain(now.iter());
        let known = known.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
        Arc::new(Redactor::new(known)).redact(text)
    }
}

/// Nobody is asked.
pub(super) struct Nobody;

impl Person for Nobody {
    fn ask(&self, _message: &str, _hidden: bool) -> Result<Option<String>, Failure> {
        Ok(None)
    }

    fn wait(&self) {}
}

/// Nothing else of the project is touched.
pub(super) struct Nothing;

#[async_trait::async_trait]
impl Commands for Nothing {
    async fn run(&self, _scope: &Scope, _request: Request, _item: &Items) -> Result<Value, Failure> {
        Err(Failure { message: "hooks that are tried run no commands".to_owned(), ..Failure::default() })
    }
}
