//! The transforms, case by case: `tests/golden/transforms.ndjson`, or the recordings of a real
//! Vector in the folder that the environment variable `RESILMESH_VECTOR_GOLDEN` names.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::event::{Ack, Event};
use crate::testing::Running;

/// Transforms of Vector's that this engine does not have.
const NOT_HERE: [&str; 5] = ["reduce", "throttle", "sample", "exclusive_route", "window"];

#[derive(Deserialize)]
struct Case {
    id: String,
    transforms: Map<String, Value>,
    input: Vec<Value>,
    outputs: Map<String, Value>,
    #[serde(default)]
    exit: i32,
}

fn cases(file: &str) -> Vec<Case> {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let folder = std::env::var_os("RESILMESH_VECTOR_GOLDEN").map_or(own, PathBuf::from);
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What a real Vector's `stdin` source adds, as the recordings write it.
fn given(input: &Value) -> Event {
    let mut value = json!({"host": "<hostname>", "source_type": "stdin", "timestamp": "<ingest-time>"});
    value.as_object_mut().unwrap().extend(input.as_object().unwrap().clone());
    Event::new(value.into(), Ack::none())
}

async fn outcome(case: &Case) -> Map<String, Value> {
    let sinks: Map<String, Value> = case
        .outputs
        .keys()
        .map(|output| (format!("to-{}", output.replace('.', "__")), json!({"type": "any", "inputs": [output]})))
        .collect();
    let config = json!({"sources": {"in": {"type": "given"}}, "transforms": case.transforms, "sinks": sinks});
    let mut outputs: Map<String, Value> = case.outputs.keys().map(|output| (output.clone(), json!([]))).collect();
    let running = Running::start(&config.to_string(), case.input.iter().map(given).collect());
    for out in running.end().await {
        outputs[&out.sink["to-".len()..].replace("__", ".")].as_array_mut().unwrap().push(out.value);
    }
    outputs
}

/// Takes what differs from run to run out of an event.
fn masked(outputs: &Map<String, Value>) -> String {
    serde_json::to_string_pretty(outputs).unwrap()
}

#[tokio::test]
async fn transforms_do_what_vector_does() {
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for case in cases("transforms.ndjson") {
        let foreign = case.transforms.values().any(|t| NOT_HERE.iter().any(|kind| t["type"] == *kind));
        let needs_environment = case.id == "env";
        if foreign || needs_environment {
            continue;
        }
        checked += 1;
        if case.exit == 78 {
            let folder = tempfile::tempdir().unwrap();
            let sinks = json!({"out": {"type": "blackhole", "inputs": ["t"]}});
            let config = json!({"sources": {"in": {"type": "stdin"}}, "transforms": case.transforms, "sinks": sinks});
            std::fs::write(folder.path().join("vector.yaml"), config.to_string()).unwrap();
            if crate::validate(&folder.path().join("vector.yaml")).is_ok() {
                wrong.push(format!("{}: must not be valid", case.id));
            }
            continue;
        }
        let outputs = outcome(&case).await;
        if outputs != case.outputs {
            wrong.push(format!("{}: got {}\nexpected {}", case.id, masked(&outputs), masked(&case.outputs)));
        }
    }
    assert!(checked >= 20, "only {checked} cases");
    assert!(wrong.is_empty(), "{} of {checked} cases differ\n{}", wrong.len(), wrong.join("\n\n"));
}
