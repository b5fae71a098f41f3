use std::path::Path;

use super::*;
use crate::mesh::compile::compile;
use crate::project::load::load;

const RELAY: &str = "produces:\n  '*': [{owns_both: true}]\nconsumes:\n  '*': [{}]\nservice:\n  ready: {control: true}\n  embedded: {program: relay}\nguarantees:\n  - {role: producer, product: relay, when: settings.careful, delivery: at_least_once, because: it asks}\n  - {role: producer, product: relay, delivery: at_most_once, because: it does not ask}\n  - {role: producer, product: vault, delivery: exactly_once, because: it knows ids}\nsettings:\n  - {name: careful, type: boolean, default: true}\n";
const VAULT: &str = "consumes:\n  '*': [{}]\n";

/// Relays and a vault, connected as these pairs say.
fn mesh(careless: &[&str], plugs: &[(&str, &str)]) -> Mesh {
    let place = tempfile::tempdir().expect("a temporary folder");
    let write = |path: &str, text: &str| {
        let path = place.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        std::fs::write(path, text).expect("writable");
    };
    write("resilmesh.yaml", "version: 1\n");
    write("products/relay/definition.yaml", RELAY);
    write("products/vault/definition.yaml", VAULT);
    let product = |name: &str| if name.starts_with('v') { "vault" } else { "relay" };
    for name in plugs.iter().flat_map(|(source, destination)| [source, destination]) {
        let settings = if careless.contains(name) { "settings: {careful: false}\n" } else { "" };
        write(&format!("instances/{}/{name}/config.yaml", product(name)), settings);
    }
    for (source, destination) in plugs {
        write(&format!("instances/{}/{source}/plugs/{destination}/logs.yaml", product(source)), "");
    }
    let files = load(place.path()).expect("readable");
    compile(&files).expect("without mistakes").0
}

/// Source, end, promise, hops and the weakest of them, of each way.
fn told(mesh: &Mesh) -> Vec<String> {
    let edges = edges(mesh);
    let name = |edge: &usize| format!("{}>{}", edges[*edge].plug.id.source, edges[*edge].plug.id.destination);
    ways(mesh, &edges)
        .iter()
        .map(|way| {
            let hops: Vec<String> = way.hops.iter().map(name).collect();
            let words = way.delivery.words();
            format!("{} to {}: {words} by {}, weakest {}", way.source, way.end, hops.join(" "), name(&way.weakest))
        })
        .collect()
}

#[test]
fn nothing_lost_and_told_apart_in_the_end_is_exactly_once() {
    assert_eq!(told(&mesh(&[], &[("a", "b"), ("b", "v")])), ["a to v: exactly once by a>b b>v, weakest a>b"]);
}

#[test]
fn a_way_is_as_good_as_its_weakest_hop() {
    assert_eq!(
        told(&mesh(&["b"], &[("a", "b"), ("b", "c"), ("c", "v")])),
        ["a to v: at most once by a>b b>c c>v, weakest b>c"]
    );
}

#[test]
fn of_two_ways_the_weaker_one_counts() {
    assert_eq!(
        told(&mesh(&["c"], &[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "v")])),
        ["a to v: at most once by a>c c>d d>v, weakest c>d"]
    );
}

#[test]
fn every_source_and_every_end_has_its_way() {
    assert_eq!(
        told(&mesh(&[], &[("a", "c"), ("b", "c"), ("c", "v"), ("c", "w"), ("w", "v2")])),
        [
            "a to v: exactly once by a>c c>v, weakest a>c",
            "a to v2: exactly once by a>c c>w w>v2, weakest a>c",
            "b to v: exactly once by b>c c>v, weakest b>c",
            "b to v2: exactly once by b>c c>w w>v2, weakest b>c",
        ]
    );
}

#[test]
fn who_says_nothing_promises_nothing() {
    let mut mesh = mesh(&[], &[("a", "b"), ("b", "v")]);
    mesh.products.get_mut("relay").expect("in use").guarantees.truncate(2);
    let edges = edges(&mesh);
    assert_eq!(edges.iter().map(|edge| edge.delivery).collect::<Vec<_>>(), [Delivery::AtLeastOnce, Delivery::Unknown]);
    assert_eq!(edges[1].because, "neither `relay` nor `vault` says in its definition what it promises");
    assert_eq!(ways(&mesh, &edges)[0].delivery, Delivery::Unknown);
}

#[test]
fn topics_of_a_broker_do_not_mix() {
    let files = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/soapa")).expect("readable");
    let (mesh, _) = compile(&files).expect("without mistakes");
    let told = told(&mesh);
    assert_eq!(
        told,
        [
            "packages to store: exactly once by packages>collector collector>bus bus>enrichment enrichment>bus bus>indexer indexer>store, weakest packages>collector",
            "senders to store: at most once by senders>collector collector>bus bus>enrichment enrichment>bus bus>indexer indexer>store, weakest senders>collector",
        ]
    );
}
