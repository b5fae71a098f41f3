//! What is typed on a command line.

use crate::common::python::sensor_and_lake;

#[test]
fn a_value_may_hold_an_equals_sign() {
    let project = sensor_and_lake("@trigger()\ndef fire(data):\n    return data['filter']\n", "");
    let out = project.prints(&["trigger", "isolate", "s1", "-p", "filter=name==a=b"]);
    assert_eq!(out, "name==a=b\n");
    project.write("products/sensor/definition.yaml", "settings: [{name: filter}]\n");
    project.must(&["add", "sensor", "s2", "-c", "filter=name==a=b"]);
    assert!(project.read("instances/sensor/s2/config.yaml").contains("name==a=b"));
    let (code, _, err) = project.output(&["trigger", "isolate", "s1", "-p", "filter"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("parameter `filter` is not KEY=VALUE"), "{err}");
}

#[test]
fn a_command_takes_json_of_any_depth_from_standard_input() {
    let project =
        sensor_and_lake("@execute()\ndef carry_out(data):\n    return [data['hosts'][1]['name'], data['why']]\n", "");
    let args = ["execute", "isolate", "s1", "--data", "-", "-p", "why=test"];
    let (code, out, err) = project.output_of(&args, &[], r#"{"hosts": [{}, {"name": "é"}], "why": "overruled"}"#);
    assert_eq!((code, out.as_str()), (0, "[\"é\",\"test\"]\n"), "{err}");
    for (input, told) in [("[1]", "holds no JSON object"), ("{", "is not JSON")] {
        let (code, _, err) = project.output_of(&args, &[], input);
        assert!(code == 1 && err.contains(told), "{err}");
    }
}
