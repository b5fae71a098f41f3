//! Which port numbers services get.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod plan_support;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use plan_support::soapa;
use resilmesh::mesh::model::Mesh;
use resilmesh::plan::ports::probe::{Machine, Protocols};
use resilmesh::plan::ports::{Allocated, Claims, Moved, Ports, allocate};

/// A machine on which some numbers are taken.
struct Taken(&'static [u16]);

impl Machine for Taken {
    fn can_listen(&self, _: &str, number: u16, _: Protocols) -> io::Result<()> {
        if self.0.contains(&number) { Err(io::ErrorKind::AddrInUse.into()) } else { Ok(()) }
    }

    fn any_free(&self, _: &str, _: Protocols) -> Option<u16> {
        (40000..50000).find(|number| !self.0.contains(number))
    }

    fn holder(&self, number: u16) -> Option<String> {
        Some(format!("process {number}1 (other)"))
    }
}

fn given(mesh: &Mesh, taken: &'static [u16], remembered: &Ports, held: &[(&str, u16)]) -> Result<Ports, Vec<String>> {
    allocated(mesh, taken, remembered, held).map(|allocated| allocated.ports)
}

fn allocated(
    mesh: &Mesh,
    taken: &'static [u16],
    remembered: &Ports,
    held: &[(&str, u16)],
) -> Result<Allocated, Vec<String>> {
    let mut by_instance: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
    for (instance, number) in held {
        by_instance.entry((*instance).to_owned()).or_default().insert(*number);
    }
    let claims = Claims { mesh, remembered, held: &by_instance };
    allocate(&claims, &Taken(taken)).map_err(|found| found.into_iter().map(|found| found.message).collect())
}

const FIREWALLS: [(&str, Option<&str>); 2] = [
    ("instances/syslog/firewalls/config.yaml", Some("name: firewalls\nproduct: syslog\n")),
    (
        "instances/syslog/firewalls/plugs/collector/logs.yaml",
        Some("src_instance: firewalls\ndst_instance: collector\ntopic: logs\nmode: push\nformat: syslog\n"),
    ),
];

#[test]
fn the_default_is_taken_if_it_is_free_and_another_one_is_remembered() {
    let mesh = soapa(&[]);
    let ports = given(&mesh, &[9200], &Ports::default(), &[]).expect("ports");
    assert_eq!(ports.of_service("bus", "client"), Some(4222));
    assert_eq!(ports.of_service("store", "http"), Some(40000));
    let later = given(&mesh, &[], &ports, &[]).expect("ports");
    assert_eq!(later.of_service("store", "http"), Some(40000), "it stays where clients know it");
    let moved = given(&mesh, &[40000], &ports, &[]).expect("ports");
    assert_eq!(moved.of_service("store", "http"), Some(9200));
    let own = given(&mesh, &[40000], &ports, &[("store", 40000)]).expect("ports");
    assert_eq!(own.of_service("store", "http"), Some(40000), "our own service holds it");
}

#[test]
fn a_new_sender_takes_neither_port_nor_name_of_an_old_one_though_its_name_comes_first() {
    let before = given(&soapa(&[]), &[], &Ports::default(), &[]).expect("ports");
    assert_eq!(before.shown(&soapa(&[]), "collector"), [("syslog".to_owned(), 5514)].into());
    let mesh = soapa(&FIREWALLS);
    let after = given(&mesh, &[], &before, &[]).expect("ports");
    let shown = [("syslog".to_owned(), 5514), ("syslog_firewalls".to_owned(), 40000)];
    assert_eq!(after.shown(&mesh, "collector"), shown.clone().into());
    let later = given(&mesh, &[], &after, &[]).expect("ports");
    assert_eq!(later.shown(&mesh, "collector"), shown.into(), "nor does it the next time");
}

#[test]
fn a_number_that_is_asked_for_is_given_or_refused_with_its_holder() {
    let with = |settings: &str| {
        let config = format!("name: bus\nproduct: nats\nsettings: {{{settings}}}\n");
        soapa(&[("instances/nats/bus/config.yaml", Some(&config))])
    };
    let ports = given(&with("port: 9200, monitor_port: 1234"), &[], &Ports::default(), &[]).expect("ports");
    assert_eq!(ports.of_service("bus", "client"), Some(9200));
    assert_eq!(ports.of_service("bus", "monitor"), Some(1234));
    assert_eq!(ports.of_service("store", "http"), Some(40000), "who asks for it comes first");
    let refused =
        given(&with("port: 5555, monitor_port: 1234"), &[5555, 1234], &Ports::default(), &[]).expect_err("refused");
    assert_eq!(
        refused,
        [
            "port 5555, which setting `port` of `bus` asks for, is taken by process 55551 (other)",
            "port 1234, which setting `monitor_port` of `bus` asks for, is taken by process 12341 (other)",
        ]
    );
    // Of a product that says nothing of what the setting must be.
    let product = "settings: [{name: port, type: integer}]\nservice: {ports: {http: 80}, ready: {control: true}, embedded: {program: box}}\n";
    let boxed = soapa(&[
        ("products/box/definition.yaml", Some(product)),
        ("instances/box/box/config.yaml", Some("name: box\nsettings: {port: 70000}\n")),
    ]);
    let refused = given(&boxed, &[], &Ports::default(), &[]).expect_err("refused");
    assert_eq!(refused, ["setting `port` of `box` is 70000, which is no port number"]);
    let twice = given(&with("port: 5555, monitor_port: 5555"), &[], &Ports::default(), &[]).expect_err("refused");
    assert_eq!(twice, ["port 5555, which setting `monitor_port` of `bus` asks for, is taken by instance `bus`"]);
}

#[test]
fn a_port_that_does_not_get_its_number_is_told_once() {
    let mesh = soapa(&[]);
    let told = |taken, remembered: &Ports| {
        let allocated = allocated(&mesh, taken, remembered, &[]).expect("ports");
        let words = |moved: &Moved| (moved.instance.clone(), moved.is_known, moved.to_string());
        (allocated.moved.iter().map(words).collect::<Vec<_>>(), allocated.ports)
    };
    let (first, ports) = told(&[9200], &Ports::default());
    let words = "port 9200 is taken by process 92001 (other); 40000 instead";
    assert_eq!(first, [("store".to_owned(), false, words.to_owned())]);
    assert_eq!(told(&[9200], &ports).0, [], "it stays where it is");
    let (again, _) = told(&[40000], &ports);
    let words = "port 40000 is taken by process 400001 (other); 9200 instead";
    assert_eq!(again, [("store".to_owned(), true, words.to_owned())]);
}
