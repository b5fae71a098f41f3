//! `resilmesh down`: take the mesh away again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;

use super::colleagues::Colleagues;
use super::failure::Failure;
use super::part::PartArgs;
use super::recording::Recording;
use super::steps::{self, Reporter, StepArgs};
use super::up::note_status;
use super::{Context, colleagues, plan, trust};
use crate::hooks::documents::Reader;
use crate::mesh::model::{Mesh, PlugId};
use crate::plan::apply::Executor;
use crate::plan::history::{Command, Steps};
use crate::plan::hook_runner::HookRunner;
use crate::plan::journal::Journal;
use crate::plan::meshroom;
use crate::plan::observe::edited;
use crate::plan::paths::StateFolder;
use crate::plan::ports::Ports;
use crate::plan::profile;
use crate::plan::reconcile::{self, Observed};
use crate::plan::secrets::Secrets;
use crate::plan::shared::{self, Shared, View};
use crate::plan::step::Plan;
use crate::plan::trouble::Trouble;
use crate::plan::{changes, desired};
use crate::project::names;
use crate::project::project_file::FILE_NAME;
use crate::redact::Redactor;
use crate::runtime::Runtime;
use crate::runtime::embedded::Embedded;
use crate::runtime::place;

/// Take the mesh down; its data stays
#[derive(Debug, Args)]
pub struct DownArgs {
    /// Delete the data too: streams, indexes, positions in files
    #[arg(long)]
    pub volumes: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub plan: bool,
    /// Of a project's folder that is a copy: forget what the original has up, and leave it alone
    #[arg(long, conflicts_with_all = ["volumes", "plan"])]
    pub forget: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a comment here would become the help of the command")]
    pub steps: StepArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a comment here would become the help of the command")]
    pub part: PartArgs,
}

impl DownArgs {
    /// As on the command line.
    fn words(&self) -> Vec<String> {
        let volumes = self.volumes.then(|| "--volumes".to_owned());
        self.part.words().into_iter().chain(volumes).collect()
    }
}

/// Takes down what the journal knows and what runs, also when the project's files are broken or
/// gone.
///
/// # Errors
/// When there is no project folder, or which steps failed.
pub fn run(cx: &Context, args: DownArgs) -> Result<(), Failure> {
    let project = cx.project_folder().or_else(|failure| state_without_project(cx).ok_or(failure))?;
    if args.forget {
        return forget(cx, &project);
    }
    let runtime = Embedded::new(&project)?;
    super::block_on(down(cx, &project, &runtime, &args))
}

/// Takes out of a copied state what is about the original.
fn forget(cx: &Context, project: &Path) -> Result<(), Failure> {
    let state = StateFolder::of(project);
    let Some(copied) = state.copied() else {
        return Err(Failure::new("there is nothing to forget: what `.resilmesh` tells of is this project's own")
            .hint("`resilmesh down` takes it down"));
    };
    // Where data lies is as true here as there.
    let mut left = Journal::default();
    left.data = Journal::load(&state.journal()).map(|journal| journal.data).unwrap_or_default();
    place::forget(state.root()).map_err(|error| Trouble::io(state.root(), &error))?;
    state.make().map_err(|error| Trouble::io(state.root(), &error))?;
    if !left.data.is_empty() {
        left.save(&state.journal()).map_err(Trouble::from)?;
        cx.ui.progress("the data that was copied stays; `resilmesh down --volumes` deletes it");
    }
    cx.ui.progress(format!(
        "forgot what `{}` has up, where nothing was changed; `resilmesh up` brings this mesh up",
        copied.from.display()
    ));
    Ok(())
}

/// The folder given, if `up` has left its state there.
pub(super) fn state_without_project(cx: &Context) -> Option<std::path::PathBuf> {
    let folder = cx.directory.canonicalize().ok()?;
    StateFolder::of(&folder).journal().is_file().then_some(folder)
}

async fn down(cx: &Context, project: &Path, runtime: &Embedded, args: &DownArgs) -> Result<(), Failure> {
    let since = Instant::now();
    let stop = steps::stop_on_signals();
    let state = StateFolder::of(project);
    let is_meshrooms = !project.join(FILE_NAME).is_file();
    known(cx, &cx.journal(project), &args.part)?;
    // Its files may be broken: what the journal knows can be taken down all the same.
    let mesh = cx.compiled().ok().map(|(_, mesh, _)| mesh);
    let environment = cx.profile_in(project);
    let of_others = colleagues::may_matter(project, mesh.as_ref(), environment.as_deref());
    if !is_meshrooms && !of_others && !state.root().is_dir() && runtime.observe().await?.is_empty() {
        cx.ui.progress("nothing to do");
        if !args.plan {
            steps::closing(cx, Steps::default(), &Ok(()), since.elapsed());
        }
        return Ok(());
    }
    if !args.plan {
        state.make().map_err(|error| Trouble::io(state.root(), &error))?;
    }
    let _lock = match args.plan {
        true => None,
        false => Some(args.steps.lock(cx, &state, "down")?),
    };
    if args.plan {
        let known = colleagues::known(project, environment.as_deref())?;
        let shared = known.as_ref().map(|(shared, view)| (shared, view));
        let seen = seen(cx, &state, runtime, mesh.as_ref(), environment.as_deref(), shared).await?;
        let plan = planned(&state, &seen, environment.as_deref(), args)?;
        plan::print(cx, &plan, &changes::of_plan(&plan, &state, &redactor(&state)));
        return Ok(());
    }
    let mut colleagues = Colleagues::ask(cx, project, mesh.as_ref(), environment.as_deref(), &args.steps)?;
    let (mut seen, plan) = loop {
        let mut seen = seen(cx, &state, runtime, mesh.as_ref(), environment.as_deref(), colleagues.known()).await?;
        let plan = planned(&state, &seen, environment.as_deref(), args)?;
        if colleagues.claim(cx, &plan, &mut seen.journal).await? {
            break (seen, plan);
        }
    };
    let mesh = mesh.filter(|mesh| mesh.is_meshrooms);
    if plan.is_empty() {
        cx.ui.progress("nothing to do");
        colleagues.tell(cx, &mut seen.journal);
        forget_profile(&state, &seen.journal)?;
        runtime.finish().await?;
        steps::closing(cx, Steps::default(), &Ok(()), since.elapsed());
        return Ok(());
    }
    let profile = profile::up(&state).ok().flatten();
    if let Some(name) = &profile {
        cx.ui.progress(format!("profile `{name}`"));
    }
    if args.volumes {
        agree(cx, &state, &seen.journal)?;
    }
    let code: BTreeSet<String> = plan.steps.iter().filter_map(|step| step.action.runs_file_of()).collect();
    let trusted = if code.is_empty() { None } else { Some(trust::permit(cx, code)?) };
    let hosts = cx.hosts(project)?;
    let reporter = Reporter::new(cx);
    let executor = Executor {
        trusted: trusted.as_ref(),
        state: &state,
        runtime,
        hooks: &HookRunner {
            project,
            state: &state,
            hosts: &hosts,
            documents: Reader::default(),
            redactor: redactor(&state),
        },
        patience: args.steps.wait_timeout,
        parallel: args.steps.parallel(is_meshrooms),
        events: &reporter,
        stop,
    };
    let mut recording = Recording::new(cx, project, Command::Down, args.words());
    recording.in_profile(profile);
    recording.begin();
    let mut report = executor.apply(&plan, seen.journal.clone()).await;
    recording.count(&report);
    hosts.end().await;
    recording.settle();
    if let Some(mesh) = &mesh {
        note_status(cx, project, mesh, &report.journal);
    }
    colleagues.tell(cx, &mut report.journal);
    let result = recording.end(steps::verdict(&plan, &report, "down"));
    steps::closing(cx, Steps::of(&report), &result, since.elapsed());
    result?;
    forget_profile(&state, &report.journal)?;
    let data = &report.journal.data;
    if !data.is_empty() && !cx.ui.json {
        let names: Vec<&str> = data.iter().map(String::as_str).collect();
        cx.ui.progress(format!("the data of {} is kept; `resilmesh down --volumes` deletes it", names.join(", ")));
    }
    Ok(())
}

/// What there is to take down: what the journal says, of this environment, and what runs.
async fn seen(
    cx: &Context,
    state: &StateFolder,
    runtime: &Embedded,
    mesh: Option<&Mesh>,
    environment: Option<&str>,
    shared: Option<(&Shared, &View)>,
) -> Result<Observed, Failure> {
    let mut journal = Journal::load(&state.journal()).map_err(Trouble::from)?;
    journal.turn_to(environment);
    match (mesh, shared) {
        (Some(mesh), shared) => {
            let desired = desired::of_hooks(mesh, &Ports::default());
            if let Some((shared, view)) = shared {
                colleagues::warn_of_left(cx, &shared::adopt(shared, view, mesh, &desired, &mut journal));
            }
            if mesh.is_meshrooms {
                meshroom::adopt(mesh, &desired, &mut journal);
            }
        }
        (None, Some((_, view))) if view.entries.keys().any(|plug| !journal.undo.contains_key(&plug.to_string())) => {
            cx.ui.warning(
                "the project has mistakes, so what others have set up at tenants stays; `resilmesh check` names them",
            );
        }
        (None, _) => {}
    }
    let services: BTreeMap<_, _> =
        runtime.observe().await?.into_iter().map(|status| (status.spec.instance.clone(), status)).collect();
    let edited = edited(state, &journal);
    Ok(Observed { journal, services, edited, ..Observed::default() })
}

/// The plan; of an environment that is not the one that runs here, what it has at tenants.
fn planned(state: &StateFolder, seen: &Observed, environment: Option<&str>, args: &DownArgs) -> Result<Plan, Failure> {
    let up = profile::up(state).map_err(|error| Trouble::io(&state.profile(), &error))?;
    let plan = if !args.part.is_all() {
        reconcile::down_part(seen, &part(seen, &args.part)?)
    } else if up.as_deref() != environment && !seen.services.is_empty() {
        reconcile::down_part(seen, &seen.journal.tenants())
    } else {
        reconcile::down(seen, args.volumes)
    };
    Ok(plan.map_err(Trouble::from)?)
}

/// Sees to it that the instances of a part are there, or were when something was brought up.
fn known(cx: &Context, journal: &Journal, part: &PartArgs) -> Result<(), Failure> {
    // Files that cannot be read hide which instances there are.
    let Some(files) = cx.project().ok().filter(|files| files.unreadable.is_empty()) else { return Ok(()) };
    let plugs = files.plugs.iter().map(|plug| &plug.id).chain(journal.plugs.values().map(|own| &own.plug));
    let ends = plugs.flat_map(|id| [id.source.as_str(), id.destination.as_str()]);
    let setups = journal.setups.values().map(|own| own.call.own.name.as_str());
    let services = journal.services.keys().map(String::as_str);
    let names: BTreeSet<&str> =
        files.instances.iter().map(|own| own.name.as_str()).chain(ends).chain(setups).chain(services).collect();
    match part.source.iter().chain(&part.destination).find(|name| !names.contains(name.as_str())) {
        None => Ok(()),
        Some(unknown) => {
            let hint = names::suggest(unknown, names.iter().copied());
            let failure = Failure::new(format!("there is no instance `{unknown}`"));
            Err(hint.into_iter().fold(failure, Failure::hint))
        }
    }
}

/// What takes secrets out of what is printed. Hooks that cannot read them cannot say them either.
fn redactor(state: &StateFolder) -> Arc<Redactor> {
    Arc::new(Secrets::load(&state.secrets()).unwrap_or_default().redactor())
}

/// With nothing up any more, none of the profiles is.
fn forget_profile(state: &StateFolder, journal: &Journal) -> Result<(), Failure> {
    if journal.is_down() {
        profile::remember(state, None).map_err(|error| Trouble::io(&state.profile(), &error))?;
    }
    Ok(())
}

/// The plugs that are meant, of those that are up or half up.
fn part(seen: &Observed, args: &PartArgs) -> Result<BTreeSet<PlugId>, Failure> {
    let part = args.of(reconcile::known(seen));
    if part.is_empty() {
        return Err(Failure::new("no such plug is up").hint("`resilmesh list plugs` shows what is"));
    }
    Ok(part)
}

/// Shows what data would be deleted, and asks.
fn agree(cx: &Context, state: &StateFolder, journal: &Journal) -> Result<(), Failure> {
    for instance in &journal.data {
        let folder = state.data(instance);
        cx.ui.progress(format!("data of {instance}: {} in `{}`", readable(size(&folder)), folder.display()));
    }
    if cx.yes || journal.data.is_empty() || cx.ui.confirm("delete this data for good?", "--yes")? {
        return Ok(());
    }
    Err(Failure::new("nothing was deleted or stopped").hint("`resilmesh down` stops the mesh and keeps the data"))
}

/// Bytes below a folder.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let of = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => size(&entry.path()),
        Ok(_) => entry.metadata().map_or(0, |seen| seen.len()),
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

/// A size as people say it.
fn readable(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut rest = bytes as f64;
    let mut unit = 0;
    while rest >= 1024.0 && unit + 1 < UNITS.len() {
        rest /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} bytes") } else { format!("{rest:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_readable() {
        assert_eq!(readable(0), "0 bytes");
        assert_eq!(readable(1536), "1.5 KiB");
        assert_eq!(readable(5 * 1024 * 1024 * 1024), "5.0 GiB");
    }
}
