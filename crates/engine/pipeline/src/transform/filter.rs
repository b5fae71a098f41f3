//! `filter`: keeps the events for which a condition holds.

use resilmesh_service::stats::Counters;
use serde::Deserialize;

use super::condition::{Condition, ConditionOptions};
use super::{Build, Outputs, Transform};
use crate::config::{ConfigError, Options};
use crate::event::Batch;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FilterOptions {
    condition: ConditionOptions,
}

struct Filter {
    condition: Condition,
    counters: Counters,
}

/// Makes a filter.
///
/// # Errors
/// Everything that is wrong with the options.
pub fn build(options: &Options, build: &mut Build<'_>) -> Result<Box<dyn Transform>, Vec<ConfigError>> {
    let FilterOptions { condition } = options.parse(&[])?;
    let condition = Condition::new(options, "condition", &condition, build.timezone, build.warnings)?;
    Ok(Box::new(Filter { condition, counters: build.counters.clone() }))
}

impl Transform for Filter {
    fn transform(&mut self, batch: Batch, out: &mut Outputs) {
        for mut event in batch {
            if self.condition.holds(&mut event) {
                out.push(event);
            } else {
                self.counters.dropped("filtered out", 1);
            }
        }
    }
}
