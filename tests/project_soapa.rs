//! The example mesh: what it means is written down here plug by plug.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use resilmesh::mesh::compile::compile;
use resilmesh::mesh::model::{Mesh, Plug};
use resilmesh::project::load::load;

fn soapa() -> Mesh {
    let files = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/soapa")).expect("the example is there");
    let (mesh, warnings) = compile(&files).expect("the example compiles");
    assert_eq!(warnings, [], "the example is without warnings");
    mesh
}

fn describe(plug: &Plug) -> String {
    let renders = |renders: &[resilmesh::mesh::model::Render]| {
        renders.iter().map(|render| render.template.clone()).collect::<Vec<_>>().join(" ")
    };
    format!(
        "{} {} -> {} {} {}, set up by {}\n  {}: [{}]\n  {}: [{}]",
        plug.id.topic,
        plug.id.source,
        plug.id.destination,
        plug.id.mode.word(),
        plug.format.as_deref().unwrap_or("-"),
        plug.owner.as_deref().unwrap_or("each"),
        plug.source.instance,
        renders(&plug.source.capability.renders),
        plug.destination.instance,
        renders(&plug.destination.capability.renders),
    )
}

#[test]
fn the_example_means_seven_plugs() {
    let mesh = soapa();
    let plugs: Vec<String> = mesh.plugs.iter().map(describe).collect();
    insta::assert_snapshot!(plugs.join("\n"));
}

#[test]
fn the_example_runs_five_services_with_their_settings() {
    let mesh = soapa();
    let services: Vec<&str> = mesh.services().map(|(instance, _)| instance.name.as_str()).collect();
    assert_eq!(services, ["bus", "collector", "enrichment", "indexer", "store"]);
    assert_eq!(mesh.name, "soapa");
    assert_eq!(mesh.instances["packages"].settings["include"], serde_json::json!(["/var/log/dpkg.log"]));
    assert_eq!(mesh.instances["enrichment"].settings["providers"], serde_json::json!(["local", "silentpush"]));
    assert_eq!(mesh.instances["indexer"].settings["listen"], "127.0.0.1", "defaults are filled in");
}
