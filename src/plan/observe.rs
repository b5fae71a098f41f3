//! What is seen on this machine. Reads only.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::timeout;

use super::desired::{self, Desired};
use super::journal::{DoneSetup, Journal, PlugState, Undoing};
use super::keyed::Key;
use super::paths::StateFolder;
use super::reconcile::Observed;
use super::step::Setup;
use crate::hooks::documents::Reader;
use crate::hooks::host::Hosts;
use crate::hooks::{self, Call, Drift, Given, HookContext, HostedHook, Kind, Run, documents};
use crate::mesh::model::PlugId;
use crate::project::saved::{Edited, Saved};
use crate::runtime::{ServiceStatus, State};

/// How long a check hook in a file may take.
const CHECKED_WITHIN: Duration = Duration::from_secs(30);

/// What calls check hooks in files; without it, nothing of them is known.
#[derive(Debug, Clone, Copy)]
pub struct Checker<'a> {
    /// The project's folder, absolute.
    pub project: &'a Path,
    /// What runs hooks in files.
    pub hosts: &'a Hosts,
}

/// A setup that is in force.
struct InForce<'a> {
    key: &'a String,
    call: &'a Call,
    hosted: bool,
    checks: &'a [HostedHook],
}

/// Puts together what is seen; setups that are in force are checked for drift, all at once.
pub async fn observe(
    state: &StateFolder,
    key: &Key,
    journal: Journal,
    services: Vec<ServiceStatus>,
    wanted: &Desired,
    checker: Option<&Checker<'_>>,
) -> Observed {
    let services = by_instance(services);
    let in_force = wanted.setups.iter().filter_map(|(key, wanted)| {
        let Setup { digest, call, hosted, checks, .. } = &wanted.setup;
        let is_done = journal.setups.get(key).is_some_and(|done| done.digest == *digest);
        is_done.then_some(InForce { key, call, hosted: hosted.is_some(), checks })
    });
    let drift = drift(state, &services, in_force.collect(), checker).await;
    let on_disk = on_disk(
        state,
        key,
        wanted.instances().map(|(instance, _)| instance).chain(journal.rendered.keys().map(String::as_str)),
    );
    let edited = edited(state, &journal);
    Observed { journal, services, on_disk, drift, edited }
}

/// The settings of plugs that were edited since hooks in files have set them up. Of those that others have
/// set up it is not known what hooks have left.
pub fn edited(state: &StateFolder, journal: &Journal) -> BTreeMap<String, Edited> {
    let Some(project) = state.root().parent() else { return BTreeMap::new() };
    let saved = Saved::of(project);
    let reader = Reader::default();
    let of_plug = |(name, undoing): (&String, &Undoing)| {
        let call = set_up_by_files(journal, undoing)?;
        let former = saved.read(&undoing.plug)?;
        // Of a plug whose file is gone, what hooks have left is all that is known.
        let now = documents::settings_of_plug(&reader, project, call).unwrap_or_default();
        Some((name.clone(), Edited::between(former, &now)?))
    };
    journal.undo.iter().filter_map(of_plug).collect()
}

/// A call of the hooks in files that have set a plug up, which is up; none if somebody else has, elsewhere.
fn set_up_by_files<'a>(journal: &'a Journal, undoing: &'a Undoing) -> Option<&'a Call> {
    let is_up = journal.plug_state(&undoing.plug) == PlugState::Up;
    let is_ours = is_up && !undoing.hooks.iter().any(|undo| undo.of_others);
    let mut setups = journal.setups_of(&undoing.plug).filter(|(_, done)| is_ours && done.hosted.is_some());
    setups.next().map(|(_, done)| &done.call)
}

/// Takes the settings of plugs for what hooks have left, where that is not known: they were set up by an
/// earlier version of this program, or by Meshroom.
///
/// # Errors
/// When that cannot be written.
pub fn adopt_settings(state: &StateFolder, journal: &Journal) -> io::Result<()> {
    let Some(project) = state.root().parent() else { return Ok(()) };
    let saved = Saved::of(project);
    let reader = Reader::default();
    for undoing in journal.undo.values().filter(|undoing| !saved.has(&undoing.plug)) {
        if let Some(now) =
            set_up_by_files(journal, undoing).and_then(|call| documents::settings_of_plug(&reader, project, call))
        {
            saved.note(&undoing.plug, &now)?;
        }
    }
    Ok(())
}

/// Puts together what is seen of what the journal says, whatever is wanted now.
pub async fn observe_left(
    state: &StateFolder,
    key: &Key,
    journal: Journal,
    services: Vec<ServiceStatus>,
    checker: Option<&Checker<'_>>,
) -> Observed {
    let services = by_instance(services);
    let is_up = |done: &DoneSetup| done.call.plug.as_ref().is_none_or(|plug| journal.plug_state(plug) == PlugState::Up);
    let done = journal.setups.iter().filter(|(_, done)| is_up(done));
    let done = done.map(|(key, done)| {
        let DoneSetup { call, hosted, checks, .. } = done;
        InForce { key, call, hosted: hosted.is_some(), checks }
    });
    let drift = drift(state, &services, done.collect(), checker).await;
    let on_disk = on_disk(state, key, journal.rendered.keys().map(String::as_str));
    Observed { journal, services, on_disk, drift, ..Observed::default() }
}

fn by_instance(services: Vec<ServiceStatus>) -> BTreeMap<String, ServiceStatus> {
    services.into_iter().map(|status| (status.spec.instance.clone(), status)).collect()
}

fn on_disk<'a>(state: &StateFolder, key: &Key, instances: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    let digest = |instance: &str| Some((instance.to_owned(), desired::digest_on_disk(&state.rendered(instance), key)?));
    instances.filter_map(digest).collect()
}

/// Checks setups whose instance can answer.
async fn drift(
    state: &StateFolder,
    services: &BTreeMap<String, ServiceStatus>,
    setups: Vec<InForce<'_>>,
    checker: Option<&Checker<'_>>,
) -> BTreeMap<String, String> {
    let answers = |call: &Call| {
        !call.own.managed || services.get(&call.own.name).is_some_and(|status| status.state == State::Ready)
    };
    let (hosted, builtin): (Vec<_>, Vec<_>) =
        setups.into_iter().filter(|setup| answers(setup.call)).partition(|setup| setup.hosted);
    let builtin =
        builtin.into_iter().map(|setup| async move { Some((setup.key.clone(), check(state, setup.call).await?)) });
    let mut found: BTreeMap<String, String> = join_all(builtin).await.into_iter().flatten().collect();
    if let Some(checker) = checker {
        found.extend(hosted_drift(checker, hosted).await);
    }
    found
}

/// Checks each end of a plug once: what differs concerns all its setups.
async fn hosted_drift(checker: &Checker<'_>, setups: Vec<InForce<'_>>) -> Vec<(String, String)> {
    let mut ends: BTreeMap<(&str, Option<&PlugId>), Vec<InForce<'_>>> = BTreeMap::new();
    for setup in setups.into_iter().filter(|setup| !setup.checks.is_empty()) {
        ends.entry((&setup.call.own.name, setup.call.plug.as_ref())).or_default().push(setup);
    }
    let checks = ends.into_values().map(|setups| async move {
        let what = hosted_check(checker, setups.first()?).await?;
        Some(setups.into_iter().map(|setup| (setup.key.clone(), what.clone())).collect::<Vec<_>>())
    });
    join_all(checks).await.into_iter().flatten().flatten().collect()
}

async fn hosted_check(checker: &Checker<'_>, setup: &InForce<'_>) -> Option<String> {
    let mut differs = Vec::new();
    for hook in setup.checks {
        let call = hook.call(checker.project, setup.call, Given { up: true, ..Given::default() });
        match timeout(CHECKED_WITHIN, hooks::check(checker.hosts, call)).await {
            Ok(Ok(Drift::AsDeclared)) => {}
            Ok(Ok(Drift::Differs(what))) => differs.push(what),
            Ok(Err(error)) => differs.push(format!("it cannot be checked: {}", error.what)),
            Err(_) => differs.push(format!("its check does not answer within {CHECKED_WITHIN:?}")),
        }
    }
    (!differs.is_empty()).then(|| differs.join("; "))
}

/// What is different, if something is. A check that fails says so too: its setup is then called
/// again and fails with the reason, or mends it.
async fn check(state: &StateFolder, call: &Call) -> Option<String> {
    let Run::Check(check) = hooks::find(Kind::Check, call)?.run else { return None };
    let context = HookContext { call: call.clone(), secrets: state.secrets(), controls: Vec::new() };
    match check(&context).await {
        Ok(Drift::AsDeclared) => None,
        Ok(Drift::Differs(what)) => Some(what),
        Err(error) => Some(format!("it cannot be checked: {}", error.what)),
    }
}
