//! Roles, topics and formats that two products have in common, and what is called for them.

use crate::common::TestProject;
use crate::common::python::{hooks, sensor_and_lake, setup, working_pair};

/// Two products with an instance each and these definitions.
fn defined(sensor: &str, lake: &str) -> TestProject {
    let project = working_pair();
    project.write("products/sensor/definition.yaml", sensor);
    project.write("products/lake/definition.yaml", lake);
    project
}

/// The cells of the line of a table that starts with this word.
fn row<'a>(table: &'a str, name: &str) -> Vec<&'a str> {
    let line = table.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {table}"));
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

#[test]
fn a_product_is_listed_with_the_roles_that_it_has() {
    let project = TestProject::with(&[
        ("products/sensor/definition.yaml", "produces: {events: [{}]}\n"),
        ("products/lake/definition.yaml", "consumes: {events: [{}]}\n"),
    ]);
    let listed = project.prints(&["list", "products", "--wide"]);
    assert_eq!(row(&listed, "sensor")[4..], ["-", "events producer"]);
    assert_eq!(row(&listed, "lake")[4..], ["events consumer", "-"]);
}

#[test]
fn a_product_that_produces_a_topic_can_also_consume_it() {
    let project = defined("produces: {events: [{}]}\n", "{}\n");
    project.must(&["create", "capability", "sensor", "events", "consumer"]);
    let text = project.read("products/sensor/definition.yaml");
    assert!(text.contains("consumes:\n  events:\n") && text.contains("produces: {events: [{}]}"), "{text}");
}

#[test]
fn a_trigger_and_an_executor_make_a_plug_of_commands() {
    let project = defined("triggers: {isolate: [{}]}\n", "executes: {isolate: [{}]}\n");
    project.write("products/sensor/hooks.py", hooks(&setup("trigger")));
    project.write("products/lake/hooks.py", hooks(&setup("executor")));
    project.must(&["plug", "isolate", "s1", "l1"]);
    assert!(project.read("instances/sensor/s1/plugs/l1/isolate.yaml").contains("kind: trigger\n"));
    project.must(&["up"]);
    assert_eq!(project.trace(), ["executor isolate push", "trigger isolate push"]);
}

#[test]
fn commands_that_only_hooks_and_integrations_know_can_be_plugged() {
    let project = defined("{}\n", "{}\n");
    let fire = "@trigger('isolate')\ndef fire(plug, data):\n    return f'{plug.dst_instance} gets {data}'\n";
    project.write("products/sensor/hooks.py", hooks(&format!("{}{fire}", setup("trigger"))));
    project.write("products/lake/hooks.py", "");
    project.write("products/lake/integrations/sensor/isolate_executor.yml", "description: takes commands\n");
    let set_up = "@setup()\ndef take(plug):\n    note('takes', plug.kind)\n";
    project.write("products/lake/integrations/sensor/isolate_executor.py", hooks(set_up));
    project.must(&["plug", "isolate", "s1", "l1"]);
    project.must(&["up"]);
    assert_eq!(project.trace(), ["takes trigger", "trigger isolate push"]);
    assert_eq!(project.prints(&["trigger", "isolate", "s1", "l1", "-p", "host=a=b"]), "l1 gets {'host': 'a=b'}\n");
}

#[test]
fn an_integration_with_a_format_has_a_name_that_can_be_read_again() {
    let project = defined("{}\n", "{}\n");
    project.must(&["create", "integration", "sensor", "lake", "events", "producer", "--format", "cef"]);
    assert!(project.has("products/sensor/integrations/lake/events_producer.yml"));
    let listed = project.prints(&["list", "integrations", "sensor", "-t", "events"]);
    assert!(listed.lines().any(|line| line.contains("producer") && line.contains("cef")), "{listed}");
    assert!(project.says(&["plug", "events", "s1", "l1"]).contains("events (push, cef)"));
}

#[test]
fn an_executor_integration_may_carry_commands_out() {
    let project = defined("triggers: {isolate: [{}]}\n", "{}\n");
    project.write("products/sensor/hooks.py", hooks(&setup("trigger")));
    project.write("products/lake/hooks.py", hooks(&setup("executor")));
    project.write("products/lake/integrations/sensor/isolate_executor.yml", "description: by its API\n");
    let run = "@execute()\ndef carry_out(data, plug, instance, integration):\n    return f'{instance.name} does {data[\"what\"]} {integration.description}'\n";
    project.write("products/lake/integrations/sensor/isolate_executor.py", hooks(run));
    project.must(&["plug", "isolate", "s1", "l1"]);
    assert_eq!(project.prints(&["execute", "isolate", "s1", "l1", "-p", "what=this"]), "l1 does this by its API\n");
}

#[test]
fn integrations_are_listed_with_the_plugs_of_their_products() {
    let project = working_pair();
    project.must(&["plug", "events", "s1", "l1"]);
    project.must(&["add", "lake", "sensor"]);
    let listed = project.prints(&["list", "integrations", "sensor", "-t", "events"]);
    let plugs = |mode: &str| {
        let line = listed.lines().find(|line| line.contains(&format!("  {mode}  "))).expect("a line");
        line.split_whitespace().last().map(str::to_owned)
    };
    assert_eq!(plugs("push").as_deref(), Some("events/s1/l1"), "{listed}");
    let pull = project.prints(&["list", "integrations", "lake", "lake"]);
    assert!(!pull.contains("events/s1/l1"), "{pull}");
}

#[test]
fn every_integration_that_is_meant_is_published() {
    let project = working_pair();
    for topic in ["alerts", "events", "logs"] {
        let stem = format!("products/sensor/integrations/lake/{topic}_producer");
        project.write(&format!("{stem}.yml"), "");
        let publish = "@publish()\ndef contribute(integration):\n    note('published', integration.topic)\n";
        project.write(&format!("{stem}.py"), hooks(publish));
    }
    project.must(&["publish", "sensor", "lake"]);
    assert_eq!(project.trace(), ["published alerts", "published events", "published logs"]);
    project.forget_trace();
    project.must(&["publish", "sensor", "lake", "events"]);
    assert_eq!(project.trace(), ["published events"]);
}

#[test]
fn what_is_produced_at_an_instance_has_no_plug() {
    let produce =
        "@produce('events')\ndef send(data, instance, plug):\n    return f'{data} to {instance.name} by {plug}'\n";
    let project = sensor_and_lake("", produce);
    let (code, out, err) = project.output_of(&["produce", "events", "l1"], &[], "one\n\n  two  \n");
    assert_eq!((code, out.as_str()), (0, "one to l1 by None\ntwo to l1 by None\n"), "{err}");
}

#[test]
fn an_integration_may_be_called_yaml_or_yml() {
    for suffix in ["yml", "yaml"] {
        let project = sensor_and_lake("", &setup("consumer"));
        let stem = "products/sensor/integrations/lake/events_producer";
        project.write(&format!("{stem}.{suffix}"), "description: forwards by TLS\nregion: eu\n");
        let set_up = "@setup()\ndef forward(integration):\n    note(integration.description, integration.region)\n";
        project.write(&format!("{stem}.py"), hooks(set_up));
        project.must(&["plug", "events", "s1", "l1"]);
        project.must(&["up"]);
        assert_eq!(project.trace()[1], "forwards by TLS eu", "{suffix}");
    }
}

#[test]
fn a_command_hook_without_a_topic_serves_plugs_and_instances() {
    let any = "@trigger()\ndef fire(data, plug=None):\n    return f'fired {plug}'\n\n\n@execute()\ndef carry_out(data, plug=None):\n    return f'done {plug}'\n";
    let project = sensor_and_lake(&format!("{}{any}", setup("trigger")), &format!("{}{any}", setup("executor")));
    project.write("products/sensor/definition.yaml", "triggers: {isolate: [{}]}\n");
    project.write("products/lake/definition.yaml", "executes: {isolate: [{}]}\n");
    project.must(&["plug", "isolate", "s1", "l1"]);
    let plug = "s1 --[isolate:push]-> l1";
    assert_eq!(project.prints(&["trigger", "isolate", "s1", "l1"]), format!("fired {plug}\n"));
    assert_eq!(project.prints(&["execute", "isolate", "s1", "l1"]), format!("done {plug}\n"));
    assert_eq!(project.prints(&["trigger", "isolate", "s1"]), "fired None\n");
    assert_eq!(project.prints(&["execute", "isolate", "l1"]), "done None\n");
}

#[test]
fn settings_taken_from_a_json_schema_lose_nothing() {
    let pull = "\
@pull()
def fetch(path):
    product = get_product('sensor')
    product.settings = ProductSetting.from_json_schema({
        'type': 'object',
        'required': ['region'],
        'properties': {
            'region': {'type': 'string'},
            'ratio': {'type': 'number', 'default': 0.5},
            'api_token': {'type': 'string'},
            'proxy': {
                'type': 'object',
                'required': ['port'],
                'properties': {'host': {'type': 'string'}, 'port': {'type': 'integer'}},
            },
        },
    })
    product.save()
";
    let project = sensor_and_lake(pull, "");
    project.must(&["pull", "sensor"]);
    let text = project.read("products/sensor/definition.yaml");
    for name in ["region", "ratio", "api_token", "proxy", "host", "port"] {
        assert!(text.contains(name), "{name}: {text}");
    }
    // They mean something, too.
    project.must(&["remove", "s1"]);
    let refused =
        project.refused(&["add", "sensor", "s2", "-c", "ratio=much", "-c", "region=eu", "-c", "proxy.port=x"]);
    assert!(refused.contains("setting `ratio` must be a number"), "{refused}");
    assert!(refused.contains("setting `proxy.port` must be a whole number"), "{refused}");
}
