//! Scaffold hooks: what they set on a new integration stays.

use insta::assert_snapshot;

use crate::common::python::sensor_and_lake;

const FILE: &str = "products/sensor/integrations/lake/events_producer.yml";

#[test]
fn what_a_scaffold_hook_sets_is_kept_without_saving() {
    let project = sensor_and_lake(
        "@scaffold_producer('events', order=1)\ndef describe(integration):\n    integration.description = 'From sensors'\n\n\n@scaffold_producer('events', order=2)\ndef address(integration):\n    note(integration.description)\n    integration.vendor_id = {'uuid': 7}\n",
        "",
    );
    project.must(&["create", "integration", "sensor", "lake", "events", "producer"]);
    assert_eq!(project.trace(), ["From sensors"], "the second sees what the first has set");
    assert_snapshot!(project.read(FILE), @r#"
    description: "From sensors"
    product: sensor
    role: producer
    target_product: lake
    topic: events
    vendor_id:
      uuid: 7
    "#);
}

#[test]
fn an_integration_that_is_only_read_keeps_its_text() {
    let project =
        sensor_and_lake("@scaffold_producer('events')\ndef look(integration):\n    note(integration.topic)\n", "");
    project.must(&["create", "integration", "sensor", "lake", "events", "producer"]);
    assert!(project.read(FILE).starts_with("# How sensor produces events towards lake."), "{}", project.read(FILE));
}
