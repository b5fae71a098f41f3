//! What only one pipeline at a time can do: several with one configuration share the work only where each
//! event comes to one of them, whichever it is, and nothing is made of several events together.

use serde_yaml::Value;

use crate::config::{Config, ConfigError, Options, Section};

/// Everything in a configuration that keeps several pipelines from sharing the work.
pub fn found(config: &Config) -> Vec<ConfigError> {
    let options = config.components.iter().map(|component| &component.options);
    options.filter_map(|options| Some(options.error("type", why(options)?))).collect()
}

/// Why a component cannot be in several pipelines. Those that nobody has thought about cannot.
fn why(options: &Options) -> Option<&'static str> {
    match (options.section, options.kind.as_str()) {
        (Section::Source, "nats") if is_shared(options) => None,
        (Section::Source, "nats") => {
            Some("without `jetstream` and without `queue`, each pipeline would get every message")
        }
        (Section::Source, "file") => Some("each pipeline would read every line"),
        (Section::Source, "http_server" | "socket" | "syslog") => {
            Some("it listens at an address that only one pipeline can have")
        }
        (Section::Source, _) => Some("each pipeline would make events of its own"),
        (Section::Transform, "filter" | "remap" | "route") => None,
        (Section::Transform, "dedupe") => {
            Some("it remembers the events that it has seen, and each pipeline would see a part of them")
        }
        (Section::Transform, _) => Some("what it makes of an event may depend on others, which go to other pipelines"),
        (Section::Sink, "blackhole" | "console" | "elasticsearch" | "http" | "nats" | "socket") => None,
        (Section::Sink, "file") => Some("all pipelines would write into the same files at once"),
        (Section::Sink, _) => Some("several pipelines at once may not be what it writes to is made for"),
    }
}

/// Whether each message goes to one of those who ask for it.
fn is_shared(options: &Options) -> bool {
    let jetstream = options.get("jetstream");
    let is_on = |jetstream: &Value| jetstream.get("enabled").and_then(Value::as_bool).unwrap_or(true);
    jetstream.is_some_and(is_on) || options.get("queue").is_some()
}
