//! The index that events go into, and the template that gives their fields ECS types.

use reqwest::Method;
use resilmesh_sdk_macros::{check, setup, teardown};
use serde_json::{Value, json};

use super::client::Store;
use crate::hooks::{Drift, HookContext, HookError, Outcome};

/// Fields and types of ECS, and `silent_push`, whose many fields are kept as one.
const PROPERTIES: &str = include_str!("../templates/ecs_properties.json");

/// Setup: puts the template, and the index if it is not there.
#[setup(role = "consumer", mode = "push", title = "create the index template and the index", runtime = crate::hooks::builtin)]
async fn setup(cx: &HookContext) -> Result<Outcome, HookError> {
    let store = Store::of(cx)?;
    let mut done = Vec::new();
    if template_differs(&store).await? {
        store.must(Method::PUT, &template_path(&store), Some(&template(&store.index)?)).await?;
        done.push(format!("put index template `{}`", store.index));
    }
    if store.get(&store.index).await?.is_none() {
        store.must(Method::PUT, &store.index, Some(&json!({}))).await?;
        done.push(format!("created index `{}`", store.index));
    }
    Ok(if done.is_empty() { Outcome::Unchanged } else { Outcome::Changed(done.join(", ")) })
}

/// Check: are they there, as declared?
#[check(role = "consumer", mode = "push", title = "compare the index template and the index", runtime = crate::hooks::builtin)]
async fn check(cx: &HookContext) -> Result<Drift, HookError> {
    let store = Store::of(cx)?;
    if template_differs(&store).await? {
        return Ok(Drift::Differs(format!("index template `{}` is missing or different", store.index)));
    }
    if store.get(&store.index).await?.is_none() {
        return Ok(Drift::Differs(format!("index `{}` is missing", store.index)));
    }
    Ok(Drift::AsDeclared)
}

/// Teardown: an index is data, which only `down --volumes` deletes.
#[allow(clippy::unused_async, reason = "hooks are asynchronous")]
#[teardown(role = "consumer", mode = "push", title = "keep the index with its documents", runtime = crate::hooks::builtin)]
async fn keep(_: &HookContext) -> Result<Outcome, HookError> {
    Ok(Outcome::Unchanged)
}

fn template_path(store: &Store) -> String {
    format!("_index_template/{}", store.index)
}

async fn template_differs(store: &Store) -> Result<bool, HookError> {
    let Some(found) = store.get(&template_path(store)).await? else { return Ok(true) };
    let mappings = found.pointer("/index_templates/0/index_template/template/mappings");
    Ok(mappings != template(&store.index)?.pointer("/template/mappings"))
}

fn template(index: &str) -> Result<Value, HookError> {
    let properties: Value = serde_json::from_str(PROPERTIES)
        .map_err(|error| HookError::new(format!("the built-in list of ECS fields is damaged: {error}")))?;
    Ok(json!({
        "index_patterns": [index],
        "priority": 200,
        "template": {
            "mappings": {
                "date_detection": false,
                "dynamic_templates": [
                    {"strings_as_keyword": {"match_mapping_type": "string", "mapping": {"type": "keyword", "ignore_above": 1024}}},
                ],
                "properties": properties,
            },
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_has_ecs_types_and_keeps_silent_push_whole() {
        let template = template("events").expect("a template");
        let kind = |path: &str| template.pointer(&format!("/template/mappings/properties/{path}/type"));
        assert_eq!(template["index_patterns"], json!(["events"]));
        for (path, expected) in [
            ("@timestamp", "date"),
            ("source/properties/ip", "ip"),
            ("source/properties/port", "long"),
            ("message", "match_only_text"),
            ("event/properties/id", "keyword"),
            ("event/properties/ingested", "date"),
            ("package/properties/version", "keyword"),
            ("silent_push", "flattened"),
        ] {
            assert_eq!(kind(path), Some(&json!(expected)), "{path}");
        }
    }
}
