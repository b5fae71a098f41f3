//! Index templates: settings and mappings that a new index begins with.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::disk;
use crate::error::ApiError;
use crate::mapping::Mapping;
use crate::pattern::Glob;

const FILE: &str = "index-templates.json";

/// The index templates of a store, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Templates(BTreeMap<String, Value>);

/// Settings that are accepted. Those that name a number of copies or a time change nothing here.
const SETTINGS: [&str; 14] = [
    "index.number_of_shards",
    "index.number_of_replicas",
    "index.auto_expand_replicas",
    "index.refresh_interval",
    "index.mapping.total_fields.limit",
    "index.mapping.depth.limit",
    "index.codec",
    "index.max_result_window",
    "index.query.default_field",
    "index.lifecycle.name",
    "index.hidden",
    "index.translog.durability",
    "index.translog.sync_interval",
    "index.translog.flush_threshold_size",
];

/// Settings, flat and checked.
pub(crate) fn flat_settings(settings: &Value) -> Result<Map<String, Value>, ApiError> {
    let mut flat = Map::new();
    flatten(settings, "", &mut flat);
    let mut named = Map::new();
    for (key, value) in flat {
        let key = if key.starts_with("index.") { key } else { format!("index.{key}") };
        if !SETTINGS.contains(&&*key) {
            return Err(ApiError::illegal(format!(
                "unknown setting [{key}], or one that resilmesh engine store does not support"
            )));
        }
        named.insert(key, value);
    }
    if let Some(window) = named.get("index.max_result_window")
        && window.as_u64().or_else(|| window.as_str()?.parse().ok()) != Some(10_000)
    {
        return Err(ApiError::unsupported(format_args!("[index.max_result_window] other than 10000")));
    }
    Ok(named)
}

fn flatten(value: &Value, path: &str, flat: &mut Map<String, Value>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                flatten(value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, flat);
            }
        }
        Value::Null => {}
        other => {
            flat.insert(path.to_owned(), other.clone());
        }
    }
}

impl Templates {
    pub(crate) fn load(data: &Path) -> Result<Self, ApiError> {
        match std::fs::read(data.join(FILE)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
            Ok(text) => serde_json::from_slice(&text)
                .map(Self)
                .map_err(|error| ApiError::internal(format!("{}: {error}", data.join(FILE).display()))),
        }
    }

    pub(crate) fn save(&self, data: &Path) -> Result<(), ApiError> {
        Ok(disk::replace(&data.join(FILE), json!(self.0).to_string().as_bytes())?)
    }

    /// Adds or replaces a template, after checking all of it.
    pub(crate) fn put(&mut self, name: &str, template: &Value, create: bool) -> Result<(), ApiError> {
        let object = template.as_object().ok_or_else(|| ApiError::parsing("an index template must be an object"))?;
        if create && self.0.contains_key(name) {
            return Err(ApiError::illegal(format!("index template [{name}] already exists")));
        }
        for (key, value) in object {
            match key.as_str() {
                "index_patterns" | "priority" | "version" | "_meta" | "template" => {}
                "composed_of" if value.as_array().is_some_and(Vec::is_empty) => {}
                "ignore_missing_component_templates" | "allow_auto_create" => {}
                other => return Err(ApiError::unsupported(format_args!("[{other}] in an index template"))),
            }
        }
        let patterns = patterns(template);
        if patterns.is_empty() {
            return Err(ApiError::illegal(format!("index template [{name}] needs [index_patterns]")));
        }
        let priority = priority(template)?;
        if let Some((other, _)) = self.0.iter().find(|(other, existing)| {
            *other != name
                && self::priority(existing).is_ok_and(|existing| existing == priority)
                && self::patterns(existing).iter().any(|pattern| patterns.iter().any(|mine| overlap(mine, pattern)))
        }) {
            return Err(ApiError::illegal(format!(
                "index template [{name}] has index patterns {patterns:?} matching patterns from existing template [{other}] with the same priority [{priority}], please use a different priority"
            )));
        }
        let inner = template.get("template").cloned().unwrap_or(json!({}));
        for key in inner.as_object().map(|inner| inner.keys()).into_iter().flatten() {
            match key.as_str() {
                "settings" | "mappings" => {}
                "aliases" if inner["aliases"].as_object().is_some_and(Map::is_empty) => {}
                other => return Err(ApiError::unsupported(format_args!("[template.{other}] in an index template"))),
            }
        }
        Mapping::parse(&inner["mappings"])?;
        flat_settings(&inner["settings"])?;
        self.0.insert(name.to_owned(), template.clone());
        Ok(())
    }

    pub(crate) fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// The templates whose names match a pattern.
    pub(crate) fn matching(&self, pattern: &str) -> Vec<(&String, &Value)> {
        let globs: Vec<Glob> = pattern.split(',').map(Glob::star_only).collect();
        self.0.iter().filter(|(name, _)| globs.iter().any(|glob| glob.matches(name))).collect()
    }

    /// Settings and mapping for a new index: those of the template of highest priority that fits.
    pub(crate) fn for_index(&self, name: &str) -> Option<(Value, Value)> {
        self.0
            .values()
            .filter(|template| patterns(template).iter().any(|pattern| Glob::star_only(pattern).matches(name)))
            .max_by_key(|template| priority(template).unwrap_or_default())
            .map(|template| (template["template"]["settings"].clone(), template["template"]["mappings"].clone()))
    }
}

fn patterns(template: &Value) -> Vec<String> {
    match &template["index_patterns"] {
        Value::String(pattern) => vec![pattern.clone()],
        Value::Array(patterns) => patterns.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn priority(template: &Value) -> Result<u64, ApiError> {
    match template.get("priority") {
        None | Some(Value::Null) => Ok(0),
        Some(priority) => priority
            .as_u64()
            .ok_or_else(|| ApiError::illegal(format!("[priority] must be a whole number, not [{priority}]"))),
    }
}

/// Whether some name matches both patterns.
fn overlap(a: &str, b: &str) -> bool {
    match (a.chars().next(), b.chars().next()) {
        (None, None) => true,
        (Some('*'), _) => overlap(&a[1..], b) || b.chars().next().is_some_and(|c| overlap(a, &b[c.len_utf8()..])),
        (_, Some('*')) => overlap(b, a),
        (Some(x), Some(y)) if x == y => overlap(&a[x.len_utf8()..], &b[y.len_utf8()..]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_of_highest_priority_that_fits_counts() {
        let mut templates = Templates::default();
        let template = |pattern: &str, priority: u64, field: &str| json!({"index_patterns": [pattern], "priority": priority, "template": {"mappings": {"properties": {field: {"type": "keyword"}}}}});
        templates.put("all", &template("logs-*", 1, "a"), false).expect("put");
        templates.put("one", &template("logs-x*", 5, "b"), false).expect("put");
        let (_, mapping) = templates.for_index("logs-x1").expect("template");
        assert_eq!(mapping["properties"]["b"]["type"], "keyword");
        assert!(templates.for_index("other").is_none());
        let clash = templates.put("two", &template("*-x2", 5, "c"), false).expect_err("same priority");
        assert!(clash.reason.contains("[one]"), "{clash}");
        assert!(templates.put("one", &template("logs-x*", 5, "b"), true).is_err());
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        let mut templates = Templates::default();
        for (template, named) in [
            (json!({"index_patterns": "a", "composed_of": ["x"]}), "composed_of"),
            (json!({"index_patterns": "a", "data_stream": {}}), "data_stream"),
            (json!({"index_patterns": "a", "template": {"aliases": {"x": {}}}}), "template.aliases"),
            (
                json!({"index_patterns": "a", "template": {"settings": {"index": {"sort.field": "x"}}}}),
                "index.sort.field",
            ),
            (json!({"template": {}}), "index_patterns"),
        ] {
            let error = templates.put("t", &template, false).expect_err("refused");
            assert!(error.reason.contains(named), "{error}");
        }
    }
}
