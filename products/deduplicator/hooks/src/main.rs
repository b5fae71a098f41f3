//! Lets the first of like alerts through, and drops the others for a while.
//!
//! What it has seen is in memory: after a restart, one more of each may get through. An alert that comes again
//! because its delivery was not confirmed is not its own duplicate: it is known by its id.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use resilmesh_sdk::{Event, Outcome, Result, Start, process};
use serde::Deserialize;
use serde_json::Value;

resilmesh_sdk::main!();

/// The settings of the instance.
#[derive(Debug, Deserialize)]
struct Settings {
    fields: Vec<String>,
    window_seconds: u64,
    remembered: usize,
}

/// What alerts were let through.
struct Seen {
    settings: Settings,
    /// The id of the first of those that are alike.
    first: HashMap<String, String>,
    /// When each was seen, the oldest first.
    order: VecDeque<(Instant, String)>,
}

impl Seen {
    fn new(start: &Start) -> Result<Self> {
        Ok(Self { settings: start.settings()?, first: HashMap::new(), order: VecDeque::new() })
    }

    /// What makes alerts alike; none if there is nothing of it.
    fn key(&self, event: &Value) -> Option<String> {
        let values: Vec<&Value> = self.settings.fields.iter().map(|path| field(event, path)).collect();
        values.iter().any(|value| !value.is_null()).then(|| format!("{values:?}"))
    }

    /// Forgets what is too old, or too much.
    fn forget(&mut self, now: Instant) {
        let window = Duration::from_secs(self.settings.window_seconds);
        while let Some((at, _)) = self.order.front() {
            let is_old = now.duration_since(*at) >= window;
            if !is_old && self.order.len() < self.settings.remembered {
                return;
            }
            if let Some((_, key)) = self.order.pop_front() {
                self.first.remove(&key);
            }
        }
    }

    fn judge(&mut self, event: &Value, now: Instant) -> Outcome {
        if !is_alert(event) {
            return Outcome::Same;
        }
        let Some(key) = self.key(event) else { return Outcome::Same };
        let id = field(event, "event.id").as_str().unwrap_or_default();
        self.forget(now);
        match self.first.get(&key) {
            Some(first) if first == id && !id.is_empty() => Outcome::Same,
            Some(_) => Outcome::Drop,
            None => {
                self.first.insert(key.clone(), id.to_owned());
                self.order.push_back((now, key));
                Outcome::Same
            }
        }
    }
}

/// Whether somebody calls it an alert, or a rule has matched it.
fn is_alert(event: &Value) -> bool {
    let has = |path| !field(event, path).is_null();
    field(event, "event.kind") == "alert" || has("rule.id") || has("rule.name")
}

/// A field by its path: `event.kind`, as `{"event": {"kind": ...}}` or as `{"event.kind": ...}`; null if it is not
/// there.
fn field<'a>(event: &'a Value, path: &str) -> &'a Value {
    if let Some(value) = event.get(path) {
        return value;
    }
    match path.split_once('.') {
        Some((first, rest)) => event.get(first).map_or(&Value::Null, |inner| field(inner, rest)),
        None => &Value::Null,
    }
}

/// Lets the first of like alerts through.
#[process("*", "*", init = Seen::new)]
fn first_only(seen: &mut Seen, event: &Event<'_>) -> Result<Outcome> {
    Ok(seen.judge(&event.value()?, Instant::now()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(remembered: usize) -> Seen {
        let settings = json!({"fields": ["rule.name", "host.name"], "window_seconds": 60, "remembered": remembered});
        let settings = settings.as_object().expect("settings").clone();
        Seen::new(&Start::new("dedup", settings, serde_json::Map::new())).expect("settings")
    }

    fn alert(id: &str, rule: &str) -> Value {
        json!({"event": {"kind": "alert", "id": id}, "rule": {"name": rule}})
    }

    #[test]
    fn the_first_goes_through_until_the_window_is_over() {
        let (mut seen, now) = (seen(10), Instant::now());
        assert_eq!(seen.judge(&alert("1", "scan"), now), Outcome::Same);
        assert_eq!(seen.judge(&alert("2", "scan"), now + Duration::from_secs(59)), Outcome::Drop);
        assert_eq!(seen.judge(&alert("3", "login"), now), Outcome::Same);
        assert_eq!(seen.judge(&alert("4", "scan"), now + Duration::from_secs(60)), Outcome::Same);
    }

    #[test]
    fn what_a_rule_has_matched_is_an_alert_too() {
        let (mut seen, now) = (seen(10), Instant::now());
        let matched = |id: &str| json!({"event": {"id": id}, "rule": {"id": "r1", "name": "login"}});
        assert_eq!(seen.judge(&matched("1"), now), Outcome::Same);
        assert_eq!(seen.judge(&matched("2"), now), Outcome::Drop);
    }

    #[test]
    fn one_that_comes_again_is_not_its_own_duplicate() {
        let (mut seen, now) = (seen(10), Instant::now());
        assert_eq!(seen.judge(&alert("1", "scan"), now), Outcome::Same);
        assert_eq!(seen.judge(&alert("1", "scan"), now), Outcome::Same);
        assert_eq!(seen.judge(&alert("2", "scan"), now), Outcome::Drop);
    }

    #[test]
    fn what_is_no_alert_or_has_none_of_the_fields_goes_through() {
        let (mut seen, now) = (seen(10), Instant::now());
        for _ in 0..2 {
            assert_eq!(seen.judge(&json!({"event": {"kind": "event"}, "host": {"name": "x"}}), now), Outcome::Same);
            assert_eq!(seen.judge(&json!({"event.kind": "alert"}), now), Outcome::Same);
        }
    }

    #[test]
    fn no_more_is_remembered_than_is_said() {
        let (mut seen, now) = (seen(2), Instant::now());
        for id in ["1", "2", "3"] {
            assert_eq!(seen.judge(&alert(id, id), now), Outcome::Same);
        }
        assert_eq!((seen.first.len(), seen.order.len()), (2, 2));
        assert_eq!(seen.judge(&alert("4", "1"), now), Outcome::Same, "the oldest is forgotten");
    }
}
