//! What vendors of Meshroom's products rely on.

use crate::common::TestProject;
use crate::common::python::{hooks, sensor_and_lake, setup};

#[test]
fn templates_of_a_product_may_be_anything_that_its_hooks_use() {
    let project = sensor_and_lake("", "");
    project.write("products/sensor/templates/module/logo.png", b"\x89PNG\r\n\x1a\n\xff\xfe");
    project.write("products/sensor/templates/module/action.yml", "run: ${{ secrets.X }} {% for %}\n");
    project.write("products/sensor/templates/module/large.lock", "x".repeat(2 << 20));
    let (code, _, err) = project.output(&["list", "products"]);
    assert_eq!((code, err.as_str()), (0, ""));
    project.must(&["plan"]);
    // With a file to render, they are templates of ours.
    project.write(
        "products/sensor/definition.yaml",
        "produces: {events: [{renders: [{template: module/action.yml, to: x}]}]}\n",
    );
    let said = project.fails(&["plan"]);
    assert!(said.contains("products/sensor/templates/module/action.yml:1:1: error: not a template"), "{said}");
}

#[test]
fn integrations_keep_keys_of_their_own_without_a_word() {
    let project = sensor_and_lake("", "");
    let file = "products/sensor/integrations/lake/events_producer.yml";
    project.write(file, "intake_format_uuid: 5\nautomation_module_uuid: 6\n");
    let (code, _, err) = project.output(&["list", "integrations"]);
    assert_eq!((code, err.as_str()), (0, ""));
    project.write(file, "descripton: typed in haste\n");
    let (_, _, err) = project.output(&["list", "integrations"]);
    assert!(err.contains("has no key `descripton`") && err.contains("did you mean `description`?"), "{err}");
}

#[test]
fn what_hooks_change_in_a_plug_is_kept_without_saving_it() {
    let lake = "\
@setup_consumer()
def inlet(plug):
    plug.settings['intake'] = {'id': 7}
    plug.save()


@setup_consumer(order='last')
def key(plug):
    plug.settings['intake']['key'] = 'in the vault'


@teardown_consumer()
def close(plug):
    note('closes', plug.settings.pop('intake'))
";
    let project = sensor_and_lake(&setup("producer"), lake);
    project.must(&["plug", "events", "s1", "l1"]);
    let file = "instances/sensor/s1/plugs/l1/events.yaml";
    let before = project.read(file);
    project.must(&["up"]);
    assert!(project.read(file).contains("  intake:\n    id: 7\n    key: \"in the vault\"\n"), "{}", project.read(file));
    // It is no change of what is declared.
    let (_, _, err) = project.output(&["up"]);
    assert_eq!(err, "nothing to do\n");
    project.must(&["down"]);
    assert_eq!(project.trace()[1..], ["closes {'id': 7, 'key': 'in the vault'}"]);
    assert_eq!(project.read(file), before);
}

#[test]
fn a_product_that_is_asked_for_again_has_what_was_not_saved_yet() {
    let pull = "\
@pull(order=1)
def learn(path):
    get_product('lake').add_capability('executor', 'isolate')


@pull(order=2)
def keep(path):
    get_product('lake').save()
";
    let project = TestProject::with(&[
        ("products/sensor/hooks.py", &hooks(pull)),
        ("products/lake/definition.yaml", "consumes: {events: [{}]}\n"),
    ]);
    project.must(&["pull", "sensor"]);
    let text = project.read("products/lake/definition.yaml");
    assert!(text.contains("executes:\n  isolate:\n") && text.contains("consumes:\n  events:\n"), "{text}");
}

#[test]
fn settings_of_an_integration_are_where_hooks_look_for_them() {
    let look = |role: &str| {
        format!("@setup_{role}()\ndef look(plug):\n    note('{role}', plug.src_config, plug.dst_config)\n\n\n")
    };
    let project = sensor_and_lake(&look("producer"), &look("consumer"));
    project.write(
        "products/lake/integrations/sensor/events_consumer.yml",
        "settings:\n- {name: index, required: true}\n- {name: shards, type: integer, default: 3}\n",
    );
    let given = "consumer {} {'index': 'edr', 'shards': 3}";
    project.must(&["plug", "events", "s1", "l1", "-c", "index=edr"]);
    project.must(&["up"]);
    assert_eq!(project.trace(), [given, &given.replace("consumer", "producer")]);
    project.must(&["down"]);
    // As Meshroom writes it.
    let file = "instances/sensor/s1/plugs/l1/events.yaml";
    project.write(file, "src_instance: s1\ndst_instance: l1\ntopic: events\nmode: push\ndst_config:\n  index: edr\n");
    project.forget_trace();
    project.must(&["up"]);
    assert_eq!(project.trace()[0], given);
}

#[test]
fn an_integration_knows_what_it_owns_once_it_is_saved() {
    let pull = "\
@pull()
def fetch(path):
    integration = Integration(product='sensor', target_product='lake', topic='events', role='producer')
    integration.save()
    note(integration)


@setup_producer(owns_both=True)
def forward(plug):
    pass
";
    let project = sensor_and_lake(pull, "");
    project.must(&["pull", "sensor"]);
    assert_eq!(project.trace(), ["sensor --[events:push]-> lake (producer, can setup both)"]);
}
