//! A VRL expression that says yes or no.

use serde::Deserialize;
use vrl::compiler::{CompileConfig, TimeZone};
use vrl::value::Value;

use super::program::{Compiled, Text};
use crate::config::{ConfigError, Options};
use crate::event::Event;

/// A condition as configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum ConditionOptions {
    /// The expression.
    Short(String),
    /// The expression, with its type named.
    Long(LongCondition),
}

/// A condition with its type named.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongCondition {
    #[serde(rename = "type")]
    kind: String,
    source: String,
}

/// A compiled condition. It cannot change the event.
#[derive(Debug)]
pub struct Condition(Compiled);

impl Condition {
    /// Compiles the condition that stands at `option`.
    ///
    /// # Errors
    /// When it is of another type than VRL, does not compile, or does not result in a boolean.
    pub fn new(
        options: &Options,
        option: &str,
        condition: &ConditionOptions,
        timezone: TimeZone,
        warnings: &mut Vec<ConfigError>,
    ) -> Result<Self, Vec<ConfigError>> {
        let (option, source) = match condition {
            ConditionOptions::Short(source) => (option.to_owned(), source),
            ConditionOptions::Long(long) if long.kind == "vrl" => (format!("{option}.source"), &long.source),
            ConditionOptions::Long(long) => {
                return Err(vec![
                    options
                        .error(&format!("{option}.type"), format!("unknown type of condition `{}`", long.kind))
                        .hint("this engine has `vrl`"),
                ]);
            }
        };
        let mut config = CompileConfig::default();
        config.set_read_only();
        let compiled = Compiled::new(options, Text::Option(&option), source, config, timezone, warnings)?;
        if !compiled.results_in_boolean() {
            return Err(vec![options.error(&option, "the condition must result in true or false")]);
        }
        Ok(Self(compiled))
    }

    /// Whether the condition holds. One that fails does not hold.
    pub fn holds(&mut self, event: &mut Event) -> bool {
        matches!(self.0.run(event), Ok(Value::Boolean(true)))
    }
}
