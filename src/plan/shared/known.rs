//! From this machine's journal to what others are told, and back.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Author, Entry, State, Teardown};
use super::{SettingsOf, Shared, View, plug_of};
use crate::hooks::{Call, HostedHook};
use crate::mesh::model::{DeclaredHook, HookKind, Mesh, PlugId, Product};
use crate::plan::apply;
use crate::plan::desired::Desired;
use crate::plan::journal::{DoneSetup, Journal, Undo, Undoing, UpPlug};
use crate::plan::step::Plan;

/// What others are told of a plug.
pub(super) fn entry(journal: &Journal, plug: &PlugId, by: &Author, settings: &SettingsOf<'_>) -> Option<Entry> {
    let undoing = journal.undo.get(&plug.to_string());
    let setups: Vec<(&String, &DoneSetup)> = journal.setups_of(plug).collect();
    let hooks = undoing.map_or(&[][..], |undoing| &undoing.hooks);
    let calls: Vec<&Call> =
        setups.iter().map(|(_, done)| &done.call).chain(hooks.iter().map(|undo| &undo.call)).collect();
    let state = State {
        up: journal.plugs.get(&plug.to_string()).map(|up| up.digest.clone()),
        setups: setups.iter().map(|(key, done)| ((*key).clone(), done.digest.clone())).collect(),
        undo: hooks.iter().map(named).collect(),
        begun: undoing.is_some_and(|undoing| undoing.begun),
    };
    let mut told = Entry::new(plug, &calls, state, by)?;
    // What somebody else has set up is taken down by what they have told.
    let now = if is_of_others(journal, plug) { None } else { calls.first().and_then(|call| settings(call)) };
    // Those that the file does not name have their defaults.
    told.settings.extend(now.unwrap_or_default());
    Some(told)
}

fn is_of_others(journal: &Journal, plug: &PlugId) -> bool {
    journal.undo.get(&plug.to_string()).is_some_and(|undoing| undoing.hooks.iter().any(|undo| undo.of_others))
}

fn named(undo: &Undo) -> Teardown {
    Teardown {
        instance: undo.call.own.name.clone(),
        file: undo.hook.file.clone(),
        function: undo.hook.function.clone(),
    }
}

/// What others are told of the plugs that a plan changes, before it does: all that may be left behind.
pub(super) fn before(
    plan: &Plan,
    journal: &Journal,
    by: &Author,
    settings: &SettingsOf<'_>,
) -> BTreeMap<PlugId, Entry> {
    let mut noted = journal.clone();
    let mut changed = BTreeSet::new();
    for step in &plan.steps {
        if let Some(plug) = plug_of(&step.action) {
            changed.insert(plug);
            apply::before(&noted, &step.action).into_iter().for_each(|change| noted.apply(change));
        }
    }
    if changed.is_empty() {
        return BTreeMap::new();
    }
    let tenants = noted.tenants();
    let of = |plug: &&PlugId| Some(((*plug).clone(), entry(&noted, plug, by, settings)?));
    changed.iter().filter(|plug| tenants.contains(**plug)).filter_map(of).collect()
}

/// Takes into the journal what others have noted; the entries that cannot be used here, because their
/// plugs are not declared any more and the hooks that take them down are not here.
///
/// What this folder was at work on itself, its own journal knows better.
pub fn adopt(shared: &Shared, view: &View, mesh: &Mesh, desired: &Desired, journal: &mut Journal) -> Vec<Entry> {
    if view.tip.is_unborn() {
        return Vec::new();
    }
    if journal.shared {
        let gone = journal.tenants().into_iter().filter(|plug| !view.entries.contains_key(plug));
        gone.collect::<Vec<_>>().iter().for_each(|plug| forget(journal, plug));
    }
    let mut left = Vec::new();
    for (plug, entry) in &view.entries {
        let own = self::entry(journal, plug, &entry.by, &|_| None);
        // What setup hooks of others have noted in its settings is known from them only.
        let is_theirs = (&entry.by.who, &entry.by.host) != (&shared.author.who, &shared.author.host);
        let is_of_others = is_theirs || is_of_others(journal, plug);
        let same_settings = |own: &Entry| !is_of_others || own.settings == entry.settings;
        let is_known = own.as_ref().is_some_and(|own| own.agrees(entry) && same_settings(own));
        if is_known || (own.is_some() && shared.is_mine(entry)) {
            continue;
        }
        let hooks = resolve(entry, mesh);
        let is_declared = desired.plugs.contains_key(plug);
        if !is_declared && hooks.len() < entry.undo.len() {
            left.push(entry.clone());
            continue;
        }
        forget(journal, plug);
        take(entry, hooks, desired, journal);
    }
    left
}

/// Lets the journal say what others have noted, for those who only want to see it.
pub fn show_in(journal: &mut Journal, shared: &Shared, view: &View) {
    if journal.shared {
        let gone = journal.tenants().into_iter().filter(|plug| !view.entries.contains_key(plug));
        gone.collect::<Vec<_>>().iter().for_each(|plug| forget(journal, plug));
    }
    for (plug, entry) in view.entries.iter().filter(|(_, entry)| !shared.is_mine(entry)) {
        forget(journal, plug);
        take(entry, Vec::new(), &Desired::default(), journal);
    }
}

fn forget(journal: &mut Journal, plug: &PlugId) {
    journal.without(plug).into_iter().for_each(|change| journal.apply(change));
}

fn take(entry: &Entry, hooks: Vec<Undo>, desired: &Desired, journal: &mut Journal) {
    let (plug, name) = (&entry.plug, entry.plug.to_string());
    let as_told = |call: Call| Call { settings: entry.settings.clone(), ..call };
    for (key, setup) in desired.setups_of(plug) {
        if let Some(digest) = entry.setups.get(key) {
            let done = setup.setup.done();
            let call = as_told(done.call);
            journal.setups.insert(key.clone(), DoneSetup { digest: digest.clone(), call, ..done });
        }
    }
    // Code that was renamed since is called by its new name, but not twice.
    let of_now = desired.undo.get(plug).filter(|_| !entry.begun && hooks.len() < entry.undo.len());
    let told = |undo: &Undo| Undo { call: as_told(undo.call.clone()), of_others: true, ..undo.clone() };
    let hooks = of_now.map_or(hooks, |hooks| hooks.iter().map(told).collect());
    journal.undo.insert(name.clone(), Undoing { plug: plug.clone(), hooks, begun: entry.begun });
    if let Some(digest) = &entry.up {
        journal.plugs.insert(name, UpPlug { plug: plug.clone(), digest: digest.clone(), unverified: false });
    }
}

/// The teardown hooks that an entry names, as they are here.
fn resolve(entry: &Entry, mesh: &Mesh) -> Vec<Undo> {
    let find = |hook: &Teardown| {
        let product = mesh.products.get(entry.product_of(&hook.instance))?;
        let declared = hooks_of(product).find(|declared| is(declared, hook))?;
        let hosted = HostedHook::of(product, declared)?;
        let (title, call) = (declared.title.clone(), entry.call(&hook.instance));
        Some(Undo { title, call, hook: hosted, of_others: true })
    };
    entry.undo.iter().filter_map(find).collect()
}

fn hooks_of(product: &Product) -> impl Iterator<Item = &DeclaredHook> {
    product.hooks.iter().chain(product.integrations.iter().flat_map(|integration| &integration.hooks))
}

fn is(declared: &DeclaredHook, hook: &Teardown) -> bool {
    let Some((file, function, _)) = declared.code.place() else { return false };
    declared.kind == HookKind::Teardown && file == hook.file && function == hook.function
}
