//! What a hook is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::HookError;
use crate::mesh::model::{Mode, PlugId, Role};

/// An instance as a hook sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Party {
    /// Its name.
    pub name: String,
    /// Its name with characters outside `[A-Za-z0-9_-]` as `_`.
    pub id: String,
    /// Its product.
    pub product: String,
    /// Resilmesh runs its service.
    pub managed: bool,
    /// Its settings, defaults filled in.
    pub settings: BTreeMap<String, Value>,
    /// What the profile in force says about them; null = the default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub over: BTreeMap<String, Value>,
    /// The topics that come in, sorted.
    pub takes: Vec<String>,
    /// The topics that go out, sorted.
    pub gives: Vec<String>,
    /// `host:port` of each of its ports, by name.
    pub endpoints: BTreeMap<String, String>,
    /// Settings that its product's integration declares for the plug.
    #[serde(default)]
    pub of_plug: BTreeSet<String>,
}

impl Party {
    /// A product without an instance.
    pub fn of_product(product: &str) -> Self {
        Self {
            name: String::new(),
            id: String::new(),
            product: product.to_owned(),
            managed: false,
            settings: BTreeMap::new(),
            over: BTreeMap::new(),
            takes: Vec::new(),
            gives: Vec::new(),
            endpoints: BTreeMap::new(),
            of_plug: BTreeSet::new(),
        }
    }
}

/// A hook call without its secrets: all that is needed to make it again, so the journal keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The instance whose product's hook is called.
    pub own: Party,
    /// The instance at the other end; none when no plug is concerned.
    pub peer: Option<Party>,
    /// The plug; none when it is about the instance alone.
    pub plug: Option<PlugId>,
    /// The part the own instance plays.
    pub role: Option<Role>,
    /// The topic.
    pub topic: Option<String>,
    /// Which end is active.
    pub mode: Option<Mode>,
    /// The format agreed on.
    pub format: Option<String>,
    /// Settings of the plug.
    pub settings: BTreeMap<String, Value>,
}

impl Call {
    /// A call about a product, or about its integration with another.
    pub fn of_product(product: &str, peer: Option<&str>) -> Self {
        Self {
            own: Party::of_product(product),
            peer: peer.map(Party::of_product),
            plug: None,
            role: None,
            topic: None,
            mode: None,
            format: None,
            settings: BTreeMap::new(),
        }
    }
}

/// What a hook is given: the call, and ways to its secrets and to its running service.
#[derive(Debug, Clone)]
pub struct HookContext {
    /// The call.
    pub call: Call,
    /// The folder of all secrets, `.resilmesh/secrets`.
    pub secrets: PathBuf,
    /// The control sockets of the services of the own instance, if it has some.
    pub controls: Vec<PathBuf>,
}

impl HookContext {
    /// The topic of the call.
    ///
    /// # Errors
    /// When it has none.
    pub fn topic(&self) -> Result<&str, HookError> {
        self.call.topic.as_deref().ok_or_else(|| HookError::new("no topic was named"))
    }

    /// The topic as a part of names, such as those of streams.
    ///
    /// # Errors
    /// When there is none.
    pub fn topic_id(&self) -> Result<String, HookError> {
        self.topic().map(crate::project::names::id)
    }

    /// The other end.
    ///
    /// # Errors
    /// When the call is about no plug.
    pub fn peer(&self) -> Result<&Party, HookError> {
        self.call.peer.as_ref().ok_or_else(|| HookError::new("no plug was named"))
    }

    /// `host:port` of a port of the own instance.
    ///
    /// # Errors
    /// When it has none of that name.
    pub fn endpoint(&self, port: &str) -> Result<&str, HookError> {
        let own = &self.call.own;
        own.endpoints.get(port).map(String::as_str).ok_or_else(|| {
            HookError::new(format!("`{}` has no port `{port}` on this machine", own.name))
                .hint("`resilmesh up` gives it one")
        })
    }

    /// A number among the settings of the own instance.
    ///
    /// # Errors
    /// When it is not there or no whole number from 0 on.
    pub fn number(&self, setting: &str) -> Result<u64, HookError> {
        let own = &self.call.own;
        let value = own.settings.get(setting).unwrap_or(&Value::Null);
        value.as_u64().ok_or_else(|| {
            HookError::new(format!("setting `{setting}` of `{}` is {value}, not a whole number", own.name))
        })
    }

    /// A text among the settings of the own instance; none if it is not there or no text.
    pub fn text(&self, setting: &str) -> Option<&str> {
        self.call.own.settings.get(setting).and_then(Value::as_str)
    }

    /// A generated password of the own instance.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn secret(&self, key: &str) -> Result<String, HookError> {
        self.read(&self.call.own, key)
    }

    /// A generated password of the other end.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn peer_secret(&self, key: &str) -> Result<String, HookError> {
        self.read(self.peer()?, key)
    }

    fn read(&self, of: &Party, key: &str) -> Result<String, HookError> {
        // A key with a path in it would lead to the secrets of others.
        if key.is_empty() || crate::project::names::id(key) != key {
            return Err(HookError::new(format!("`{key}` cannot be the name of a secret")));
        }
        let path = self.secrets.join(&of.id).join(key);
        fs::read_to_string(&path).map(|text| text.trim_end_matches(['\r', '\n']).to_owned()).map_err(|error| {
            HookError::new(format!("password file `{}` cannot be read: {error}", path.display()))
                .hint("`resilmesh up` writes it")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(name: &str) -> Party {
        Party {
            name: name.to_owned(),
            id: name.to_owned(),
            product: "x".to_owned(),
            managed: true,
            settings: std::collections::BTreeMap::default(),
            over: BTreeMap::new(),
            takes: Vec::default(),
            gives: Vec::default(),
            endpoints: std::collections::BTreeMap::default(),
            of_plug: BTreeSet::new(),
        }
    }

    #[test]
    fn a_hook_gets_the_secrets_of_its_own_instance_and_its_peer_only() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for instance in ["bus", "siem", "other"] {
            fs::create_dir(folder.path().join(instance)).expect("writable");
            fs::write(folder.path().join(instance).join("token"), format!("of {instance}\n")).expect("writable");
        }
        let call = Call {
            own: party("bus"),
            peer: Some(party("siem")),
            plug: None,
            role: None,
            topic: None,
            mode: None,
            format: None,
            settings: std::collections::BTreeMap::default(),
        };
        let context = HookContext { call, secrets: folder.path().to_owned(), controls: Vec::new() };
        assert_eq!(context.secret("token").ok().as_deref(), Some("of bus"));
        assert_eq!(context.peer_secret("token").ok().as_deref(), Some("of siem"));
        for key in ["../other/token", "/etc/hostname", ""] {
            let refused = context.secret(key).expect_err("refused");
            assert_eq!(refused.what, format!("`{key}` cannot be the name of a secret"));
        }
    }
}
