//! `route`: sends each event to every output whose condition holds.

use indexmap::IndexMap;
use resilmesh_service::stats::Counters;
use serde::Deserialize;

use super::condition::{Condition, ConditionOptions};
use super::{Build, Outputs, Transform};
use crate::config::{ConfigError, Options};
use crate::event::Batch;

/// The output for what no condition took.
const UNMATCHED: &str = "_unmatched";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteOptions {
    #[serde(default)]
    route: IndexMap<String, ConditionOptions>,
    #[serde(default = "yes")]
    reroute_unmatched: bool,
}

fn yes() -> bool {
    true
}

struct Route {
    conditions: Vec<(String, Condition)>,
    reroute_unmatched: bool,
    counters: Counters,
}

/// Makes a route.
///
/// # Errors
/// Everything that is wrong with the options.
pub fn build(options: &Options, build: &mut Build<'_>) -> Result<Box<dyn Transform>, Vec<ConfigError>> {
    let RouteOptions { route, reroute_unmatched } = options.parse(&[])?;
    let (mut conditions, mut errors) = (Vec::new(), Vec::new());
    for (name, condition) in &route {
        let at = format!("route.{name}");
        if name == UNMATCHED || name == "_default" {
            errors.push(options.error(&at, format!("the name `{name}` of a route is taken")));
            continue;
        }
        match Condition::new(options, &at, condition, build.timezone, build.warnings) {
            Ok(condition) => conditions.push((name.clone(), condition)),
            Err(mistakes) => errors.extend(mistakes),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Box::new(Route { conditions, reroute_unmatched, counters: build.counters.clone() }))
}

impl Transform for Route {
    fn transform(&mut self, batch: Batch, out: &mut Outputs) {
        for mut event in batch {
            let mut matched = false;
            for (port, (_, condition)) in self.conditions.iter_mut().enumerate() {
                if condition.holds(&mut event) {
                    out.push_to(port, event.clone());
                    matched = true;
                }
            }
            if matched {
                continue;
            }
            if self.reroute_unmatched {
                out.push_to(self.conditions.len(), event);
            } else {
                self.counters.dropped("no route", 1);
            }
        }
    }

    fn has_main_output(&self) -> bool {
        false
    }

    fn ports(&self) -> Vec<String> {
        let unmatched = self.reroute_unmatched.then(|| UNMATCHED.to_owned());
        self.conditions.iter().map(|(name, _)| name.clone()).chain(unmatched).collect()
    }
}
