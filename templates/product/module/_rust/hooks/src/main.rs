//! What {{ name }} makes of events.

use resilmesh_sdk::process;
use serde_json::{Map, Value};

resilmesh_sdk::main!();

/// Notes that it has seen an event.
#[process("ecs_events", "enriched_events")]
fn tag(mut event: Map<String, Value>) -> Value {
    if let Value::Array(tags) = event.entry("tags").or_insert_with(|| Value::Array(Vec::new())) {
        tags.push("{{ name }}".into());
    }
    Value::Object(event)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tagged(event: Value) -> Value {
        tag(event.as_object().expect("an event").clone())
    }

    #[test]
    fn an_event_keeps_what_it_had() {
        let event = json!({"event": {"id": "one"}, "tags": ["before"]});
        assert_eq!(tagged(event), json!({"event": {"id": "one"}, "tags": ["before", "{{ name }}"]}));
    }

    #[test]
    fn what_is_no_list_stays() {
        assert_eq!(tagged(json!({"tags": "one"})), json!({"tags": "one"}));
    }
}
