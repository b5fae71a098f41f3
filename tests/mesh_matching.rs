//! Which capabilities a plug connects, when there are several, and who sets its ends up.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::TestProject;
use resilmesh::mesh::compile::compile;
use resilmesh::project::load::load;

/// What a product can do that sets up its own end: one file per plug.
const FILE: &str = "renders: [{template: t, to: x}]";

/// Plugs `alerts` from an instance of `edr` to one of `siem` and says how: mode, format, kind, who
/// sets it up, and what each end renders.
fn plugged(edr: &str, siem: &str, more: &[(&str, &str)], args: &[&str]) -> String {
    let mut files = vec![
        ("products/edr/definition.yaml", edr),
        ("products/siem/definition.yaml", siem),
        ("products/edr/templates/t", "edr\n"),
        ("products/siem/templates/t", "siem\n"),
    ];
    files.extend(more);
    let project = TestProject::with(&files);
    project.must(&["add", "edr", "e"]);
    project.must(&["add", "siem", "s"]);
    let (code, _, err) = project.output(&[&["plug", "alerts", "e", "s"], args].concat());
    if code != 0 {
        return err;
    }
    let files = load(&project.root()).expect("the project can be opened");
    let (mesh, _) = compile(&files).unwrap_or_else(|found| panic!("{found:?}"));
    let plug = &mesh.plugs[0];
    format!(
        "{} {} {} by {}: {} -> {}",
        plug.id.mode.word(),
        plug.format.as_deref().unwrap_or("-"),
        plug.source.role.word(),
        plug.owner.as_deref().unwrap_or("each"),
        plug.source.capability.renders.iter().map(|render| render.to.as_str()).collect::<String>(),
        plug.destination.capability.renders.iter().map(|render| render.to.as_str()).collect::<String>(),
    )
}

fn section(name: &str, entries: &[&str]) -> String {
    let entries: Vec<String> = entries.iter().map(|entry| format!("  - {{{entry}}}\n")).collect();
    format!("{name}:\n  alerts:\n{}", entries.concat())
}

#[test]
fn push_goes_before_pull_whatever_the_order_of_the_files() {
    let edr = section("produces", &[&format!("mode: pull, {FILE}"), FILE]);
    let siem = section("consumes", &[&format!("mode: pull, {FILE}"), FILE]);
    assert_eq!(plugged(&edr, &siem, &[], &[]), "push - producer by each: x -> x");
    assert_eq!(plugged(&edr, &siem, &[], &["-m", "pull"]), "pull - producer by each: x -> x");
}

#[test]
fn a_mode_that_somebody_sets_up_goes_before_one_that_nobody_does() {
    let edr = section("produces", &["", &format!("mode: pull, {FILE}")]);
    let siem = section("consumes", &["", &format!("mode: pull, {FILE}")]);
    assert_eq!(plugged(&edr, &siem, &[], &[]), "pull - producer by each: x -> x");
}

#[test]
fn the_most_specific_format_is_taken() {
    let edr = section("produces", &[FILE, &format!("format: cef, {FILE}"), &format!("format: leef, {FILE}")]);
    let siem = section("consumes", &[FILE, &format!("format: leef, {FILE}")]);
    assert_eq!(plugged(&edr, &siem, &[], &[]), "push leef producer by each: x -> x");
    assert_eq!(plugged(&edr, &siem, &[], &["-f", "cef"]), "push cef producer by each: x -> x");
}

#[test]
fn a_format_that_neither_end_has_an_opinion_on_is_kept() {
    let (edr, siem) = (section("produces", &[FILE]), section("consumes", &[FILE]));
    assert_eq!(plugged(&edr, &siem, &[], &["-f", "json"]), "push json producer by each: x -> x");
}

#[test]
fn an_integration_file_goes_before_the_definition_and_overrides_it() {
    let (edr, siem) = (section("produces", &[FILE]), section("consumes", &[FILE]));
    let file =
        ("products/edr/integrations/siem/alerts_producer.yml", "renders: [{template: t, to: special}]\nformat: cef\n");
    assert_eq!(plugged(&edr, &siem, &[file], &[]), "push cef producer by each: special -> x");
    let for_all = ("products/edr/integrations/siem/any_producer.yaml", "renders: [{template: t, to: all}]\n");
    assert_eq!(plugged(&edr, &siem, &[for_all, file], &[]), "push cef producer by each: special -> x");
    assert_eq!(plugged(&edr, &siem, &[for_all], &[]), "push - producer by each: all -> x");
}

#[test]
fn an_integration_that_owns_both_ends_needs_no_word_of_the_other_product() {
    let file = (
        "products/edr/integrations/siem/alerts_producer.yml",
        "owns_both: true\nrenders: [{template: t, to: there, into: peer}]\n",
    );
    assert_eq!(plugged("", "", &[file], &[]), "push - producer by e: there -> ");
    let file = (
        "products/siem/integrations/edr/alerts_consumer_pull.yml",
        "owns_both: true\nrenders: [{template: t, to: here}]\n",
    );
    assert_eq!(plugged("", "", &[file], &[]), "pull - producer by s:  -> here");
}

#[test]
fn both_ends_setting_themselves_up_goes_before_one_setting_up_both() {
    let edr = section("produces", &[FILE]);
    let siem = section("consumes", &[&format!("owns_both: true, {FILE}")]);
    assert_eq!(plugged(&edr, &siem, &[], &[]), "push - producer by each: x -> x");
    assert_eq!(plugged(&section("produces", &[""]), &siem, &[], &[]), "push - producer by s:  -> x");
}

#[test]
fn a_declared_setup_hook_owns_its_end_and_counts_as_a_capability() {
    let edr = section("produces", &[FILE]);
    let hook = |more: &str| format!("hooks:\n- {{kind: setup, role: consumer, topic: alerts, title: connect{more}}}\n");
    assert_eq!(plugged(&edr, &hook(""), &[], &[]), "push - producer by each: x -> ");
    assert_eq!(plugged(&edr, &hook(", format: cef"), &[], &[]), "push cef producer by each: x -> ");
    assert!(plugged(&edr, &hook(", mode: pull"), &[], &[]).contains("modes of `alerts` differ"));
    let unowned = section("produces", &[""]);
    assert_eq!(plugged(&unowned, &hook(", owns_both: true"), &[], &[]), "push - producer by s:  -> ");
}

#[test]
fn triggers_go_to_executors_and_say_so() {
    let (edr, siem) = (section("triggers", &[FILE]), section("executes", &[FILE]));
    assert_eq!(plugged(&edr, &siem, &[], &[]), "push - trigger by each: x -> x");
    let both = format!("{}{}", section("produces", &[FILE]), section("triggers", &[FILE]));
    let other = format!("{}{}", section("consumes", &[FILE]), section("executes", &[FILE]));
    assert_eq!(plugged(&both, &other, &[], &[]), "push - producer by each: x -> x");
}

#[test]
fn plugs_have_the_settings_of_their_integrations() {
    let (edr, siem) = (section("produces", &[FILE]), section("consumes", &[FILE]));
    let project = TestProject::with(&[
        ("products/edr/definition.yaml", &edr),
        ("products/siem/definition.yaml", &siem),
        ("products/edr/templates/t", "x\n"),
        ("products/siem/templates/t", "x\n"),
        (
            "products/edr/integrations/siem/alerts_producer.yml",
            "settings:\n- {name: port, type: integer, default: 514}\n- {name: labels, type: array}\n",
        ),
    ]);
    project.must(&["add", "edr", "e"]);
    project.must(&["add", "siem", "s"]);
    let refused = project.refused(&["plug", "alerts", "e", "s", "-c", "prot=1"]);
    assert!(refused.contains("did you mean `port`?"), "{refused}");
    project.must(&["plug", "alerts", "e", "s", "-c", "labels=a", "-c", "labels=b"]);
    let files = load(&project.root()).expect("the project can be opened");
    let (mesh, _) = compile(&files).expect("it compiles");
    assert_eq!(serde_json::json!(mesh.plugs[0].settings), serde_json::json!({"port": 514, "labels": ["a", "b"]}));
}
