//! What others are told of a plug between tenants, as a file of the journal that travels.
//!
//! Others write such files too, so what is read is believed of nothing but the plug: names are checked, code
//! is named by product, file and function and looked up among what is trusted here, and paths are none of it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::hooks::{Call, Party};
use crate::mesh::model::{Mode, PlugId, Role};
use crate::project::names;

const VERSION: u32 = 1;

/// A plug that somebody has set up, or is about to set up or take down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    version: u32,
    /// Which.
    pub plug: PlugId,
    /// Digest of what it is declared as; none = not all of it is set up.
    pub up: Option<String>,
    /// Digests of what was set up, by key in the journal.
    pub setups: BTreeMap<String, String>,
    /// What takes it down again, in the order in which it is called.
    pub undo: Vec<Teardown>,
    /// Taking it down was begun.
    pub begun: bool,
    /// The end that gives.
    pub source: End,
    /// The end that takes.
    pub destination: End,
    /// The format agreed on.
    pub format: Option<String>,
    /// Settings of the plug; none of them is a secret.
    pub settings: BTreeMap<String, Value>,
    /// Who has written this, where and when.
    pub by: Author,
    /// Somebody is at work on it.
    pub claim: Option<Claim>,
}

/// An end of a plug, as it was when the plug was set up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// The product of its instance.
    pub product: String,
    /// The part it plays.
    pub role: Option<Role>,
    /// Settings of the instance; none of them is a secret.
    pub settings: BTreeMap<String, Value>,
    /// Those of the plug's settings that its product declares.
    pub of_plug: Vec<String>,
}

/// A teardown hook, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teardown {
    /// The instance at whose end it is called.
    pub instance: String,
    /// The file below the product's folder.
    pub file: String,
    /// The function.
    pub function: String,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Author {
    /// As git knows them.
    pub who: String,
    /// The name of the machine.
    pub host: String,
    /// When.
    pub when: DateTime<Utc>,
}

/// That somebody is at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Which folder on which machine: a project is changed by one command at a time.
    pub place: String,
}

impl std::fmt::Display for Author {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let who = crate::project::printable::printable(&self.who);
        let host = crate::project::printable::printable(&self.host);
        write!(f, "{who} on {host}, {} UTC", self.when.format("%Y-%m-%d %H:%M:%S"))
    }
}

/// What of a plug goes into an entry beside its calls.
pub(super) struct State {
    pub(super) up: Option<String>,
    pub(super) setups: BTreeMap<String, String>,
    pub(super) undo: Vec<Teardown>,
    pub(super) begun: bool,
}

impl Entry {
    /// Of a plug with this state, whose hooks were given these calls; none if they are about something else.
    pub(super) fn new(plug: &PlugId, calls: &[&Call], state: State, by: &Author) -> Option<Self> {
        let first = calls.first()?;
        let peer = first.peer.as_ref()?;
        let (source, destination) = if first.own.name == plug.source { (&first.own, peer) } else { (peer, &first.own) };
        let role = |name: &str| calls.iter().find(|call| call.own.name == name).and_then(|call| call.role);
        let end = |party: &Party| End {
            product: party.product.clone(),
            role: role(&party.name),
            settings: party.settings.clone(),
            of_plug: party.of_plug.iter().cloned().collect(),
        };
        let State { up, setups, undo, begun } = state;
        Some(Self {
            version: VERSION,
            plug: plug.clone(),
            up,
            setups,
            undo,
            begun,
            source: end(source),
            destination: end(destination),
            format: first.format.clone(),
            settings: first.settings.clone(),
            by: by.clone(),
            claim: None,
        })
    }

    /// The path of its file below the project's folder: `+` is in no name.
    pub fn file_name(plug: &PlugId) -> String {
        let mode = if plug.mode == Mode::Pull { "+pull" } else { "" };
        format!("{}+{}+{}{mode}.json", plug.source, plug.destination, plug.topic)
    }

    /// As a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        // All its keys are texts, so there is always a text.
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }

    /// Reads the file of this name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match value.get("version").and_then(Value::as_u64) {
            Some(version) if version > u64::from(VERSION) => {
                return Err(format!("it has version {version}, this resilmesh knows version {VERSION}"));
            }
            Some(_) => {}
            None => return Err("it has no `version`".to_owned()),
        }
        let entry: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        entry.check()?;
        if Self::file_name(&entry.plug) == name { Ok(entry) } else { Err("it is about another plug".to_owned()) }
    }

    fn check(&self) -> Result<(), String> {
        let PlugId { source, destination, topic, .. } = &self.plug;
        names::check_instance(source)?;
        names::check_instance(destination)?;
        names::check_topic(topic)?;
        names::check_product(&self.source.product)?;
        names::check_product(&self.destination.product)?;
        match self.undo.iter().find(|hook| hook.instance != *source && hook.instance != *destination) {
            Some(hook) => Err(format!("`{}` is no end of it", hook.instance.escape_debug())),
            None => Ok(()),
        }
    }

    /// The call for a hook at the end of this instance.
    pub(super) fn call(&self, instance: &str) -> Call {
        let PlugId { source, destination, topic, mode } = &self.plug;
        let ends = [(source, &self.source), (destination, &self.destination)];
        let [own, peer] = if instance == source { ends } else { [ends[1], ends[0]] };
        let party = |(name, end): (&String, &End)| Party {
            name: name.clone(),
            id: names::id(name),
            settings: end.settings.clone(),
            of_plug: end.of_plug.iter().cloned().collect(),
            ..Party::of_product(&end.product)
        };
        Call {
            own: party(own),
            peer: Some(party(peer)),
            plug: Some(self.plug.clone()),
            role: own.1.role,
            topic: Some(topic.clone()),
            mode: Some(*mode),
            format: self.format.clone(),
            settings: self.settings.clone(),
        }
    }

    /// The product of the instance at an end.
    pub(super) fn product_of(&self, instance: &str) -> &str {
        if instance == self.plug.source { &self.source.product } else { &self.destination.product }
    }

    /// Without settings, which others then do not get to know.
    pub fn forget_settings(&mut self) {
        self.settings.clear();
        self.source.settings.clear();
        self.destination.settings.clear();
    }

    /// The settings in it.
    pub fn settings_text(&self) -> String {
        let all = (&self.settings, &self.source.settings, &self.destination.settings);
        serde_json::to_string_pretty(&all).unwrap_or_default()
    }

    /// Whether both tell the same of the plug, whoever has written them.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        (&self.up, &self.setups, &self.undo, self.begun) == (&other.up, &other.setups, &other.undo, other.begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let plug = PlugId { source: "a".into(), destination: "b".into(), topic: "t".into(), mode: Mode::Pull };
        let call = Call {
            peer: Some(Party { name: "b".into(), ..Party::of_product("lake") }),
            ..Call::of_product("edr", None)
        };
        let call = Call { own: Party { name: "a".into(), ..call.own }, role: Some(Role::Producer), ..call };
        let undo = vec![Teardown { instance: "b".into(), file: "hooks.py".into(), function: "close".into() }];
        let state = State {
            up: Some("d".into()),
            setups: BTreeMap::from([("a: x: 1".into(), "e".into())]),
            undo,
            begun: false,
        };
        let by = Author { who: "Ann <ann@example.org>".into(), host: "desk".into(), when: DateTime::UNIX_EPOCH };
        Entry::new(&plug, &[&call], state, &by).expect("a call with both ends")
    }

    #[test]
    fn an_entry_comes_back_with_its_calls() {
        let entry = entry();
        let name = Entry::file_name(&entry.plug);
        assert_eq!(name, "a+b+t+pull.json");
        assert_eq!(Entry::parse(&name, &entry.to_bytes()), Ok(entry.clone()));
        let call = entry.call("b");
        assert_eq!((call.own.product.as_str(), call.peer.expect("both").product.as_str()), ("lake", "edr"));
        assert!(!call.own.managed && call.own.endpoints.is_empty());
        assert_eq!(entry.by.to_string(), "Ann <ann@example.org> on desk, 1970-01-01 00:00:00 UTC");
    }

    #[test]
    fn what_others_could_do_harm_with_is_refused() {
        let name = Entry::file_name(&entry().plug);
        let wrong = |change: &dyn Fn(&mut Value)| {
            let mut value = serde_json::to_value(entry()).expect("JSON");
            change(&mut value);
            Entry::parse(&name, value.to_string().as_bytes()).expect_err("refused")
        };
        assert!(wrong(&|value| value["source"]["product"] = "../edr".into()).contains("../edr"));
        assert!(wrong(&|value| value["plug"]["source"] = "../../x".into()).contains("must start with"));
        assert_eq!(wrong(&|value| value["plug"]["source"] = "c".into()), "it is about another plug");
        assert_eq!(wrong(&|value| value["undo"][0]["instance"] = "c".into()), "`c` is no end of it");
        assert!(wrong(&|value| value["undo"][0]["folder"] = "/tmp".into()).contains("unknown field `folder`"));
        assert!(wrong(&|value| value["version"] = 9.into()).contains("version 9"));
        assert!(Entry::parse(&name, b"{").is_err() && Entry::parse(&name, b"{}").is_err());
    }
}
