//! A machine that exists in memory, with a clock of its own: nothing of it takes time, and what runs
//! at the same moment ends in a random order.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use resilmesh::hooks::HookError;
use resilmesh::plan::apply::{Events, Executor, Hooks, Parallel, Progress};
use resilmesh::plan::desired::{Desired, digest_on_disk, files_on_disk};
use resilmesh::plan::former::Contents;
use resilmesh::plan::journal::{DoneSetup, Journal, Undo, setup_key};
use resilmesh::plan::paths::StateFolder;
use resilmesh::plan::reconcile::Observed;
use resilmesh::plan::step::{Plan, Setup};
use resilmesh::project::names::instance_of;
use resilmesh::project::saved::Edited;
use resilmesh::runtime::{Runtime, RuntimeError, ServiceSpec, ServiceStatus, State};
use resilmesh::trust::Trusted;
use tokio_util::sync::CancellationToken;

/// How a round ends before its time, after so many moments of the clock.
#[derive(Debug, Clone)]
pub enum Breaks {
    /// It does not.
    Never,
    /// Its process is killed.
    Killed(usize),
    /// Its user stops it.
    Stopped(usize),
    /// What is being done then fails; its effect may be there.
    Fails(usize),
}

/// Hands out moments in the order of random dates.
#[derive(Default)]
struct Clock {
    random: u64,
    now: u64,
    next: u64,
    waiting: BTreeMap<(u64, u64), Option<Waker>>,
    come: BTreeMap<u64, bool>,
}

impl Clock {
    /// Splitmix64: enough for an order.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Lets the next moment come; whether there is one.
    fn tick(&mut self, well: bool) -> bool {
        let Some(((due, id), waker)) = self.waiting.pop_first() else { return false };
        self.now = due;
        self.come.insert(id, well);
        waker.into_iter().for_each(Waker::wake);
        true
    }
}

/// What a setup has made.
struct Made {
    own: String,
    managed: bool,
    digest: String,
}

#[derive(Default)]
struct Inside {
    clock: Clock,
    running: BTreeMap<String, ServiceStatus>,
    made: BTreeMap<String, Made>,
}

/// The machine. Its journal and rendered files are real ones in a temporary folder.
pub struct World {
    _folder: tempfile::TempDir,
    state: StateFolder,
    parallel: Parallel,
    inside: Mutex<Inside>,
}

impl World {
    /// One on which nothing was done yet.
    pub fn new(parallel: Parallel, seed: u64) -> Self {
        // What is written to a disk is waited for, thousands of times.
        let memory = std::path::Path::new("/dev/shm");
        let folder = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        let folder = folder.expect("temporary folder");
        let state = StateFolder::of(folder.path());
        state.make().expect("make");
        let clock = Clock { random: seed, ..Clock::default() };
        Self { _folder: folder, state, parallel, inside: Mutex::new(Inside { clock, ..Inside::default() }) }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().expect("lock")
    }

    /// What `up` and `down` would see.
    pub fn observed(&self, wanted: &Desired) -> Observed {
        let journal = self.journal();
        let services = wanted.services.keys().chain(journal.rendered.keys());
        let instances: BTreeSet<String> = services.map(|service| instance_of(service).to_owned()).collect();
        let on_disk = |instance: String| {
            Some((instance.clone(), digest_on_disk(&self.state.rendered(&instance), &super::key())?))
        };
        Observed {
            services: self.inside().running.clone(),
            on_disk: instances.into_iter().filter_map(on_disk).collect(),
            journal,
            ..Observed::default()
        }
    }

    /// The journal as it is on disk.
    pub fn journal(&self) -> Journal {
        Journal::load(&self.state.journal()).expect("journal")
    }

    /// How each service runs.
    pub fn running(&self) -> BTreeMap<String, String> {
        let running = &self.inside().running;
        running.iter().map(|(instance, status)| (instance.clone(), format!("{:?}", status.spec))).collect()
    }

    /// Digests of all rendered files, by folder.
    pub fn files(&self) -> BTreeMap<String, String> {
        let folder = self.state.root().join("rendered");
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .map(|entry| {
                let digest = digest_on_disk(&entry.path(), &super::key()).expect("a folder");
                (entry.file_name().to_string_lossy().into_owned(), digest)
            })
            .collect()
    }

    /// The rendered files of the instances of services.
    pub fn contents<'a>(&self, instances: impl Iterator<Item = &'a String>) -> Contents {
        let text = |(path, bytes)| (path, String::from_utf8(bytes).expect("text"));
        let files = |instance: &String| {
            let files = files_on_disk(&self.state.rendered(instance)).unwrap_or_default();
            (instance.clone(), files.into_iter().map(text).collect())
        };
        instances.map(|service| instance_of(service).to_owned()).map(|instance| files(&instance)).collect()
    }

    /// What setups have made, of instances that `counts` (by name, and whether they are managed).
    pub fn made(&self, counts: impl Fn(&str, bool) -> bool) -> BTreeMap<String, String> {
        let inside = self.inside();
        let made = inside.made.iter().filter(|(_, made)| counts(&made.own, made.managed));
        made.map(|(key, made)| (key.clone(), made.digest.clone())).collect()
    }

    /// Carries a plan out, as far as it comes.
    pub fn apply(&self, plan: &Plan, trusted: Option<&Trusted>, breaks: &Breaks) {
        self.inside().clock.waiting.clear();
        let stop = CancellationToken::new();
        let executor = Executor {
            trusted,
            state: &self.state,
            runtime: self,
            hooks: self,
            patience: Duration::from_secs(600),
            parallel: self.parallel,
            events: self,
            stop: stop.clone(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("runtime");
        let report = runtime.block_on(async {
            let mut apply = pin!(executor.apply(plan, self.journal()));
            let mut moment = 0;
            poll_fn(|cx| {
                loop {
                    if let Poll::Ready(report) = apply.as_mut().poll(cx) {
                        return Poll::Ready(Some(report));
                    }
                    moment += 1;
                    assert!(moment < 100_000, "nothing happens any more");
                    match breaks {
                        Breaks::Killed(at) if *at == moment => return Poll::Ready(None),
                        Breaks::Stopped(at) if *at == moment => stop.cancel(),
                        _ => {}
                    }
                    self.inside().clock.tick(!matches!(breaks, Breaks::Fails(at) if *at == moment));
                }
            })
            .await
        });
        if let (Breaks::Never, Some(report)) = (breaks, report) {
            assert!(report.is_done(), "{:?}\n{plan}", report.ended);
        }
    }

    /// Something takes its time; whether it goes well.
    async fn moment(&self) -> bool {
        let (due, id) = {
            let clock = &mut self.inside().clock;
            let due = clock.now + 1 + clock.random() % 1_000;
            clock.next += 1;
            let place = (due, clock.next);
            clock.waiting.insert(place, None);
            place
        };
        poll_fn(|cx| {
            let clock = &mut self.inside().clock;
            if let Some(well) = clock.come.remove(&id) {
                return Poll::Ready(well);
            }
            clock.waiting.insert((due, id), Some(cx.waker().clone()));
            Poll::Pending
        })
        .await
    }

    /// Does something between two moments.
    async fn work<T>(&self, effect: impl FnOnce(&mut Inside), done: T) -> Result<T, String> {
        if !self.moment().await {
            return Err("it could not be begun".to_owned());
        }
        effect(&mut self.inside());
        if self.moment().await { Ok(done) } else { Err("its end was not seen".to_owned()) }
    }
}

#[async_trait]
impl Runtime for World {
    async fn observe(&self) -> Result<Vec<ServiceStatus>, RuntimeError> {
        Ok(self.inside().running.values().cloned().collect())
    }

    async fn start(&self, spec: &ServiceSpec) -> Result<(), RuntimeError> {
        let status = ServiceStatus {
            spec: spec.clone(),
            state: State::Ready,
            pid: Some(1),
            since: String::new(),
            restarts: 0,
            because: None,
        };
        let effect = |inside: &mut Inside| drop(inside.running.insert(spec.instance.clone(), status));
        self.work(effect, ()).await.map_err(RuntimeError::new)
    }

    async fn wait_ready(&self, instance: &str, _: Duration) -> Result<(), RuntimeError> {
        self.work(|_| {}, ()).await.map_err(RuntimeError::new)?;
        assert!(self.inside().running.contains_key(instance), "{instance} is waited for and does not run");
        Ok(())
    }

    async fn reload(&self, spec: &ServiceSpec) -> Result<(), RuntimeError> {
        let effect = |inside: &mut Inside| {
            let status = inside.running.get_mut(&spec.instance).expect("what reloads runs");
            status.spec = spec.clone();
        };
        self.work(effect, ()).await.map_err(RuntimeError::new)
    }

    async fn stop(&self, instance: &str) -> Result<(), RuntimeError> {
        self.work(|inside| drop(inside.running.remove(instance)), ()).await.map_err(RuntimeError::new)
    }

    async fn finish(&self) -> Result<(), RuntimeError> {
        self.work(|_| {}, ()).await.map_err(RuntimeError::new)
    }
}

#[async_trait]
impl Hooks for World {
    async fn packages(&self, _: &str, _: &Path) -> Result<(), HookError> {
        Ok(())
    }

    async fn setup(&self, setup: &Setup) -> Result<Option<String>, HookError> {
        let (own, managed) = (setup.call.own.name.clone(), setup.call.own.managed);
        let made = Made { own, managed, digest: setup.digest.clone() };
        let effect = |inside: &mut Inside| drop(inside.made.insert(setup.key.clone(), made));
        self.work(effect, None).await.map_err(HookError::new)
    }

    async fn undo(&self, undo: &Undo, _: Option<&Edited>) -> Result<Option<String>, HookError> {
        let plug = undo.call.plug.as_ref().expect("teardown hooks are for plugs");
        let key = setup_key(&undo.call.own.name, plug);
        let numbered = format!("{key}: ");
        let effect = |inside: &mut Inside| {
            inside.made.retain(|made, _| *made != key && !made.starts_with(&numbered));
        };
        self.work(effect, None).await.map_err(HookError::new)
    }

    async fn teardown(&self, done: &DoneSetup) -> Result<Option<String>, HookError> {
        let plug = done.call.plug.as_ref().expect("setups are for plugs");
        let key = setup_key(&done.call.own.name, plug);
        self.work(|inside| drop(inside.made.remove(&key)), None).await.map_err(HookError::new)
    }
}

impl Events for World {
    fn step(&self, _: &Plan, _: usize, _: &Progress<'_>) {}
}
