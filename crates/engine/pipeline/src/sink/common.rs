//! Options that every sink has.

use serde::Deserialize;

/// The option `buffer`. The engine has one kind: bounded memory, and who sends waits for room.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Buffer {
    #[serde(rename = "type", default)]
    _kind: BufferKind,
    #[serde(rename = "when_full", default)]
    _when_full: WhenFull,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BufferKind {
    #[default]
    Memory,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WhenFull {
    #[default]
    Block,
}

/// The option `healthcheck`: whether the service counts as ready only once the target answers.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(from = "HealthcheckForm")]
pub struct Healthcheck {
    /// Whether it does.
    pub enabled: bool,
}

impl Default for Healthcheck {
    fn default() -> Self {
        Self { enabled: true }
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`healthcheck` must be true, false or `{enabled: true or false}`")]
enum HealthcheckForm {
    Short(bool),
    Long(HealthcheckOptions),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HealthcheckOptions {
    #[serde(default = "yes")]
    enabled: bool,
}

fn yes() -> bool {
    true
}

impl From<HealthcheckForm> for Healthcheck {
    fn from(form: HealthcheckForm) -> Self {
        match form {
            HealthcheckForm::Short(enabled) | HealthcheckForm::Long(HealthcheckOptions { enabled }) => Self { enabled },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn healthcheck_is_a_truth_value_or_a_mapping() {
        for (yaml, wanted) in [("false", false), ("{enabled: false}", false), ("{}", true), ("true", true)] {
            assert_eq!(serde_yaml::from_str::<Healthcheck>(yaml).unwrap().enabled, wanted, "{yaml}");
        }
        assert!(serde_yaml::from_str::<Healthcheck>("{uri: x}").is_err());
    }

    #[test]
    fn a_buffer_that_the_engine_lacks_is_refused() {
        assert!(serde_yaml::from_str::<Buffer>("{type: memory, when_full: block}").is_ok());
        for yaml in ["{type: disk}", "{when_full: drop_newest}", "{max_events: 10}"] {
            assert!(serde_yaml::from_str::<Buffer>(yaml).is_err(), "{yaml}");
        }
    }
}
