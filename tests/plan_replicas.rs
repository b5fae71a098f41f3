//! Several like services of one instance, as plans: who joins, who leaves, who stays as it is.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod plan_support;

use insta::assert_snapshot;
use plan_support::seen::all_up;
use plan_support::{soapa, wanted};
use resilmesh::plan::desired::Desired;
use resilmesh::plan::reconcile::{Observed, Part, down, up, up_part};

const FILE: &str = "instances/vector/indexer/config.yaml";

fn with(replicas: u16, more: &[(&str, Option<&str>)]) -> Desired {
    let text = format!("name: indexer\nproduct: vector\nreplicas: {replicas}\n");
    let changes: Vec<_> = [(FILE, Some(text.as_str()))].into_iter().chain(more.iter().copied()).collect();
    wanted(&soapa(&changes))
}

fn plan(wanted: &Desired, seen: &Observed) -> String {
    let plan = up(wanted, seen).expect("a plan");
    if plan.is_empty() { "nothing to do".to_owned() } else { plan.to_string() }
}

#[test]
fn on_a_fresh_machine_they_share_their_files_and_start_at_once() {
    assert_snapshot!("replicas_fresh", plan(&with(3, &[]), &Observed::default()));
}

#[test]
fn each_has_a_socket_and_a_folder_for_data_and_the_first_is_as_if_it_were_alone() {
    let (one, three) = (with(1, &[]), with(3, &[]));
    assert_eq!(one.services["indexer"], three.services["indexer"]);
    let third = &three.services["indexer/3"].launch.spec;
    let first = &three.services["indexer"].launch.spec;
    assert_eq!(third.directory, first.directory);
    let differ: Vec<_> = third.args.iter().zip(&first.args).filter(|(one, other)| one != other).collect();
    assert_eq!(differ.len(), 2, "{differ:?}");
    assert!(third.args.iter().any(|arg| arg.ends_with(".resilmesh/data/indexer_3")), "{:?}", third.args);
}

#[test]
fn two_join_the_one_that_runs_on() {
    assert_snapshot!(plan(&with(3, &[]), &all_up(&with(1, &[]))), @"
    #1           start     indexer/2 -- new
    #2           start     indexer/3 -- new
    #3  after 1  wait for  indexer/2 -- it starts
    #4  after 2  wait for  indexer/3 -- it starts
    ");
}

#[test]
fn two_leave_and_the_first_runs_on() {
    assert_snapshot!(plan(&with(1, &[]), &all_up(&with(3, &[]))), @"
    #1    stop      indexer/2 -- fewer replicas
    #2    stop      indexer/3 -- fewer replicas
    ");
}

#[test]
fn when_all_are_up_there_is_nothing_to_do() {
    let wanted = with(3, &[]);
    assert_eq!(plan(&wanted, &all_up(&wanted)), "nothing to do");
}

#[test]
fn one_that_is_gone_comes_back_alone() {
    let wanted = with(3, &[]);
    let mut seen = all_up(&wanted);
    seen.services.remove("indexer/2");
    assert_snapshot!(plan(&wanted, &seen), @"
    #1           start     indexer/2 -- it is gone
    #2  after 1  wait for  indexer/2 -- it starts
    ");
}

#[test]
fn a_changed_configuration_restarts_one_after_the_other() {
    let index = "name: store\nproduct: elasticsearch\nsettings: {index: other-events}\n";
    let wanted = with(3, &[("instances/elasticsearch/store/config.yaml", Some(index))]);
    let plan = plan(&wanted, &all_up(&with(3, &[])));
    let of_it: String = plan.lines().filter(|line| line.contains("indexer")).map(|line| format!("{line}\n")).collect();
    assert_snapshot!(of_it, @"
    #1              render    configuration of indexer -- changed
    #4   after 3    set up    store: enriched_events/indexer/store (create the index template and the index) -- changed
    #5   after 1,4  restart   indexer -- configuration changed
    #6   after 5    wait for  indexer -- it starts
    #7   after 6    restart   indexer/2 -- configuration changed
    #8   after 7    wait for  indexer/2 -- it starts
    #9   after 8    restart   indexer/3 -- configuration changed
    #10  after 9    wait for  indexer/3 -- it starts
    ");
}

#[test]
fn an_instance_that_goes_takes_all_its_services_along() {
    let seen = all_up(&with(3, &[]));
    let gone = [("instances/vector/indexer", None), ("instances/nats/bus/plugs/indexer", None)];
    assert_snapshot!("replicas_removed", plan(&wanted(&soapa(&gone)), &seen));
    assert_snapshot!("replicas_down", down(&seen, true).expect("a plan").to_string());
}

#[test]
fn a_part_is_about_all_services_of_an_instance() {
    let part = Part { services: ["indexer".to_owned()].into(), ..Part::default() };
    let plan = up_part(&with(3, &[]), &all_up(&with(1, &[])), &part).expect("a plan");
    assert_snapshot!(plan.to_string(), @"
    #1           start     indexer/2 -- new
    #2           start     indexer/3 -- new
    #3  after 1  wait for  indexer/2 -- it starts
    #4  after 2  wait for  indexer/3 -- it starts
    ");
    assert!(part.has("indexer/3") && !part.has("store"));
}
