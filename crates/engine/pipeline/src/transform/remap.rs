//! `remap`: changes events by a VRL program.

use std::path::{Path, PathBuf};

use resilmesh_service::stats::Counters;
use serde::Deserialize;
use vrl::compiler::runtime::Terminate;
use vrl::compiler::{CompileConfig, TimeZone};
use vrl::path;
use vrl::value::{ObjectMap, Value};

use super::program::{Compiled, Text};
use super::{Build, Outputs, Transform};
use crate::config::{ConfigError, Options};
use crate::event::{Batch, Event};
use crate::seldom::Seldom;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RemapOptions {
    source: Option<String>,
    file: Option<PathBuf>,
    files: Option<Vec<PathBuf>>,
    timezone: Option<String>,
    #[serde(default)]
    drop_on_error: bool,
    #[serde(default = "yes")]
    drop_on_abort: bool,
    #[serde(default)]
    reroute_dropped: bool,
    #[serde(default)]
    runtime: VrlRuntime,
}

/// The one way there is to run VRL; named in some configurations.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum VrlRuntime {
    #[default]
    Ast,
}

fn yes() -> bool {
    true
}

struct Remap {
    id: String,
    program: Compiled,
    on_error: Failure,
    on_abort: Failure,
    /// Whether the event as it came may be needed after the program ran.
    keeps_original: bool,
    reroutes: bool,
    counters: Counters,
    seldom: Seldom,
}

/// What becomes of an event whose program fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// It goes on as it came.
    PassOn,
    /// It goes to the output `dropped`.
    Reroute,
    /// It is dropped.
    Drop,
}

impl Failure {
    fn new(drop: bool, reroute: bool) -> Self {
        match (drop, reroute) {
            (false, _) => Self::PassOn,
            (true, true) => Self::Reroute,
            (true, false) => Self::Drop,
        }
    }
}

/// Makes a remap.
///
/// # Errors
/// Everything that is wrong with the options and the program.
pub fn build(options: &Options, build: &mut Build<'_>) -> Result<Box<dyn Transform>, Vec<ConfigError>> {
    let remap: RemapOptions = options.parse(&["metric_tag_values"])?;
    let VrlRuntime::Ast = remap.runtime;
    let timezone = match remap.timezone.as_deref() {
        None => build.timezone,
        Some(name) => TimeZone::parse(name)
            .ok_or_else(|| vec![options.error("timezone", format!("there is no time zone `{name}`"))])?,
    };
    let program = compile(options, &remap, timezone, build)?;
    let (fallible, abortable) = program.can_fail_or_abort();
    let on_error = Failure::new(remap.drop_on_error, remap.reroute_dropped);
    let on_abort = Failure::new(remap.drop_on_abort, remap.reroute_dropped);
    Ok(Box::new(Remap {
        id: options.id.clone(),
        program,
        on_error,
        on_abort,
        keeps_original: (fallible && on_error != Failure::Drop) || (abortable && on_abort != Failure::Drop),
        reroutes: remap.reroute_dropped,
        counters: build.counters.clone(),
        seldom: Seldom::default(),
    }))
}

fn compile(
    options: &Options,
    remap: &RemapOptions,
    timezone: TimeZone,
    build: &mut Build<'_>,
) -> Result<Compiled, Vec<ConfigError>> {
    let config = CompileConfig::default();
    match (&remap.source, &remap.file, remap.files.as_deref()) {
        (Some(source), None, None) => {
            Compiled::new(options, Text::Option("source"), source, config, timezone, build.warnings)
        }
        (None, Some(file), None) => {
            let source = read(options, "file", file).map_err(|error| vec![error])?;
            Compiled::new(options, Text::File(file), &source, config, timezone, build.warnings)
        }
        (None, None, Some([first, others @ ..])) => {
            let (mut source, mut errors) = (String::new(), Vec::new());
            for file in std::iter::once(first).chain(others) {
                match read(options, "files", file) {
                    Ok(text) => source.extend([text.as_str(), "\n"]),
                    Err(error) => errors.push(error),
                }
            }
            if !errors.is_empty() {
                return Err(errors);
            }
            Compiled::new(options, Text::Option("files"), &source, config, timezone, build.warnings)
        }
        _ => Err(vec![options.error("source", "exactly one of `source`, `file` and `files` must be given")]),
    }
}

fn read(options: &Options, option: &str, file: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(file).map_err(|error| {
        options
            .error(option, format!("the program `{}` cannot be read: {error}", file.display()))
            .hint("a relative path starts from the working directory")
    })
}

impl Transform for Remap {
    fn transform(&mut self, batch: Batch, out: &mut Outputs) {
        out.main.reserve(batch.len());
        for mut event in batch {
            let original = self.keeps_original.then(|| event.clone());
            match self.program.run(&mut event) {
                Ok(_) => emit(event, out),
                Err(failed) => self.failed(failed, original, out),
            }
        }
    }

    fn ports(&self) -> Vec<String> {
        if self.reroutes { vec!["dropped".to_owned()] } else { Vec::new() }
    }
}

impl Remap {
    fn failed(&mut self, failed: Terminate, original: Option<Event>, out: &mut Outputs) {
        let (failure, reason, counted) = match &failed {
            Terminate::Abort(_) => (self.on_abort, "abort", "aborted by the program"),
            Terminate::Error(_) | Terminate::Interrupted => (self.on_error, "error", "program failed"),
        };
        let message = failed.to_string();
        if reason == "error" && failure != Failure::Reroute {
            self.counters.error();
            if let Some(held) = self.seldom.turn() {
                tracing::warn!(component = %self.id, unreported = held, "the program failed: {message}");
            }
        }
        match (failure, original) {
            (Failure::PassOn, Some(original)) => out.push(original),
            (Failure::Reroute, Some(mut original)) => {
                self.mark(&mut original.value, reason, &message);
                out.push_to(0, original);
            }
            // Without the original, only dropping is left: `keeps_original` saw to the rest.
            (Failure::Drop | Failure::PassOn | Failure::Reroute, _) => self.counters.dropped(counted, 1),
        }
    }

    /// Notes under `metadata.dropped` why the event left this way.
    fn mark(&self, value: &mut Value, reason: &str, message: &str) {
        let dropped = ObjectMap::from([
            ("component_id".into(), self.id.as_str().into()),
            ("component_kind".into(), "transform".into()),
            ("component_type".into(), "remap".into()),
            ("message".into(), message.into()),
            ("reason".into(), reason.into()),
        ]);
        value.insert(path!("metadata", "dropped"), Value::Object(dropped));
    }
}

/// Passes on what the program made of the event: an array becomes one event per item, anything
/// that is no object becomes the message of one.
fn emit(event: Event, out: &mut Outputs) {
    match event.value {
        Value::Object(_) => out.push(event),
        Value::Array(items) => {
            for value in items {
                out.push(Event { value: object(value), metadata: event.metadata.clone(), ack: event.ack.clone() });
            }
        }
        value => out.push(Event { value: object(value), ..event }),
    }
}

fn object(value: Value) -> Value {
    match value {
        Value::Object(_) => value,
        value => Value::Object(ObjectMap::from([("message".into(), value)])),
    }
}
