//! Plans as text: the same mesh on machines in different states.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod plan_support;

use insta::assert_snapshot;
use plan_support::seen::{all_up, note};
use plan_support::{soapa, wanted};
use resilmesh::plan::journal::Journal;
use resilmesh::plan::reconcile::{Observed, down, up};
use resilmesh::plan::step::{Action, Plan};
use resilmesh::runtime::State;

fn text(plan: &Plan) -> String {
    if plan.is_empty() { "nothing to do".to_owned() } else { plan.to_string() }
}

#[test]
fn on_a_fresh_machine_everything_is_made_in_order() {
    let wanted = wanted(&soapa(&[]));
    assert_snapshot!("fresh", text(&up(&wanted, &Observed::default()).expect("a plan")));
}

#[test]
fn when_everything_is_up_there_is_nothing_to_do() {
    let wanted = wanted(&soapa(&[]));
    assert_eq!(text(&up(&wanted, &all_up(&wanted)).expect("a plan")), "nothing to do");
}

#[test]
fn a_changed_setting_restarts_its_service_and_what_goes_by_it() {
    let seen = all_up(&wanted(&soapa(&[])));
    let index = "name: store\nproduct: elasticsearch\nsettings: {index: other-events}\n";
    let wanted = wanted(&soapa(&[("instances/elasticsearch/store/config.yaml", Some(index))]));
    assert_snapshot!("changed_setting", text(&up(&wanted, &seen).expect("a plan")));
}

const LAB: &str = "name: lab\nproduct: nats_client\n";
const LAB_PLUG: &str = "src_instance: bus\ndst_instance: lab\ntopic: ecs_events\nmode: pull\n";
const LAB_FILES: [(&str, Option<&str>); 2] = [
    ("instances/nats_client/lab/config.yaml", Some(LAB)),
    ("instances/nats/bus/plugs/lab/ecs_events_pull.yaml", Some(LAB_PLUG)),
];

#[test]
fn an_added_plug_reloads_the_bus_and_makes_its_consumer() {
    let seen = all_up(&wanted(&soapa(&[])));
    let wanted = wanted(&soapa(&LAB_FILES));
    assert_snapshot!("added_plug", text(&up(&wanted, &seen).expect("a plan")));
}

#[test]
fn a_removed_plug_is_undone_from_the_journal() {
    let seen = all_up(&wanted(&soapa(&LAB_FILES)));
    let wanted = wanted(&soapa(&[LAB_FILES[0]]));
    assert_snapshot!("removed_plug", text(&up(&wanted, &seen).expect("a plan")));
}

#[test]
fn a_removed_instance_is_stopped_and_its_plugs_are_undone() {
    let seen = all_up(&wanted(&soapa(&[])));
    let gone = [("instances/vector/indexer", None), ("instances/nats/bus/plugs/indexer", None)];
    let wanted = wanted(&soapa(&gone));
    assert_snapshot!("removed_instance", text(&up(&wanted, &seen).expect("a plan")));
}

#[test]
fn a_service_that_has_gone_is_started_again() {
    let wanted = wanted(&soapa(&[]));
    let mut seen = all_up(&wanted);
    seen.services.remove("enrichment");
    assert_snapshot!("gone_service", text(&up(&wanted, &seen).expect("a plan")));
}

#[test]
fn a_service_that_has_failed_is_started_again_and_one_that_backs_off_is_waited_for() {
    let wanted = wanted(&soapa(&[]));
    let mut seen = all_up(&wanted);
    let status = |seen: &mut Observed, instance: &str, state, because: Option<&str>| {
        let status = seen.services.get_mut(instance).expect("a service");
        status.state = state;
        status.because = because.map(str::to_owned);
    };
    status(&mut seen, "store", State::Failed, Some("disk full\nlast lines"));
    status(&mut seen, "collector", State::Backoff, None);
    assert_snapshot!("failed_service", text(&up(&wanted, &seen).expect("a plan")));
}

#[test]
fn a_half_done_journal_is_gone_on_from() {
    let wanted = wanted(&soapa(&[]));
    let plan = up(&wanted, &Observed::default()).expect("a plan");
    let mut seen = Observed::default();
    let begun = plan
        .steps
        .iter()
        .position(|step| matches!(step.action, Action::Start(ref launch) if launch.spec.instance == "collector"));
    for step in &plan.steps[..begun.expect("the collector is started")] {
        note(&mut seen, &step.action);
    }
    assert_snapshot!("half_done", text(&up(&wanted, &seen).expect("a plan")));
}

#[test]
fn what_was_changed_behind_our_back_is_mended() {
    let wanted = wanted(&soapa(&[]));
    let mut seen = all_up(&wanted);
    seen.on_disk.insert("collector".into(), "other".into());
    seen.drift.insert("bus: ecs_events/collector/bus".into(), "stream `ecs_events` is missing".into());
    assert_snapshot!("drift", text(&up(&wanted, &seen).expect("a plan")));
}

#[test]
fn an_unfinished_pipeline_is_left_out_with_its_plugs() {
    let wanted = wanted(&soapa(&[
        ("instances/silentpush/enrichment/plugs/bus", None),
        ("instances/nats/bus/plugs/indexer", None),
    ]));
    assert_eq!(wanted.left_out.keys().map(String::as_str).collect::<Vec<_>>(), ["enrichment", "indexer"]);
    assert!(!wanted.setups.keys().any(|key| key.contains("enrichment")), "{:?}", wanted.setups.keys());
    let plan = text(&up(&wanted, &Observed::default()).expect("a plan"));
    assert!(!plan.contains("enrichment"), "{plan}");
}

#[test]
fn down_goes_backwards_and_keeps_data_unless_told() {
    let seen = all_up(&wanted(&soapa(&[])));
    assert_snapshot!("down", text(&down(&seen, false).expect("a plan")));
    assert_snapshot!("down_volumes", text(&down(&seen, true).expect("a plan")));
}

#[test]
fn after_down_only_data_is_left_to_delete() {
    let mut journal = Journal::default();
    journal.data.insert("bus".to_owned());
    let seen = Observed { journal, ..Observed::default() };
    assert_eq!(text(&down(&seen, false).expect("a plan")), "nothing to do");
    assert!(text(&down(&seen, true).expect("a plan")).contains("delete    data of bus"));
}
