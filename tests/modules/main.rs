//! Modules as their users see them: made from the template, put between two topics, brought up, changed, taken down.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod chaos;
mod examples;
mod flow;
mod refused;
mod rust;

#[path = "../end_to_end/mesh.rs"]
#[allow(dead_code, reason = "a part of it is for other tests")]
mod mesh;

use std::collections::HashSet;
use std::io::Write as _;

use mesh::Mesh;

/// The example mesh with these modules, one after the other, in the place of enrichment.
fn soapa_with(modules: &[(&str, &str)]) -> Mesh {
    let mesh = Mesh::soapa();
    mesh.expect(&["unplug", "ecs_events", "bus", "enrichment", "-m", "pull"]);
    mesh.expect(&["unplug", "enriched_events", "enrichment", "bus", "--force"]);
    mesh.expect(&["remove", "enrichment"]);
    let mut from = "ecs_events".to_owned();
    for (number, (name, language)) in modules.iter().enumerate() {
        let last = number + 1 == modules.len();
        let into = if last { "enriched_events".to_owned() } else { format!("after_{name}") };
        if !language.is_empty() {
            mesh.expect(&["create", "product", name, "--from", "module", "--lang", language]);
            let path = mesh.project.join(format!("products/{name}/definition.yaml"));
            let text = std::fs::read_to_string(&path).expect("a definition");
            let text = text
                .replace("  ecs_events:", &format!("  {from}:"))
                .replace("  enriched_events:", &format!("  {into}:"));
            std::fs::write(&path, text).expect("written");
        }
        mesh.expect(&["add", name]);
        mesh.expect(&["plug", &from, "bus", name, "-m", "pull"]);
        mesh.expect(&["plug", &into, name, "bus"]);
        from = into;
    }
    mesh
}

/// Lets the mesh read so many lines more.
fn write_log(mesh: &Mesh, lines: std::ops::Range<usize>) {
    let file = std::fs::OpenOptions::new().create(true).append(true).open(mesh.log_file()).expect("log file");
    let mut file = std::io::BufWriter::new(file);
    for n in lines {
        writeln!(file, "2026-11-21 10:00:00 status installed package-{n}:amd64 1.{n}-1").expect("write");
    }
    file.flush().expect("flush");
}

fn expect_each_once(mesh: &Mesh, lines: usize) {
    let messages = mesh.messages();
    let distinct: HashSet<&str> = messages.iter().map(String::as_str).collect();
    assert_eq!((messages.len(), distinct.len()), (lines, lines), "documents, distinct lines");
}

/// How many documents have a tag.
fn tagged(mesh: &Mesh, tag: &str) -> u64 {
    let query = serde_json::json!({"size": 0, "track_total_hits": true, "query": {"term": {"tags": tag}}});
    let answer = mesh.store("/resilmesh-processed-events/_search", Some(&query));
    answer["hits"]["total"]["value"].as_u64().expect("a number")
}
