//! `--json`: one document of each command that did something, and errors as data.

use serde_json::{Value, json};

use crate::common::TestProject;
use crate::common::python::{sensor_and_lake, setup};

/// What a command answers as JSON.
fn answer(project: &TestProject, args: &[&str]) -> Value {
    let text = project.prints(&[args, &["--json"]].concat());
    let document: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"));
    assert_eq!(document["schema"], 1, "{args:?}: {text}");
    document
}

/// What a command that fails says as JSON, in the last line of standard error.
fn error(project: &TestProject, args: &[&str], exit: i32) -> Value {
    let (code, out, err) = project.output(&[args, &["--json"]].concat());
    assert_eq!((code, out.as_str()), (exit, ""), "{args:?}: {err}");
    let last = err.lines().last().unwrap_or_default();
    let document: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{args:?}: {error}: {err}"));
    assert_eq!(document["schema"], 1);
    document["error"].clone()
}

#[test]
fn every_command_that_changes_something_answers_with_one_document() {
    let project = TestProject::empty_folder();
    assert_eq!(
        answer(&project, &["init", "--no-key"]),
        json!({"schema": 1, "done": "made", "project": ".", "from": null, "vault": false})
    );
    assert_eq!(answer(&project, &["init", "--no-key"])["done"], "unchanged");
    assert_eq!(
        answer(&project, &["add", "nats", "bus"]),
        json!({"schema": 1, "done": "added", "instance": "bus", "product": "nats"})
    );
    assert_eq!(answer(&project, &["add", "vector", "collector"])["done"], "added");
    assert_eq!(
        answer(&project, &["configure", "bus", "-c", "port=4333"]),
        json!({"schema": 1, "done": "configured", "instance": "bus", "product": "nats"})
    );
    let plug = json!({"source": "collector", "destination": "bus", "topic": "ecs_events", "mode": "push"});
    let made = answer(&project, &["plug", "ecs_events", "collector", "bus"]);
    assert_eq!((&made["done"], &made["plug"]), (&json!("plugged"), &plug));
    assert_eq!(answer(&project, &["plug", "ecs_events", "collector", "bus"])["done"], "unchanged");
    assert_eq!(
        answer(&project, &["unplug", "ecs_events", "collector", "bus"]),
        json!({"schema": 1, "done": "unplugged", "plugs": [plug]})
    );
    assert_eq!(
        answer(&project, &["remove", "collector"]),
        json!({"schema": 1, "done": "removed", "instance": "collector", "product": "vector", "plugs": []})
    );
    assert_eq!(answer(&project, &["create", "product", "acme"])["files"][0]["effect"], "create");
    assert_eq!(answer(&project, &["create", "product", "acme"])["files"], json!([]));
    assert_eq!(answer(&project, &["untrust"]), json!({"schema": 1, "untrusted": []}));
}

#[test]
fn commands_about_secrets_answer_without_values() {
    let project = TestProject::new();
    assert_eq!(
        answer(&project, &["secret", "generate", "edr/token"]),
        json!({"schema": 1, "done": "set", "secret": "edr/token"})
    );
    assert_eq!(answer(&project, &["secret", "generate", "edr/token", "--force"])["done"], "replaced");
    assert_eq!(
        answer(&project, &["secret", "rm", "edr/token", "--yes"]),
        json!({"schema": 1, "done": "removed", "secrets": ["edr/token"]})
    );
}

#[test]
fn commands_that_call_hooks_answer_with_what_they_called() {
    let project = sensor_and_lake(
        &format!(
            "{}@publish('events')\ndef offer(integration):\n    '''Offer it'''\n\n\n@pull(title='Fetch it')\ndef fetch(path):\n    print('fetching')\n",
            setup("producer")
        ),
        &setup("consumer"),
    );
    assert_eq!(answer(&project, &["publish"]), json!({"schema": 1, "published": []}));
    project.must(&["create", "integration", "sensor", "lake", "events", "producer"]);
    assert_eq!(
        answer(&project, &["publish"]),
        json!({"schema": 1, "published": [{
            "product": "sensor", "target": "lake", "topic": "events", "role": "producer", "mode": "push",
            "format": null, "hook": "Offer it", "done": true,
        }]})
    );
    assert_eq!(
        answer(&project, &["pull", "sensor"]),
        json!({
            "schema": 1, "done": "pulled", "product": "sensor", "folder": "mirrors/sensor", "hooks": ["Fetch it"],
        })
    );
    assert_eq!(answer(&project, &["pull", "lake"])["hooks"], json!([]));
}

#[test]
fn an_error_says_what_where_and_what_to_do() {
    let project = TestProject::new();
    let unknown = error(&project, &["add", "natz"], 1);
    assert_eq!(
        unknown,
        json!({
            "kind": "failed", "what": "there is no product `natz`", "where": null,
            "hints": ["did you mean `nats`?", "`resilmesh list products` shows them all"], "mistakes": [], "trace": [],
        })
    );
    let usage = error(&project, &["plug", "only_a_topic"], 2);
    assert_eq!(usage["kind"], "usage");
    assert!(usage["what"].as_str().is_some_and(|what| what.contains("<SOURCE>")), "{usage}");
}

#[test]
fn several_mistakes_are_all_there() {
    let project = TestProject::with(&[
        ("resilmesh.yaml", "version: 1\nname: mesh\n"),
        ("instances/natz/one/config.yaml", "name: one\n"),
        ("instances/vektor/two/config.yaml", "name: two\n"),
    ]);
    let wrong = error(&project, &["plan"], 1);
    assert_eq!(wrong["what"], "the project has 2 mistakes");
    assert_eq!(wrong["where"], "instances/natz/one/config.yaml:1:1");
    let mistakes = wrong["mistakes"].as_array().expect("a list");
    let errors: Vec<&Value> = mistakes.iter().filter(|found| found["severity"] == "error").collect();
    assert_eq!(errors.len(), 2, "{wrong}");
    assert_eq!(errors[1]["where"], "instances/vektor/two/config.yaml:1:1");
    assert_eq!(errors[0]["hint"], "did you mean `nats`?");
}

#[test]
fn the_lines_of_a_hook_that_raises_are_in_the_error() {
    let project = sensor_and_lake(
        "@trigger('isolate')\ndef press(instance):\n    '''Press the button'''\n    raise OSError('it is stuck')\n",
        "",
    );
    let raised = error(&project, &["trigger", "isolate", "s1"], 1);
    assert_eq!(raised["what"], "Press the button: OSError: it is stuck");
    assert_eq!(raised["where"], "products/sensor/hooks.py:14 in press: raise OSError('it is stuck')");
    assert_eq!(raised["trace"], json!(["products/sensor/hooks.py:14 in press: raise OSError('it is stuck')"]));
}
