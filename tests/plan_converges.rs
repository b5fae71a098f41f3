//! Whatever happens on the way, the next `up` reaches what is declared, and `down` leaves nothing.
//!
//! Random meshes are brought up one after the other on a machine that exists in memory only, with a
//! clock of its own. The one before the last is broken off at a random moment: its process is killed,
//! a step fails, or the user stops it. The last one then has to leave the machine as if it had been
//! the first and only one. One that fails and is taken back leaves the machine as it found it.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod plan_support;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::LazyLock;

use plan_support::machine::{Breaks, World};
use plan_support::{mesh, wanted};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use resilmesh::mesh::compile::compile;
use resilmesh::plan::apply::{Parallel, Turns};
use resilmesh::plan::desired::Desired;
use resilmesh::plan::former::{as_it_was, back};
use resilmesh::plan::reconcile::{Observed, down, up};
use resilmesh::project::load::load;
use resilmesh::trust::{Gate, Trusted};

/// Meshes to choose from.
const POOL: usize = 48;
/// As many as the clock of CI allows for.
const CASES: u32 = 1_000;

/// A product that is reached through its API: hooks in a file on both sides, one after the other.
const SENSOR: &str = "\
from resilmesh.decorators import *

@setup_producer(order=1)
def first(plug): pass

@setup_producer(order=2)
def second(plug): pass

@teardown_producer()
def gone(plug): pass

@setup_consumer()
def inlet(plug): pass

@teardown_consumer()
def closed(plug): pass
";

/// One that sets up both ends.
const OWNER: &str = "\
from resilmesh.decorators import *

@setup_consumer(owns_both=True)
def both(plug): pass

@teardown_consumer()
def gone(plug): pass
";

/// What a mesh may have; each part with even odds.
const PARTS: [&str; 12] = [
    "instances/syslog/senders/plugs/collector/logs.yaml",
    "instances/logfile/packages/plugs/collector/logs_pull.yaml",
    "instances/vector/collector/plugs/bus/ecs_events.yaml",
    "instances/nats/bus/plugs/enrichment/ecs_events_pull.yaml",
    "instances/nats/bus/plugs/indexer/enriched_events_pull.yaml",
    "instances/silentpush/enrichment/plugs/bus/enriched_events.yaml",
    "instances/vector/indexer/plugs/store/enriched_events.yaml",
    "instances/sensor/s1/plugs/s2/alerts.yaml",
    "instances/sensor/s1/plugs/s3/alerts_pull.yaml",
    "instances/sensor/s2/plugs/s3/alerts.yaml",
    "instances/sensor/s3/plugs/o1/alerts.yaml",
    "instances/sensor/s2/plugs/o1/alerts.yaml",
];

/// Settings that may differ; each line with even odds.
const SETTINGS: [(&str, &str); 5] = [
    ("instances/elasticsearch/store/config.yaml", "\nmin_free: 7%\n"),
    ("instances/nats/bus/config.yaml", "\ndurability: always\n"),
    ("instances/syslog/senders/config.yaml", "\nlisten: 127.0.0.2\n"),
    ("instances/vector/indexer/config.yaml", "\nreplicas: 3\n"),
    ("instances/silentpush/enrichment/config.yaml", "\nlisten: 127.0.0.3\n"),
];

/// A mesh, what it wants, and that its code may run.
struct Declared {
    wanted: Desired,
    trusted: Trusted,
    what: Vec<&'static str>,
}

/// Meshes without mistakes, the same in every run.
static MESHES: LazyLock<Vec<Declared>> = LazyLock::new(|| {
    let mut random =
        TestRunner::new_with_rng(ProptestConfig::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let mut found = Vec::new();
    while found.len() < POOL {
        let parts = random.rng().next_u32();
        found.extend(declared(parts));
    }
    found
});

/// The mesh with those parts whose bit is set; none if it has mistakes.
fn declared(parts: u32) -> Option<Declared> {
    let folder = tempfile::tempdir().expect("temporary folder");
    let root = folder.path();
    plan_support::copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/soapa"), root);
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("a file")).expect("folder");
        std::fs::write(path, text).expect("write");
    };
    write("products/sensor/definition.yaml", "produces: {alerts: [{}]}\nconsumes: {alerts: [{}]}\n");
    write("products/sensor/hooks.py", SENSOR);
    write("products/owner/definition.yaml", "consumes: {alerts: [{}]}\n");
    write("products/owner/hooks.py", OWNER);
    for instance in ["sensor/s1", "sensor/s2", "sensor/s3", "owner/o1"] {
        let name = instance.split('/').next_back().expect("a name");
        write(&format!("instances/{instance}/config.yaml"), &format!("name: {name}\n"));
    }
    let mut what = Vec::new();
    for (bit, path) in PARTS.iter().enumerate() {
        let has = parts >> bit & 1 == 1;
        let there = root.join(path).is_file();
        match (has, there) {
            (true, false) => write(path, &plug_document(path)),
            (false, true) => std::fs::remove_file(root.join(path)).expect("remove"),
            _ => {}
        }
        what.extend(has.then_some(*path));
    }
    for (bit, (path, line)) in SETTINGS.iter().enumerate() {
        if parts >> (PARTS.len() + bit) & 1 == 1 {
            let text = std::fs::read_to_string(root.join(path)).expect("read");
            write(path, &(text + line));
            what.push(line.trim());
        }
    }
    let files = load(root).expect("a project");
    compile(&files).ok()?;
    let mesh = mesh(root);
    let trusted = Gate::open(&files).expect("a gate").permit(mesh.products.keys().cloned().collect());
    Some(Declared { wanted: wanted(&mesh), trusted: trusted.expect("its user's own"), what })
}

/// What stands in the file of a plug, from its path.
fn plug_document(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    let (topic, mode) = match parts[5].trim_end_matches(".yaml").split_once("_pull") {
        Some((topic, _)) => (topic, "pull"),
        None => (parts[5].trim_end_matches(".yaml"), "push"),
    };
    format!("topic: {topic}\nmode: {mode}\nsrc_instance: {}\ndst_instance: {}\n", parts[2], parts[4])
}

/// Everything by which one machine can be told from another, as far as `wanted` is concerned: what was
/// set up in the data of services that do not run is asleep.
fn left(world: &World, wanted: &Desired) -> BTreeMap<String, String> {
    let awake = |own: &str, managed: bool| !managed || wanted.services.contains_key(own);
    let mut journal = world.journal();
    journal.data.clear();
    journal.setups.retain(|_, done| awake(&done.call.own.name, done.call.own.managed));
    let mut journal = serde_json::to_value(journal).expect("JSON");
    without_calls(&mut journal);
    let mut all = BTreeMap::new();
    for (part, entries) in [("running", world.running()), ("files", world.files()), ("made", world.made(awake))] {
        all.extend(entries.into_iter().map(|(name, value)| (format!("{part} {name}"), value)));
    }
    for (part, entries) in journal.as_object().expect("an object") {
        let entries = entries.as_object().into_iter().flatten();
        all.extend(entries.map(|(name, value)| (format!("journal {part} {name}"), value.to_string())));
    }
    all
}

/// A call tells a hook what else is plugged at that moment: that depends on the way that was taken.
fn without_calls(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            map.remove("call");
            map.values_mut().for_each(without_calls);
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(without_calls),
        _ => {}
    }
}

/// What is on one side only, or different.
fn difference(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> Vec<String> {
    let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let differ = keys.into_iter().filter(|key| one.get(*key) != other.get(*key));
    differ.map(|key| format!("{key}:\n  {:?}\n  {:?}", one.get(key), other.get(key))).collect()
}

/// Brings a mesh up, without a hitch.
fn bring_up(world: &World, declared: &Declared) {
    let plan = up(&declared.wanted, &world.observed(&declared.wanted)).expect("a plan");
    world.apply(&plan, Some(&declared.trusted), &Breaks::Never);
    let again = up(&declared.wanted, &world.observed(&declared.wanted)).expect("a plan");
    assert!(again.is_empty(), "a second `up` would do:\n{again}");
}

/// Brings a mesh up, lets that fail at a moment, and takes it back.
fn fail_and_take_back(world: &World, declared: &Declared, moment: usize, trusted: &Trusted) {
    let before = world.observed(&declared.wanted);
    let was = as_it_was(&before, &world.contents(before.services.keys()));
    let plan = up(&declared.wanted, &before).expect("a plan");
    world.apply(&plan, Some(&declared.trusted), &Breaks::Fails(moment));
    let plan = back(&was, &before, &world.observed(&was)).expect("a plan");
    world.apply(&plan, Some(trusted), &Breaks::Never);
    let again = back(&was, &before, &world.observed(&was)).expect("a plan");
    assert!(again.is_empty(), "going back again would do:\n{again}");
}

fn breaks() -> impl Strategy<Value = Breaks> {
    let moment = 1..120_usize;
    prop_oneof![
        4 => moment.clone().prop_map(Breaks::Killed),
        1 => moment.clone().prop_map(Breaks::Stopped),
        1 => moment.prop_map(Breaks::Fails),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn up_goes_on_from_everywhere_and_down_leaves_nothing(
        rounds in prop::collection::vec((0..POOL, breaks()), 1..4),
        last in 0..POOL,
        end in breaks(),
        steps in 1..17_usize,
        of_all in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let turns = if of_all { Turns::OfAll } else { Turns::OfInstance };
        let parallel = Parallel { steps: NonZeroUsize::new(steps).expect("some"), hooks: turns };
        let declared = &MESHES[last];
        let fresh = World::new(parallel, seed);
        bring_up(&fresh, declared);

        let world = World::new(parallel, seed ^ 1);
        for (mesh, breaks) in &rounds {
            let mesh = &MESHES[*mesh];
            let plan = up(&mesh.wanted, &world.observed(&mesh.wanted)).expect("a plan");
            world.apply(&plan, Some(&mesh.trusted), breaks);
        }
        bring_up(&world, declared);
        let differ = difference(&left(&world, &declared.wanted), &left(&fresh, &declared.wanted));
        prop_assert!(differ.is_empty(), "{:?}: {}", declared.what, differ.join("\n"));

        let plan = down(&world.observed(&Desired::default()), false).expect("a plan");
        world.apply(&plan, Some(&declared.trusted), &end);
        let rest = down(&world.observed(&Desired::default()), false).expect("a plan");
        world.apply(&rest, Some(&declared.trusted), &Breaks::Never);
        let nothing = left(&world, &Desired::default());
        prop_assert!(nothing.is_empty(), "{:#?}", nothing);
        prop_assert!(world.journal().is_down());
        prop_assert!(down(&world.observed(&Desired::default()), false).expect("a plan").is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES / 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_up_that_fails_and_is_taken_back_leaves_all_as_it_was(
        first in 0..POOL,
        next in 0..POOL,
        moment in 1..120_usize,
        steps in 1..17_usize,
        seed in any::<u64>(),
    ) {
        let world = World::new(Parallel { steps: NonZeroUsize::new(steps).expect("some"), hooks: Turns::OfInstance }, seed);
        let declared = &MESHES[first];
        bring_up(&world, declared);
        let before = left(&world, &declared.wanted);
        fail_and_take_back(&world, &MESHES[next], moment, &declared.trusted);
        let differ = difference(&left(&world, &declared.wanted), &before);
        prop_assert!(differ.is_empty(), "{:?}, {:?}: {}", declared.what, MESHES[next].what, differ.join("\n"));
        let rest = up(&declared.wanted, &world.observed(&declared.wanted)).expect("a plan");
        prop_assert!(rest.is_empty(), "{}", rest);
    }

    #[test]
    fn a_half_done_mesh_can_be_gone_back_to_and_gone_on_from(
        broken in (0..POOL, breaks()),
        next in 0..POOL,
        moment in 1..120_usize,
        last in 0..POOL,
        seed in any::<u64>(),
    ) {
        let world = World::new(Parallel { steps: NonZeroUsize::new(16).expect("some"), hooks: Turns::OfInstance }, seed);
        let (first, breaks) = (&MESHES[broken.0], &broken.1);
        let plan = up(&first.wanted, &world.observed(&first.wanted)).expect("a plan");
        world.apply(&plan, Some(&first.trusted), breaks);
        let running = world.running();
        fail_and_take_back(&world, &MESHES[next], moment, &first.trusted);
        prop_assert_eq!(world.running(), running);
        bring_up(&world, &MESHES[last]);
    }
}

#[test]
fn the_meshes_differ_and_have_all_that_they_may_have() {
    let whats: BTreeSet<&[&str]> = MESHES.iter().map(|declared| declared.what.as_slice()).collect();
    assert!(whats.len() > POOL / 2, "{} different ones", whats.len());
    for path in PARTS {
        let with = MESHES.iter().filter(|declared| declared.what.contains(&path)).count();
        assert!(with > 0 && with < POOL, "{path} is in {with} of {POOL}");
    }
    let seen = Observed::default();
    assert!(MESHES.iter().any(|declared| up(&declared.wanted, &seen).expect("a plan").steps.len() > 25));
}
