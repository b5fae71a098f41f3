//! Carrying plans out on a runtime that only writes down what it is told.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod plan_support;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use plan_support::{key, soapa, wanted};
use resilmesh::hooks::HookError;
use resilmesh::plan::apply::{Ended, Events, Executor, Hooks, Parallel, Progress, Report, Turns};
use resilmesh::plan::desired::Desired;
use resilmesh::plan::former::{as_it_was, back};
use resilmesh::plan::journal::{DoneSetup, Journal, PlugState, Undo, plug_states};
use resilmesh::plan::paths::StateFolder;
use resilmesh::plan::reconcile::{Observed, down, up};
use resilmesh::plan::step::{Plan, Setup};
use resilmesh::project::load::load;
use resilmesh::project::saved::Edited;
use resilmesh::runtime::{Runtime, RuntimeError, ServiceSpec, ServiceStatus, State};
use resilmesh::trust::{Gate, Trusted};
use tokio_util::sync::CancellationToken;

/// Writes calls down; fails those that `fails` names.
#[derive(Default)]
struct Recorder {
    calls: Mutex<Vec<String>>,
    running: Mutex<Vec<ServiceStatus>>,
    fails: Option<&'static str>,
    hangs: Option<&'static str>,
}

impl Recorder {
    async fn call(&self, call: String) -> bool {
        let fails = self.fails == Some(call.as_str());
        let hangs = self.hangs == Some(call.as_str());
        self.calls.lock().expect("lock").push(call);
        if hangs {
            std::future::pending::<()>().await;
        }
        !fails
    }

    async fn service(&self, call: String) -> Result<(), RuntimeError> {
        let what = format!("{call} went wrong");
        if self.call(call).await { Ok(()) } else { Err(RuntimeError::new(what)) }
    }

    async fn hook(&self, call: String) -> Result<Option<String>, HookError> {
        let what = format!("{call} went wrong");
        if self.call(call).await { Ok(Some("made".to_owned())) } else { Err(HookError::new(what)) }
    }

    fn at(&self, call: &str) -> usize {
        let calls = self.calls.lock().expect("lock");
        calls.iter().position(|made| made == call).unwrap_or_else(|| panic!("`{call}` is in {calls:#?}"))
    }
}

#[async_trait]
impl Runtime for Recorder {
    async fn observe(&self) -> Result<Vec<ServiceStatus>, RuntimeError> {
        Ok(self.running.lock().expect("lock").clone())
    }

    async fn start(&self, spec: &ServiceSpec) -> Result<(), RuntimeError> {
        self.service(format!("start {}", spec.instance)).await?;
        let status = ServiceStatus {
            spec: spec.clone(),
            state: State::Ready,
            pid: Some(1),
            since: String::new(),
            restarts: 0,
            because: None,
        };
        self.running.lock().expect("lock").push(status);
        Ok(())
    }

    async fn wait_ready(&self, instance: &str, _: Duration) -> Result<(), RuntimeError> {
        self.service(format!("ready {instance}")).await
    }

    async fn reload(&self, spec: &ServiceSpec) -> Result<(), RuntimeError> {
        self.service(format!("reload {}", spec.instance)).await
    }

    async fn stop(&self, instance: &str) -> Result<(), RuntimeError> {
        self.service(format!("stop {instance}")).await?;
        self.running.lock().expect("lock").retain(|status| status.spec.instance != instance);
        Ok(())
    }

    async fn finish(&self) -> Result<(), RuntimeError> {
        self.service("finish".to_owned()).await
    }
}

#[async_trait]
impl Hooks for Recorder {
    async fn packages(&self, _: &str, _: &Path) -> Result<(), HookError> {
        Ok(())
    }

    async fn setup(&self, setup: &Setup) -> Result<Option<String>, HookError> {
        self.hook(format!("setup {}", setup.key)).await
    }

    async fn undo(&self, undo: &Undo, _: Option<&Edited>) -> Result<Option<String>, HookError> {
        panic!("no plug of these meshes has teardown hooks in files: {undo:?}");
    }

    async fn teardown(&self, done: &DoneSetup) -> Result<Option<String>, HookError> {
        self.hook(format!("teardown {}", done.title)).await
    }
}

impl Events for Recorder {
    fn step(&self, _: &Plan, _: usize, _: &Progress<'_>) {}
}

/// Trust in the products of the example, which are built in.
fn everything() -> Trusted {
    let folder = tempfile::tempdir().expect("temporary folder");
    let gate = Gate::open(&load(folder.path()).expect("a folder")).expect("a gate");
    gate.permit(soapa(&[]).products.into_keys().collect()).expect("built in")
}

/// As `up` does it by default.
fn together() -> Parallel {
    Parallel { steps: NonZeroUsize::new(16).expect("some"), hooks: Turns::OfInstance }
}

/// A folder, a mesh, and what applying gives.
struct Place {
    _folder: tempfile::TempDir,
    state: StateFolder,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let state = StateFolder::of(folder.path());
        state.make().expect("make");
        Self { _folder: folder, state }
    }

    async fn apply(&self, plan: &Plan, recorder: &Recorder, stop: CancellationToken) -> Report {
        let journal = Journal::load(&self.state.journal()).expect("journal");
        let patience = Duration::from_secs(30);
        let executor = Executor {
            trusted: Some(&everything()),
            state: &self.state,
            runtime: recorder,
            hooks: recorder,
            patience,
            parallel: together(),
            events: recorder,
            stop,
        };
        let report = executor.apply(plan, journal).await;
        assert_eq!(Journal::load(&self.state.journal()).expect("journal").services, report.journal.services);
        report
    }

    async fn seen(&self, recorder: &Recorder, wanted: &Desired) -> Observed {
        let journal = Journal::load(&self.state.journal()).expect("journal");
        let services = recorder.observe().await.expect("observe");
        let mut seen = Observed { journal, ..Observed::default() };
        seen.services = services.into_iter().map(|status| (status.spec.instance.clone(), status)).collect();
        for instance in wanted.services.keys() {
            let digest = resilmesh::plan::desired::digest_on_disk(&self.state.rendered(instance), &key());
            seen.on_disk.extend(digest.map(|digest| (instance.clone(), digest)));
        }
        seen
    }
}

#[tokio::test]
async fn steps_run_in_order_and_a_second_round_has_nothing_to_do() {
    let (place, recorder, mesh) = (Place::new(), Recorder::default(), soapa(&[]));
    let wanted = wanted(&mesh);
    let plan = up(&wanted, &Observed::default()).expect("a plan");
    let report = place.apply(&plan, &recorder, CancellationToken::new()).await;
    assert!(report.is_done(), "{:?}", report.ended);
    for (first, then) in [
        ("start bus", "ready bus"),
        ("ready bus", "setup bus: ecs_events/collector/bus"),
        ("setup bus: ecs_events/collector/bus", "setup bus: ecs_events/bus/enrichment (pull)"),
        ("setup bus: ecs_events/bus/enrichment (pull)", "start collector"),
        ("setup bus: enriched_events/bus/indexer (pull)", "start enrichment"),
        ("setup store: enriched_events/indexer/store", "start indexer"),
    ] {
        assert!(recorder.at(first) < recorder.at(then), "`{first}` comes before `{then}`");
    }
    assert!(plug_states(&mesh, &report.journal).values().all(|state| *state == PlugState::Up));
    let again = up(&wanted, &place.seen(&recorder, &wanted).await).expect("a plan");
    assert!(again.is_empty(), "{again}");
}

#[tokio::test]
async fn a_failed_step_skips_what_waits_for_it_and_the_next_round_goes_on() {
    let (place, mesh) = (Place::new(), soapa(&[]));
    let wanted = wanted(&mesh);
    let recorder = Recorder { fails: Some("setup store: enriched_events/indexer/store"), ..Recorder::default() };
    let plan = up(&wanted, &Observed::default()).expect("a plan");
    let report = place.apply(&plan, &recorder, CancellationToken::new()).await;
    let failures: Vec<&str> = report.failures().map(|(_, error)| error.what.as_str()).collect();
    assert_eq!(failures, ["setup store: enriched_events/indexer/store went wrong"]);
    let ended = |verb: &str, object: &str| {
        let is = |step: &resilmesh::plan::step::Step| step.action.verb() == verb && step.action.object() == object;
        let index = plan.steps.iter().position(is).expect("the step is in the plan");
        report.ended[index].clone()
    };
    assert!(matches!(ended("start", "indexer"), Ended::Skipped(_)));
    assert!(matches!(ended("plug", "enriched_events/indexer/store"), Ended::Skipped(_)));
    assert!(matches!(ended("start", "collector"), Ended::Done(_)), "the rest is finished");
    let states = plug_states(&mesh, &report.journal);
    let state = |text: &str| states.iter().find(|(plug, _)| plug.to_string() == text).map(|(_, state)| *state);
    assert_eq!(state("logs/senders/collector"), Some(PlugState::Up));
    assert_eq!(state("enriched_events/indexer/store"), Some(PlugState::Partial));

    let mended = Recorder { fails: None, ..recorder };
    mended.calls.lock().expect("lock").clear();
    let rest = up(&wanted, &place.seen(&mended, &wanted).await).expect("a plan");
    assert!(rest.steps.len() < plan.steps.len() / 2, "{rest}");
    let report = place.apply(&rest, &mended, CancellationToken::new()).await;
    assert!(report.is_done(), "{:?}", report.ended);
}

#[tokio::test]
async fn one_who_stops_leaves_a_journal_from_which_it_goes_on() {
    let (place, mesh) = (Place::new(), soapa(&[]));
    let wanted = wanted(&mesh);
    let recorder = Recorder { hangs: Some("ready store"), ..Recorder::default() };
    let plan = up(&wanted, &Observed::default()).expect("a plan");
    let stop = CancellationToken::new();
    let apply = place.apply(&plan, &recorder, stop.clone());
    let stopper = async {
        while !recorder.calls.lock().expect("lock").iter().any(|call| call == "ready collector") {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let (report, ()) =
        tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(apply, stopper) }).await.expect("it ends");
    assert!(report.is_interrupted());
    assert!(report.failures().next().is_none());

    let seen = place.seen(&recorder, &wanted).await;
    let undo = down(&seen, true).expect("a plan");
    let report = place.apply(&undo, &recorder, CancellationToken::new()).await;
    assert!(report.is_done(), "{:?}", report.ended);
    assert!(recorder.running.lock().expect("lock").is_empty());
    assert!(recorder.at("stop collector") < recorder.at("stop bus"));
    assert!(recorder.at("stop bus") < recorder.at("finish"));
    let journal = Journal::load(&place.state.journal()).expect("journal");
    assert!(journal.is_down() && journal.data.is_empty() && journal.setups.is_empty());
    assert!(!place.state.data("bus").exists() && !place.state.rendered("bus").exists());
}

#[tokio::test]
async fn after_a_failure_it_goes_back_to_what_was_there() {
    let (place, recorder, never) = (Place::new(), Recorder::default(), CancellationToken::new);
    let first = wanted(&soapa(&[]));
    place.apply(&up(&first, &Observed::default()).expect("a plan"), &recorder, never()).await;
    let before = place.seen(&recorder, &first).await;
    let contents = first.services.iter().map(|(name, service)| (name.clone(), service.files.files.clone())).collect();

    let index = "name: store\nproduct: elasticsearch\nsettings: {index: other-events}\n";
    let gone = ("instances/nats/bus/plugs/indexer", None);
    let next = wanted(&soapa(&[("instances/elasticsearch/store/config.yaml", Some(index)), gone]));
    let failing = Recorder { fails: Some("ready store"), ..recorder };
    let report = place.apply(&up(&next, &before).expect("a plan"), &failing, never()).await;
    assert!(report.failures().next().is_some() && report.journal != before.journal);

    let mended = Recorder { fails: None, ..failing };
    let was = as_it_was(&before, &contents);
    let now = place.seen(&mended, &was).await;
    let plan = back(&was, &before, &now).expect("a plan");
    let report = place.apply(&plan, &mended, never()).await;
    assert!(report.is_done(), "{plan}{:?}", report.ended);
    assert_eq!(report.journal, before.journal);
    let then = place.seen(&mended, &was).await;
    let specs = |seen: &Observed| -> Vec<ServiceSpec> { seen.services.values().map(|own| own.spec.clone()).collect() };
    assert_eq!((then.on_disk.clone(), specs(&then)), (before.on_disk.clone(), specs(&before)));
    let again = up(&first, &then).expect("a plan");
    assert!(again.is_empty(), "{again}");
}

#[tokio::test]
async fn a_plain_down_keeps_data_and_what_was_set_up_in_it() {
    let (place, recorder, mesh) = (Place::new(), Recorder::default(), soapa(&[]));
    let wanted = wanted(&mesh);
    let plan = up(&wanted, &Observed::default()).expect("a plan");
    place.apply(&plan, &recorder, CancellationToken::new()).await;
    std::fs::write(place.state.data("bus").join("stream"), "x").expect("data");
    let seen = place.seen(&recorder, &wanted).await;
    let report = place.apply(&down(&seen, false).expect("a plan"), &recorder, CancellationToken::new()).await;
    assert!(report.is_done());
    assert!(place.state.data("bus").join("stream").exists());
    assert!(report.journal.is_down() && report.journal.data.contains("bus"));
    assert!(report.journal.setups.contains_key("bus: ecs_events/bus/enrichment (pull)"));
    assert!(plug_states(&mesh, &report.journal).values().all(|state| *state == PlugState::Down));
    let again = down(&place.seen(&recorder, &wanted).await, false).expect("a plan");
    assert!(again.is_empty(), "{again}");
}

#[tokio::test]
async fn when_the_journal_cannot_be_written_nothing_further_is_begun() {
    let (place, recorder, mesh) = (Place::new(), Recorder::default(), soapa(&[]));
    let plan = up(&wanted(&mesh), &Observed::default()).expect("a plan");
    let executor = Executor {
        trusted: Some(&everything()),
        state: &place.state,
        runtime: &recorder,
        hooks: &recorder,
        patience: Duration::from_secs(30),
        parallel: together(),
        events: &recorder,
        stop: CancellationToken::new(),
    };
    // A folder in its place cannot be replaced by a file.
    std::fs::create_dir_all(place.state.journal().join("x")).expect("folder");
    let report = executor.apply(&plan, Journal::default()).await;
    assert!(report.journal_error.is_some() && !report.is_done());
    assert!(recorder.calls.lock().expect("lock").is_empty(), "no service is started without a note of it");
}

#[tokio::test]
async fn without_proof_of_trust_nothing_is_started_or_set_up() {
    let (place, recorder, mesh) = (Place::new(), Recorder::default(), soapa(&[]));
    let plan = up(&wanted(&mesh), &Observed::default()).expect("a plan");
    let executor = Executor {
        trusted: None,
        state: &place.state,
        runtime: &recorder,
        hooks: &recorder,
        patience: Duration::from_secs(30),
        parallel: together(),
        events: &recorder,
        stop: CancellationToken::new(),
    };
    let report = executor.apply(&plan, Journal::default()).await;
    let (_, failure) = report.failures().next().expect("a failure");
    assert!(failure.what.starts_with("product `") && failure.what.ends_with("` is not trusted"), "{}", failure.what);
    assert!(recorder.calls.lock().expect("lock").is_empty());
}
