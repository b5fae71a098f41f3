//! Of many plugs only the one that was edited is touched.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::TestProject;
use common::python::{hooks, setup};
use serde_json::Value;

/// How many plugs there are.
const PLUGS: usize = 200;
/// The one that is edited.
const EDITED: usize = 117;

const SENSOR: &str = "\
@setup_producer()
def send(plug):
    note('send', plug.src_instance, plug.format)


@teardown_producer()
def stop(plug):
    note('stop', plug.src_instance)
";

/// The document of a plug.
fn plug(number: usize, format: &str) -> (String, String) {
    let path = format!("instances/sensor/s{number}/plugs/l{}/alerts.yaml", number % 4);
    let ends = format!("src_instance: s{number}\ndst_instance: l{}", number % 4);
    (path, format!("topic: alerts\nmode: push\n{ends}\nformat: {format}\n"))
}

/// Sensors that send to four lakes: hooks at both ends.
fn mesh() -> TestProject {
    let lake = setup("consumer").replace("plug.mode", "plug.src_instance");
    let formats = "{alerts: [{mode: push, format: json}, {mode: push, format: cef}]}";
    let project = TestProject::with(&[
        ("resilmesh.yaml", "version: 1\nname: many\n"),
        ("products/sensor/definition.yaml", &format!("produces: {formats}\n")),
        ("products/sensor/hooks.py", &hooks(SENSOR)),
        ("products/lake/definition.yaml", &format!("consumes: {formats}\n")),
        ("products/lake/hooks.py", &hooks(&lake)),
    ]);
    for number in 0..4 {
        project.write(&format!("instances/lake/l{number}/config.yaml"), format!("name: l{number}\nproduct: lake\n"));
    }
    for number in 0..PLUGS {
        let config = format!("name: s{number}\nproduct: sensor\n");
        project.write(&format!("instances/sensor/s{number}/config.yaml"), config);
        let (path, text) = plug(number, "json");
        project.write(&path, text);
    }
    project
}

fn steps(project: &TestProject) -> Vec<Value> {
    let plan: Value = serde_json::from_str(&project.prints(&["plan", "--json"])).expect("JSON");
    plan["steps"].as_array().expect("steps").clone()
}

#[test]
fn editing_one_plug_of_many_touches_its_own_steps_only() {
    let project = mesh();
    // At each end a hook, and that the plug is up.
    assert_eq!(steps(&project).len(), 3 * PLUGS);
    project.must(&["up"]);
    assert_eq!(project.trace().len(), 2 * PLUGS);
    project.forget_trace();

    assert_eq!(steps(&project), Vec::<Value>::new());
    assert_eq!(project.output(&["plan", "--detailed-exitcode"]).0, 0);
    assert_eq!(project.says(&["up"]), "nothing to do\n");
    assert_eq!(project.trace(), Vec::<String>::new());

    let (path, text) = plug(EDITED, "cef");
    project.write(&path, text);
    let own = format!("alerts/s{EDITED}/l{}", EDITED % 4);
    let planned = steps(&project);
    let objects: Vec<&str> = planned.iter().map(|step| step["object"].as_str().expect("what")).collect();
    assert!(!objects.is_empty() && objects.iter().all(|object| object.contains(&own)), "{objects:?}");
    assert_eq!(project.output(&["plan", "--detailed-exitcode"]).0, 2);

    let told = project.prints(&["up", "--json"]);
    let ended = told.lines().filter(|line| line.contains("\"ended\":")).count();
    assert_eq!(ended, planned.len(), "{told}");
    let trace = project.trace();
    let name = format!("s{EDITED}");
    assert!(trace.iter().all(|line| line.split(' ').any(|word| word == name)), "{trace:?}");
    assert!(trace.contains(&format!("send {name} cef")), "{trace:?}");
    assert_eq!(steps(&project), Vec::<Value>::new());

    project.forget_trace();
    project.must(&["down"]);
    assert_eq!(project.trace().iter().filter(|line| line.starts_with("stop ")).count(), PLUGS);
}

/// A service that reads a file for each plug, and the plugs' settings in them.
fn service() -> TestProject {
    let web = "consumes: {events: [{mode: push}]}\nservice:\n  ports: {http: 8891}\n  files: [{template: serve.txt, \
               to: serve.txt}]\n  ready: {http: /, port: http}\n  reload: {signal: HUP}\n  embedded: {program: python3, \
               args: ['-SE', '{{ product }}/serve.py', '{{ files }}']}\n";
    let colour = "settings: [{name: colour, type: string, default: red}]\nowns_both: true\n\
                  renders: [{template: source.txt, to: 'sources/{{ peer.id }}.txt'}]\n";
    let project = TestProject::with(&[
        ("resilmesh.yaml", "version: 1\nname: many\n"),
        ("products/sensor/definition.yaml", "produces: {events: [{mode: push}]}\n"),
        ("products/web/definition.yaml", web),
        ("products/web/serve.py", include_str!("sequences/products/web/serve.py")),
        ("products/web/templates/serve.txt", "{{ listen(\"http\") }}\n"),
        ("products/web/templates/source.txt", "{{ plug.settings.colour }}\n"),
        ("products/web/integrations/sensor/events_consumer.yml", colour),
        ("instances/web/w1/config.yaml", "name: w1\nproduct: web\n"),
    ]);
    for number in 0..PLUGS {
        let config = format!("name: s{number}\nproduct: sensor\n");
        project.write(&format!("instances/sensor/s{number}/config.yaml"), config);
        project.write(&coloured(number), coloured_plug(number, "red"));
    }
    project
}

fn coloured(number: usize) -> String {
    format!("instances/sensor/s{number}/plugs/w1/events.yaml")
}

fn coloured_plug(number: usize, colour: &str) -> String {
    format!("topic: events\nmode: push\nsrc_instance: s{number}\ndst_instance: w1\nsettings: {{colour: {colour}}}\n")
}

#[test]
fn editing_a_setting_of_one_plug_of_many_changes_one_file_and_restarts_nothing() {
    let project = service();
    let path = std::env::var("PATH").expect("PATH");
    let run = |args: &[&str]| {
        let (code, out, err) = project.output_with(args, &[("PATH", &path)]);
        assert_eq!(code, 0, "resilmesh {args:?}\n{out}{err}");
        (out, err)
    };
    let pid = || {
        let status: Value = serde_json::from_str(&run(&["status", "--json"]).0).expect("JSON");
        status["services"][0]["pid"].as_u64().expect("it runs")
    };
    run(&["up", "--no-verify"]);
    let process = pid();
    assert_eq!(run(&["up"]).1, "nothing to do\n");

    project.write(&coloured(EDITED), coloured_plug(EDITED, "blue"));
    let plan: Value = serde_json::from_str(&run(&["plan", "--json"]).0).expect("JSON");
    let steps: Vec<String> = plan["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|step| format!("{} {}", step["action"].as_str().expect("a verb"), step["object"].as_str().expect("what")))
        .collect();
    let own = format!("plug events/s{EDITED}/w1");
    assert_eq!(steps, ["render configuration of w1", "reload w1", "wait for w1", &own]);
    let files = plan["steps"][0]["files"].as_array().expect("files");
    let paths: Vec<&str> = files.iter().map(|file| file["path"].as_str().expect("a path")).collect();
    assert_eq!(paths, [format!("sources/s{EDITED}.txt")]);
    run(&["up", "--no-verify"]);
    assert_eq!(pid(), process, "it was reloaded, not started again");
    assert_eq!(run(&["up"]).1, "nothing to do\n");
    run(&["down"]);
}
