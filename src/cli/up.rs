//! `resilmesh up`: bring the mesh to what is declared.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::colleagues::Colleagues;
use super::failure::{Failure, Kind};
use super::part::PartArgs;
use super::recording::Recording;
use super::steps::{self, Reporter, StepArgs};
use super::{Context, going_back, plan, trace, trust};
use crate::hooks::documents::Reader;
use crate::mesh::model::Mesh;
use crate::plan::apply::Executor;
use crate::plan::before::Before;
use crate::plan::history::{Command, Steps};
use crate::plan::hook_runner::{self, HookRunner};
use crate::plan::journal::Journal;
use crate::plan::meshroom;
use crate::plan::observe::Checker;
use crate::plan::paths::StateFolder;
use crate::plan::ports::probe::ThisMachine;
use crate::plan::programs::OnThisMachine;
use crate::plan::reconcile::Part;
use crate::plan::secrets::Secrets;
use crate::plan::session::{self, Around, Session, Typed};
use crate::plan::trouble::Trouble;
use crate::plan::validate::validate;
use crate::redact::{Redactor, too_common};
use crate::runtime::Runtime;
use crate::runtime::embedded::{Embedded, shared_folder};
use crate::trust::Trusted;
use crate::vault::Prompting;
use crate::vault::meshroom::Meshroom;

/// Bring the mesh up, or to what has been declared since
///
/// All of it only if the project has no mistakes; a part (SOURCE, ...) if none concerns it: what is wrong
/// elsewhere is then warned of, and stays as it is.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub plan: bool,
    /// Do not wait until a marked event has passed what was connected
    #[arg(long)]
    pub no_verify: bool,
    /// When a step fails or no event passes, take back what was done: the mesh is then as it was before
    #[arg(long, conflicts_with = "plan")]
    pub rollback_on_failure: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a comment here would become the help of the command")]
    pub steps: StepArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a comment here would become the help of the command")]
    pub part: PartArgs,
}

/// Makes the plan and carries it out.
///
/// # Errors
/// What is wrong with the project or this machine, or which steps failed.
pub fn run(cx: &Context, args: UpArgs) -> Result<(), Failure> {
    if args.plan {
        return plan::run(cx, plan::PlanArgs { detailed_exitcode: false, part: args.part });
    }
    let (files, mesh, part) = args.part.open(cx).map_err(|failure| {
        let of_all = args.part.is_all() && !failure.diagnostics.is_empty();
        if of_all { failure.hint("`resilmesh up INSTANCE` brings up a part that has no mistakes") } else { failure }
    })?;
    let project = &files.root;
    let trusted = trust::permit_of(&files, trust::used_by_or_up(project, &mesh)?)?;
    let runtime = runtime(cx, project)?;
    let way = Way {
        trusted: &trusted,
        runtime: &runtime,
        steps: &args.steps,
        part: part.as_ref(),
        rollback_on_failure: args.rollback_on_failure,
        verify: !args.no_verify,
    };
    let mut recording = Recording::new(cx, project, Command::Up, args.part.words());
    let state = StateFolder::of(project);
    state.make().map_err(|error| Trouble::io(state.root(), &error))?;
    let _lock = args.steps.lock(cx, &state, "up")?;
    let result = super::block_on(bring_up(cx, project, &mesh, &way, &mut recording));
    recording.end(result)
}

/// Where services run, telling what is going on.
pub(super) fn runtime(cx: &Context, project: &Path) -> Result<Embedded, Failure> {
    let ui = cx.ui.clone();
    Ok(Embedded::new(project)?.with_notice(move |text| ui.progress(text)))
}

/// How a mesh is brought up.
pub(super) struct Way<'a> {
    pub(super) trusted: &'a Trusted,
    pub(super) runtime: &'a Embedded,
    pub(super) steps: &'a StepArgs,
    pub(super) part: Option<&'a Part>,
    pub(super) rollback_on_failure: bool,
    pub(super) verify: bool,
}

/// Brings the mesh up; who calls it has the project's lock.
///
/// # Errors
/// What is wrong with this machine, or which steps failed.
pub(super) async fn bring_up(
    cx: &Context,
    project: &Path,
    mesh: &Mesh,
    way: &Way<'_>,
    recording: &mut Recording,
) -> Result<(), Failure> {
    let Way { trusted, runtime, steps, part, rollback_on_failure, .. } = *way;
    let since = Instant::now();
    let stop = steps::stop_on_signals();
    // A supervisor of another build is replaced before anything is asked of it.
    runtime.prepare().await?;
    let ui = cx.ui.clone();
    let programs = OnThisMachine { runtime, fetch: Some(trusted), notice: &move |text| ui.progress(text) };
    // Held until the services listen: another `up` at the same moment takes other ports.
    let own = project.canonicalize().unwrap_or_else(|_| project.to_owned());
    let ports = shared_folder("ports").map(|folder| ThisMachine::reserving(folder, own)).unwrap_or_default();
    let opened = cx.secrets()?;
    let typed = Typed { vault: &opened.vault, meshroom: Meshroom::of(project)?, prompting: Prompting::Allowed };
    let hosts = cx.hosts(project)?;
    let checker = Some(Checker { project, hosts: &hosts });
    let mut colleagues = Colleagues::ask(cx, project, Some(mesh), mesh.profile.as_deref(), steps)?;
    let session = loop {
        let shared = colleagues.known();
        let around = Around { runtime, programs: &programs, machine: &ports, vault: &typed, checker, shared };
        let planning = async {
            let session = session::plan(project, mesh, &around, part).await;
            let session = session.map_err(|trouble| cx.in_project(project, trouble))?;
            if !session.plan.is_empty() {
                validate(&session).await?;
                hook_runner::build(&hosts, project, mesh, &session.plan).await?;
            }
            Ok(session)
        };
        let mut session = unless_stopped(planning, &stop).await.map_err(not_begun)?;
        if colleagues.claim(cx, &session.plan, &mut session.observed.journal).await? {
            break session;
        }
    };
    plan::profile(cx, &session);
    plan::moved(cx, &session);
    plan::left_out(cx, mesh, &session);
    if session.plan.is_empty() {
        session.save()?;
        let mut journal = session.observed.journal.clone();
        colleagues.tell(cx, &mut journal);
        hosts.end().await;
        cx.ui.progress("nothing to do");
        let result = verified(cx, project, mesh, way, &mut journal, &stop).await;
        steps::closing(cx, Steps::default(), &result, since.elapsed());
        return result;
    }
    let before = rollback_on_failure.then(|| Before::read(&session)).transpose()?;
    recording.in_profile(mesh.profile.clone());
    let hooks = HookRunner {
        project,
        state: &session.state,
        hosts: &hosts,
        documents: Reader::default(),
        redactor: redactor(cx, &session.secrets),
    };
    // What runs the hooks starts while the documents are kept.
    tokio::join!(hooks.prepare(&session.plan), async { recording.begin() });
    session.save()?;
    ports.note(session.ports.numbers());
    let reporter = Reporter::new(cx);
    let executor = Executor {
        trusted: Some(trusted),
        state: &session.state,
        runtime,
        hooks: &hooks,
        patience: steps.wait_timeout,
        parallel: steps.parallel(mesh.is_meshrooms),
        events: &reporter,
        stop: stop.clone(),
    };
    let mut report = executor.apply(&session.plan, session.observed.journal.clone()).await;
    recording.count(&report);
    let steps_done = Steps::of(&report);
    let outcome = match steps::outcome(&session.plan, &report, "up") {
        Ok(()) => verified(cx, project, mesh, way, &mut report.journal, &stop).await,
        outcome => outcome,
    };
    let (mut journal, result) = match (outcome, before) {
        (Err(failed), Some(before)) if going_back::is_needed(&report, &failed) => {
            let back = going_back::go(cx, mesh, &before, &executor, report.journal).await;
            recording.rolled_back(back.left.is_none());
            (back.journal, Err(going_back::failure(failed, back.left)))
        }
        (outcome, _) => {
            let result = steps::verdict(&session.plan, &report, "up").and(outcome);
            (report.journal, result)
        }
    };
    hosts.end().await;
    recording.settle();
    note_status(cx, project, mesh, &journal);
    colleagues.tell(cx, &mut journal);
    steps::closing(cx, steps_done, &result, since.elapsed());
    result?;
    ways_in(cx, mesh, &session, part, since.elapsed());
    Ok(())
}

/// Tries what is connected and was never tried, unless that is not wanted; what is left to be tried is known to
/// the next `up`.
async fn verified(
    cx: &Context,
    project: &Path,
    mesh: &Mesh,
    way: &Way<'_>,
    journal: &mut Journal,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    if journal.unverified().is_empty() {
        return Ok(());
    }
    if way.verify {
        let verifying = trace::verify(cx, project, mesh, journal, way.steps.wait_timeout);
        unless_stopped(verifying, stop).await.map_err(|failure| match failure.kind {
            Kind::Interrupted => Failure { message: UNTRIED.to_owned(), ..failure }
                .hint("`resilmesh up` tries it; with `--no-verify`, it is taken as it is"),
            _ => failure,
        })?;
    }
    journal.settle();
    Ok(journal.save(&StateFolder::of(project).journal()).map_err(Trouble::from)?)
}

/// What is said when the user stops the wait for the marked event.
const UNTRIED: &str = "the mesh is up, but it was not waited until an event has passed what was connected";

/// What a stop during the planning means.
fn not_begun(failure: Failure) -> Failure {
    match failure.kind {
        Kind::Interrupted => Failure { message: "`up` was stopped before anything was begun".to_owned(), ..failure },
        _ => failure,
    }
}

/// Waits for this, or until its user stops it.
async fn unless_stopped<T>(
    work: impl Future<Output = Result<T, Failure>>,
    stop: &CancellationToken,
) -> Result<T, Failure> {
    tokio::select! {
        result = work => result,
        () = stop.cancelled() => Err(Failure::interrupted()),
    }
}

/// In a project of Meshroom, notes in the files of plugs whether they are up.
pub(super) fn note_status(cx: &Context, project: &Path, mesh: &Mesh, journal: &Journal) {
    if let Err(error) = meshroom::note_status(project, mesh, journal) {
        cx.ui.warning(&format!("`status` of a plug cannot be noted in its file: {error}"));
    }
}

/// What takes secrets out of what is printed; warns of those that it cannot hide.
fn redactor(cx: &Context, secrets: &Secrets) -> Arc<Redactor> {
    for (name, value) in &secrets.all() {
        if let Some(why) = value.expose_text().and_then(too_common) {
            cx.ui.warning(&format!("secret `{name}` is not hidden in logs: {why}"));
        }
    }
    Arc::new(secrets.redactor())
}

/// Says where the services are reached, and what to do next.
fn ways_in(cx: &Context, mesh: &Mesh, session: &Session, part: Option<&Part>, took: Duration) {
    if cx.ui.json {
        return;
    }
    let what = if part.is_some() { "this part of " } else { "" };
    cx.ui.progress(format!("{what}`{}` is up after {:.1} s", mesh.name, took.as_secs_f64()));
    for (instance, service) in
        session.desired.services.iter().filter(|(name, _)| part.is_none_or(|part| part.has(name)))
    {
        let ports: Vec<String> =
            service.launch.spec.ports.iter().map(|(name, number)| format!("{name} {number}")).collect();
        if !ports.is_empty() {
            cx.ui.progress(format!("  {instance} ({}): {}", service.launch.spec.product, ports.join(", ")));
        }
    }
    cx.ui.progress(
        "next: `resilmesh status`, `resilmesh watch TOPIC INSTANCE`, `resilmesh search QUERY`, `resilmesh down`",
    );
}
