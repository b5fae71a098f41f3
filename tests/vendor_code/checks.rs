//! Check hooks: they tell whether an end of a plug is as it was set up, and change nothing.

use insta::assert_snapshot;

use crate::common::TestProject;
use crate::common::python::{sensor_and_lake, setup};

/// A plug from `s1` to `l1`, whose lake answers so when it is checked.
fn answering(answer: &str) -> TestProject {
    let check = format!(
        "@check_consumer('events', title='look for the inlet')\ndef inlet(plug, integration, instance):\n    {answer}\n"
    );
    let project = sensor_and_lake(&setup("producer"), &format!("{}{check}", setup("consumer")));
    project.must(&["plug", "events", "s1", "l1"]);
    project
}

#[test]
fn a_check_hook_is_listed_and_says_what_differs() {
    let project = answering("return [f'inlet of {instance.name} for {plug.src_instance} is gone', 'no key']");
    let listed = project.prints(&["hooks", "list", "lake"]);
    assert!(listed.lines().any(|line| line.starts_with("lake     check  consumer  events")), "{listed}");
    assert_snapshot!(project.run(&["hooks", "run", "lake", "inlet"]), @"
    -- stdout
    differs: inlet of l1 for s1 is gone; no key
    -- exit 0
    ");
    assert_snapshot!(project.run(&["hooks", "run", "lake", "inlet", "--json"]), @r#"
    -- stdout
    {
      "as_declared": false,
      "differs": "inlet of l1 for s1 is gone; no key",
      "hook": "look for the inlet",
      "schema": 1
    }
    -- exit 0
    "#);
}

#[test]
fn nothing_and_true_say_that_all_is_as_declared() {
    for answer in ["return True", "return None", "return []", "return ''"] {
        assert_eq!(answering(answer).prints(&["hooks", "run", "lake", "inlet"]), "as declared\n", "{answer}");
    }
}

#[test]
fn what_differs_may_be_yielded_or_just_be_false() {
    let yielding = answering("yield 'no key'\n    yield 'no inlet'");
    assert_eq!(yielding.prints(&["hooks", "run", "lake", "inlet"]), "differs: no key; no inlet\n");
    let false_only = answering("return False");
    assert_eq!(false_only.prints(&["hooks", "run", "lake", "inlet"]), "differs: it is not as it was set up\n");
}

#[test]
fn an_answer_that_is_none_and_an_exception_are_errors() {
    assert_snapshot!(answering("return 3").refused(&["hooks", "run", "lake", "inlet"]), @"
    -- stderr
    error: look for the inlet: check hook `inlet` answers with a number
    hint: a check hook returns True or nothing if all is as it was set up, else what differs: a text, a list of texts, or False
    -- exit 1
    ");
    assert_snapshot!(answering("raise ConnectionError('the tenant is not there')").refused(&["hooks", "run", "lake", "inlet"]), @"
    -- stderr
    error: look for the inlet: ConnectionError: the tenant is not there
      products/lake/hooks.py:18 in inlet: raise ConnectionError('the tenant is not there')
    -- exit 1
    ");
}

#[test]
fn a_check_hook_changes_nothing_and_asks_nobody() {
    for (does, refused) in [
        ("plug.settings['inlet'] = 'i1'; plug.save()", "a check hook changes nothing"),
        ("instance.settings['inlet'] = 'i1'; instance.save()", "a check hook changes nothing"),
        ("plug.set_secret('key', 'k')", "a check hook changes nothing"),
        ("plug.delete()", "a check hook changes nothing"),
        ("from meshroom.interaction import prompt; prompt('Which inlet?')", "a check hook asks nobody"),
    ] {
        let outcome = answering(does).refused(&["hooks", "run", "lake", "inlet"]);
        assert!(outcome.contains(refused), "{does}: {outcome}");
    }
    // What is only set is not kept, and a secret that is not there is not asked for.
    let project = answering("plug.settings['inlet'] = 'i1'; return [str(instance.get_secret('KEY', 'The key?'))]");
    let before = project.files();
    assert_eq!(project.prints(&["hooks", "run", "lake", "inlet"]), "differs: None\n");
    assert_eq!(
        project.read("instances/sensor/s1/plugs/l1/events.yaml").as_bytes(),
        before["instances/sensor/s1/plugs/l1/events.yaml"]
    );
}

#[test]
fn a_check_hook_can_be_started_for_a_product_and_for_one_integration() {
    let project = answering("return True");
    project.must(&["create", "hook", "sensor", "check", "events", "producer", "-t", "look for the token"]);
    assert!(
        project.read("products/sensor/hooks.py").ends_with(
            "@check_producer(\"events\", title=\"look for the token\")\ndef check_events_producer(plug, integration, instance):\n    \"\"\"Says what differs at sensor's end of a plug from what was set up: it produces events.\"\"\"\n    raise NotImplementedError(\"check_events_producer: say how to see that all is there\")\n"
        ),
        "{}",
        project.read("products/sensor/hooks.py")
    );
    let of_one = ["create", "hook", "sensor", "check", "events", "producer", "--target", "lake"];
    assert_snapshot!(project.refused(&of_one), @"
    -- stderr
    error: `sensor` has no integration with `lake` as producer of events (push)
    hint: `resilmesh create integration sensor lake events producer` makes it
    -- exit 1
    ");
    project.must(&["create", "integration", "sensor", "lake", "events", "producer"]);
    project.must(&of_one);
    assert_snapshot!(project.read("products/sensor/integrations/lake/events_producer.py"), @r#"
    """Hooks of sensor."""

    from resilmesh.decorators import check


    @check()
    def check_events_producer(plug, integration, instance):
        """Says what differs at sensor's end of a plug from what was set up: it produces events."""
        raise NotImplementedError("check_events_producer: say how to see that all is there")
    "#);
    let listed = project.prints(&["hooks", "list", "sensor", "--json"]);
    let hooks: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    let found = hooks["hooks"].as_array().expect("a list").iter().find(|hook| hook["target"] == "lake");
    let found = found.expect("the hook of the integration");
    assert_eq!(
        (&found["kind"], &found["topic"], &found["role"]),
        (&"check".into(), &"events".into(), &"producer".into())
    );
}

#[test]
fn a_process_hook_is_listed_with_both_of_its_topics() {
    let project = answering("return True");
    project.write(
        "products/sensor/tagger.py",
        "from resilmesh import process\n\n\n@process(\"ecs_events\", into=\"enriched_events\", batch=True)\nasync def tag(events):\n    \"\"\"Tags.\"\"\"\n    return events\n",
    );
    let listed = project.prints(&["hooks", "list", "sensor", "--json"]);
    let hooks: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    let found = hooks["hooks"].as_array().expect("a list").iter().find(|hook| hook["kind"] == "process");
    let found = found.expect("the hook of the module");
    assert_eq!(
        (&found["topic"], &found["into"], &found["function"], &found["title"]),
        (&"ecs_events".into(), &"enriched_events".into(), &"tag".into(), &"Tags.".into())
    );
    let listed = project.prints(&["hooks", "list", "sensor"]);
    assert!(listed.contains("ecs_events -> enriched_events"), "{listed}");
    assert_snapshot!(project.refused(&["hooks", "run", "sensor", "tag"]), @"
    -- stderr
    error: hook `tag` works on events in the service of its module
    hint: `resilmesh test sensor` shows what it makes of the events in its test files
    -- exit 1
    ");
}
