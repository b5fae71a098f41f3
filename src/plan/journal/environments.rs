//! The plugs between tenants of each environment. On a machine one environment is up at a time, and another
//! one takes its place; at tenants they are beside each other.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::entries::is_false;
use super::{DoneSetup, Journal, Undoing, UpPlug};
use crate::hooks::Call;
use crate::mesh::model::PlugId;
use crate::project::profile_file::NONE;

/// The plugs between tenants of an environment that is not the one at hand.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tenants {
    #[serde(default, skip_serializing_if = "is_false")]
    shared: bool,
    setups: BTreeMap<String, DoneSetup>,
    plugs: BTreeMap<String, UpPlug>,
    undo: BTreeMap<String, Undoing>,
}

impl Journal {
    /// The plugs both of whose ends are tenants that hooks in files have set up.
    pub fn tenants(&self) -> BTreeSet<PlugId> {
        let mut found: BTreeSet<PlugId> = self.undo.values().map(|undoing| undoing.plug.clone()).collect();
        for done in self.setups.values() {
            let Some(plug) = &done.call.plug else { continue };
            if done.hosted.is_none() || is_of_this_machine(&done.call) {
                found.remove(plug);
            }
        }
        for undoing in self.undo.values() {
            if undoing.hooks.iter().any(|hook| is_of_this_machine(&hook.call)) {
                found.remove(&undoing.plug);
            }
        }
        found
    }

    /// Has the plugs between tenants of this environment from now on; those of the one before stay known.
    pub fn turn_to(&mut self, environment: Option<&str>) {
        if self.environment.as_deref() == environment {
            return;
        }
        let mut aside = Tenants { shared: self.shared, ..Tenants::default() };
        for plug in self.tenants() {
            let name = plug.to_string();
            let keys: Vec<String> = self.setups_of(&plug).map(|(key, _)| key.clone()).collect();
            aside.setups.extend(keys.iter().filter_map(|key| self.setups.remove_entry(key)));
            aside.plugs.extend(self.plugs.remove_entry(&name));
            aside.undo.extend(self.undo.remove_entry(&name));
        }
        let before = self.environment.take().unwrap_or_else(|| NONE.to_owned());
        if aside != Tenants::default() {
            self.elsewhere.insert(before, aside);
        }
        let own = self.elsewhere.remove(environment.unwrap_or(NONE)).unwrap_or_default();
        self.environment = environment.map(str::to_owned);
        self.shared = own.shared;
        self.setups.extend(own.setups);
        self.plugs.extend(own.plugs);
        self.undo.extend(own.undo);
    }
}

/// Whether one of both ends runs on this machine.
fn is_of_this_machine(call: &Call) -> bool {
    call.own.managed || call.peer.as_ref().is_none_or(|peer| peer.managed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hooks::Party;
    use crate::mesh::model::Mode;

    fn plug(name: &str) -> PlugId {
        PlugId { source: name.into(), destination: "lake".into(), topic: "t".into(), mode: Mode::Push }
    }

    /// With a plug that a hook has set up, to a peer that runs here or does not.
    fn with(journal: &mut Journal, name: &str, managed: bool) {
        let plug = plug(name);
        let peer = Party { name: "lake".into(), managed, ..Party::of_product("lake") };
        let own = Party { name: name.into(), ..Party::of_product("edr") };
        let call = Call { own, peer: Some(peer), plug: Some(plug.clone()), ..Call::of_product("edr", None) };
        let hosted = serde_json::json!({"kind": "setup", "folder": "products/edr", "file": "hooks.py", "function": "f", "line": 1, "owns_both": false});
        let hosted = Some(serde_json::from_value(hosted).expect("a hook"));
        let done = DoneSetup { title: String::new(), digest: name.into(), call, hosted, checks: Vec::new() };
        journal.setups.insert(super::super::numbered_setup_key(name, &plug, 1), done);
        journal.plugs.insert(plug.to_string(), UpPlug { plug: plug.clone(), digest: name.into(), unverified: false });
        journal.undo.insert(plug.to_string(), Undoing { plug, hooks: Vec::new(), begun: false });
    }

    #[test]
    fn what_is_set_up_at_tenants_belongs_to_its_environment() {
        let mut journal = Journal::default();
        journal.turn_to(Some("test"));
        with(&mut journal, "tenant", false);
        with(&mut journal, "collected", true);
        journal.shared = true;
        let in_test = journal.clone();
        assert_eq!(journal.tenants(), BTreeSet::from([plug("tenant")]));

        journal.turn_to(Some("prod"));
        assert!(journal.tenants().is_empty() && !journal.shared);
        assert_eq!(journal.plugs.keys().collect::<Vec<_>>(), ["t/collected/lake"], "it belongs to this machine");
        with(&mut journal, "other", false);
        let text = serde_json::to_string(&journal).expect("JSON");
        let mut journal: Journal = serde_json::from_str(&text).expect("a journal");
        journal.turn_to(Some("test"));
        assert_eq!(journal.tenants(), in_test.tenants());
        assert_eq!((&journal.setups, &journal.plugs, journal.shared), (&in_test.setups, &in_test.plugs, true));
        journal.turn_to(Some("prod"));
        assert_eq!(journal.tenants(), BTreeSet::from([plug("other")]));
    }
}
