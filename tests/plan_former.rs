//! The way back from an `up` that failed, as text.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod plan_support;

use insta::assert_snapshot;
use plan_support::{seen, soapa, wanted};
use resilmesh::plan::desired::Desired;
use resilmesh::plan::former::{Contents, as_it_was, back};
use resilmesh::plan::reconcile::{Observed, up};
use resilmesh::plan::step::Plan;
use resilmesh::runtime::State;

fn contents(wanted: &Desired) -> Contents {
    wanted.services.iter().map(|(instance, service)| (instance.clone(), service.files.files.clone())).collect()
}

/// A mesh that is up, and the next one, which is brought up till it fails at a step: what was seen
/// before, what is seen then.
struct Failed {
    before: Observed,
    contents: Contents,
    now: Observed,
}

impl Failed {
    fn of(first: &Desired, next: &Desired, at: &str) -> Self {
        let before = seen::all_up(first);
        let mut now = before.clone();
        let plan = up(next, &before).expect("a plan");
        let reached = plan.steps.iter().position(|step| step.to_string().starts_with(at));
        let reached = reached.unwrap_or_else(|| panic!("`{at}` is in the plan:\n{plan}"));
        for step in &plan.steps[..reached] {
            seen::note(&mut now, &step.action);
        }
        Self { before, contents: contents(first), now }
    }

    fn back(&self) -> Plan {
        back(&as_it_was(&self.before, &self.contents), &self.before, &self.now).expect("a plan")
    }

    /// Goes back; nothing is left to do then.
    fn gone_back(&self) -> Observed {
        let mut then = self.now.clone();
        for step in &self.back().steps {
            seen::note(&mut then, &step.action);
        }
        let again = back(&as_it_was(&self.before, &self.contents), &self.before, &then).expect("a plan");
        assert_eq!(text(&again), "nothing to do");
        then
    }
}

fn text(plan: &Plan) -> String {
    if plan.is_empty() { "nothing to do".to_owned() } else { plan.to_string() }
}

const INDEX: (&str, Option<&str>) = (
    "instances/elasticsearch/store/config.yaml",
    Some("name: store\nproduct: elasticsearch\nsettings: {index: other-events}\n"),
);
const LAB: [(&str, Option<&str>); 2] = [
    ("instances/nats_client/lab/config.yaml", Some("name: lab\nproduct: nats_client\n")),
    (
        "instances/nats/bus/plugs/lab/ecs_events_pull.yaml",
        Some("src_instance: bus\ndst_instance: lab\ntopic: ecs_events\nmode: pull\n"),
    ),
];
const NO_INDEXER: [(&str, Option<&str>); 2] =
    [("instances/vector/indexer", None), ("instances/nats/bus/plugs/indexer", None)];

#[test]
fn what_is_as_before_needs_nothing() {
    let mesh = wanted(&soapa(&[]));
    let before = seen::all_up(&mesh);
    let plan = back(&as_it_was(&before, &contents(&mesh)), &before, &before).expect("a plan");
    assert_eq!(text(&plan), "nothing to do");
}

#[test]
fn what_was_known_is_what_a_mesh_wants() {
    let mesh = wanted(&soapa(&[]));
    let was = as_it_was(&seen::all_up(&mesh), &contents(&mesh));
    let names = |desired: &Desired| desired.services.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&was), names(&mesh));
    assert_eq!(was.setups, mesh.setups);
    for plug in mesh.plugs.keys() {
        let keys = |desired: &Desired| desired.setups_of(plug).map(|(key, _)| key.clone()).collect::<Vec<_>>();
        assert_eq!(keys(&was), keys(&mesh), "{plug}");
    }
    assert_eq!((&was.plugs, &was.undo, &was.brokers), (&mesh.plugs, &mesh.undo, &mesh.brokers));
}

#[test]
fn a_changed_setting_is_changed_back() {
    let (first, next) = (wanted(&soapa(&[])), wanted(&soapa(&[INDEX])));
    let failed = Failed::of(&first, &next, "set up store");
    assert_snapshot!("changed_setting", text(&failed.back()));
    assert_eq!(failed.gone_back().journal, failed.before.journal);
}

#[test]
fn an_added_plug_is_taken_away() {
    let (first, next) = (wanted(&soapa(&[])), wanted(&soapa(&LAB)));
    let failed = Failed::of(&first, &next, "plug ecs_events/bus/lab");
    assert_snapshot!("added_plug", text(&failed.back()));
    assert_eq!(failed.gone_back().journal, failed.before.journal);
}

#[test]
fn a_removed_plug_is_made_again() {
    let (first, next) = (wanted(&soapa(&LAB)), wanted(&soapa(&[LAB[0], INDEX])));
    let failed = Failed::of(&first, &next, "set up store");
    assert_snapshot!("removed_plug", text(&failed.back()));
    assert_eq!(failed.gone_back().journal, failed.before.journal);
}

#[test]
fn a_removed_service_is_started_again_as_it_was() {
    let (first, next) = (wanted(&soapa(&[])), wanted(&soapa(&[NO_INDEXER[0], NO_INDEXER[1], INDEX])));
    let failed = Failed::of(&first, &next, "unplug enriched_events/indexer/store");
    assert_snapshot!("removed_service", text(&failed.back()));
    assert_eq!(failed.gone_back().journal, failed.before.journal);
}

#[test]
fn a_first_up_leaves_nothing_but_data() {
    let next = wanted(&soapa(&[]));
    let failed = Failed::of(&Desired::default(), &next, "start indexer");
    assert_snapshot!("first_up", text(&failed.back()));
    let then = failed.gone_back();
    assert!(then.services.is_empty() && then.journal.is_down(), "{:?}", then.journal);
    assert!(then.journal.data.contains("bus") && !then.journal.setups.is_empty(), "data is never deleted");
}

#[test]
fn what_had_failed_before_is_left_alone() {
    let (first, next) = (wanted(&soapa(&[])), wanted(&soapa(&LAB)));
    let mut failed = Failed::of(&first, &next, "plug ecs_events/bus/lab");
    for seen in [&mut failed.before, &mut failed.now] {
        seen.services.get_mut("enrichment").expect("a service").state = State::Failed;
    }
    assert!(!text(&failed.back()).contains("start     enrichment"), "{}", failed.back());
}

#[test]
fn what_ran_no_more_is_not_started() {
    let (first, next) = (wanted(&soapa(&[])), wanted(&soapa(&[INDEX])));
    let mut failed = Failed::of(&first, &next, "set up store");
    // After a reboot: the journal knows services of which nothing runs, till `up` starts them.
    failed.before.services.clear();
    failed.contents.clear();
    let then = failed.gone_back();
    assert!(then.services.is_empty(), "{:?}", then.services.keys());
    assert_eq!((then.journal.plugs, then.journal.data), (failed.before.journal.plugs, failed.before.journal.data));
}
