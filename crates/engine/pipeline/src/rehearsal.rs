//! What a pipeline would make of events: its own sources decode them, its own transforms change
//! them, its own sinks encode them, but nothing is listened on, connected to or written.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use bytes::Bytes;
use resilmesh_service::rehearsal::{Answer, Left, Lost, Made, Part, Passed, Request};
use resilmesh_service::stats::Kind;
use resilmesh_service::{Lifecycle, Stats};
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;
use vrl::compiler::state::ExternalEnv;
use vrl::compiler::{CompileConfig, TimeZone, compile_with_external};
use vrl::diagnostic::Diagnostic;
use vrl::path;
use vrl::value::Value;

use crate::config::{self, Config, ConfigError, SecretMode};
use crate::event::{Ack, Batch, Event};
use crate::readiness;
use crate::source::SourceContext;
use crate::topology::Output;
use crate::topology::build::{Parts, build};
use crate::topology::tap::Taps;
use crate::transform::program::Compiled;
use crate::transform::{Outputs, Transform};

/// A valid configuration to be asked about. Each question meets a pipeline that has seen no event yet.
#[derive(Debug)]
pub struct Rehearsal {
    config: Config,
}

impl Rehearsal {
    /// Reads a configuration as [`crate::run`] does; references to secrets stay as written.
    ///
    /// # Errors
    /// Every mistake that can be told from the others.
    pub fn open(path: &Path) -> Result<Self, Vec<ConfigError>> {
        let (config, mut errors) = config::load(path, SecretMode::Leave);
        match build(&config, &Stats::new()) {
            Ok(_) if errors.is_empty() => Ok(Self { config }),
            Ok(_) => Err(errors),
            Err(mistakes) => {
                errors.extend(mistakes);
                Err(errors)
            }
        }
    }

    /// The components of the pipeline.
    pub fn parts(&self) -> Vec<Part> {
        let part = |options: &config::Options| Part {
            id: options.id.clone(),
            section: options.section.to_string(),
            file: options.file.display().to_string(),
        };
        self.config.components.iter().map(|component| part(&component.options)).collect()
    }

    /// Answers a question.
    pub fn answer(&self, request: Request) -> Answer {
        let answered = match request {
            Request::Feed { at, payloads } => self.feed(&at, payloads).map(Answer::Passed),
            Request::Transform { id, events } => self.transform(&id, events).map(Answer::Made),
            Request::Condition { source, event } => Ok(condition(&source, event)),
        };
        answered.unwrap_or_else(Answer::Refused)
    }

    fn feed(&self, at: &str, payloads: Vec<String>) -> Result<Passed, String> {
        let stats = Stats::new();
        let mut parts = self.build(&stats)?;
        let source = parts.sources.remove(at).ok_or_else(|| format!("there is no source `{at}`"))?;
        let payloads = payloads.into_iter().map(Bytes::from).collect();
        let batch = source.rehearse(&context(at, &stats), payloads).map_err(|error| error.to_string())?;
        let mut lost = Vec::new();
        let left = flow(&mut parts, at, batch, &mut lost);
        for (at, counted) in stats.snapshot().components {
            lost.extend(counted.dropped.into_iter().map(|(reason, count)| Lost { at: at.clone(), reason, count }));
        }
        Ok(Passed { left, lost })
    }

    fn transform(&self, id: &str, events: Vec<Json>) -> Result<Vec<Made>, String> {
        let mut parts = self.build(&Stats::new())?;
        let mut transform = parts.transforms.remove(id).ok_or_else(|| format!("there is no transform `{id}`"))?;
        let batch = events.into_iter().map(|event| Event::new(Value::from(event), Ack::none())).collect();
        let made = outputs(id, transform.as_mut(), batch);
        Ok(made
            .into_iter()
            .flat_map(|(output, batch)| batch.into_iter().map(move |event| (output.clone(), event)))
            .map(|(output, event)| Made { output, event: json(&event.value) })
            .collect())
    }

    fn build(&self, stats: &Stats) -> Result<Parts, String> {
        // It was built before; only files with programs may have changed since.
        build(&self.config, stats)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }
}

fn context(id: &str, stats: &Stats) -> SourceContext {
    let counters = stats.component(id, Kind::Source);
    SourceContext {
        id: id.to_owned(),
        counters: counters.clone(),
        stop: CancellationToken::new(),
        abandon: CancellationToken::new(),
        output: Output::new(counters, Taps::default().point(id), Vec::new()),
        data_dir: None,
        inbox_prefix: None,
        readiness: readiness::Readiness::new(Lifecycle::new()).part(id),
    }
}

/// Lets events flow from an output of a component until all have left or are lost.
fn flow(parts: &mut Parts, from: &str, batch: Batch, lost: &mut Vec<Lost>) -> Vec<Left> {
    let mut left = Vec::new();
    let mut waiting = VecDeque::from([(from.to_owned(), batch)]);
    while let Some((output, batch)) = waiting.pop_front() {
        if batch.is_empty() {
            continue;
        }
        let takers = parts.graph.takers.get(&output).cloned().unwrap_or_default();
        if takers.is_empty() {
            lost.extend(batch.iter().map(|event| Lost { at: output.clone(), reason: reason(event), count: 1 }));
        }
        for taker in takers {
            if let Some(transform) = parts.transforms.get_mut(&taker) {
                waiting.extend(outputs(&taker, transform.as_mut(), batch.clone()));
            } else if let Some(sink) = parts.sinks.get(&taker) {
                for event in batch.clone() {
                    match sink.offer(event) {
                        Ok(offer) => left.push(Left {
                            at: taker.clone(),
                            to: offer.to,
                            payload: String::from_utf8_lossy(&offer.payload).into_owned(),
                        }),
                        Err(reason) => lost.push(Lost { at: taker.clone(), reason, count: 1 }),
                    }
                }
            }
        }
    }
    left
}

/// Why an event left by an output that nothing takes.
fn reason(event: &Event) -> String {
    let said = event.value.get(path!("metadata", "dropped", "message"));
    said.map_or_else(|| "nothing takes the output".to_owned(), |said| said.to_string_lossy().into_owned())
}

/// What a transform makes, by output.
fn outputs(id: &str, transform: &mut dyn Transform, batch: Batch) -> BTreeMap<String, Batch> {
    let ports = transform.ports();
    let mut out = Outputs::new(ports.len());
    transform.transform(batch, &mut out);
    let ports = ports.into_iter().map(|port| format!("{id}.{port}")).zip(out.ports);
    std::iter::once((id.to_owned(), out.main)).chain(ports).collect()
}

fn json(value: &Value) -> Json {
    // A value has text keys, so that it always is JSON.
    serde_json::to_value(value).unwrap_or_default()
}

/// Whether a condition holds: an expression that is true, or assertions that all succeed.
pub fn condition(source: &str, event: Json) -> Answer {
    let mut config = CompileConfig::default();
    config.set_read_only();
    let compiled = compile_with_external(source, &vrl::stdlib::all(), &ExternalEnv::default(), config);
    let program = match compiled {
        Ok(compiled) if compiled.program.final_type_info().result.is_boolean() => compiled.program,
        Ok(_) => return invalid(source, "the condition must result in true or false", 0),
        Err(found) => {
            let first = found.iter().find(|found| found.is_problem()).or_else(|| found.first());
            return first.map_or_else(|| invalid(source, "no condition", 0), |found| invalid_at(source, found));
        }
    };
    let mut event = Event::new(Value::from(event), Ack::none());
    match Compiled::from((program, TimeZone::Local)).run(&mut event) {
        Ok(Value::Boolean(true)) => Answer::Holds,
        Ok(Value::Boolean(false)) => Answer::Broken("it is false".to_owned()),
        Ok(other) => Answer::Broken(format!("it is `{other}`")),
        Err(failed) => Answer::Broken(failed.to_string()),
    }
}

fn invalid_at(source: &str, found: &Diagnostic) -> Answer {
    let label = found.labels().iter().find(|label| label.primary);
    let note = label.map(|label| label.message.as_str()).filter(|note| !note.is_empty());
    let message = [Some(found.message()), note].into_iter().flatten().collect::<Vec<_>>().join(": ");
    invalid(source, &message, label.map_or(0, |label| label.span.start()))
}

fn invalid(source: &str, message: &str, offset: usize) -> Answer {
    let before = source.get(..offset).unwrap_or_default();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Answer::Invalid { message: message.to_owned(), line: before.matches('\n').count() + 1, column }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CONFIG: &str = r#"
sources:
  wire: {type: socket, mode: tcp, address: "127.0.0.1:1", max_length: 20}
  bus: {type: nats, url: "nats://x", connection_name: c, subject: logs}
  watch: {type: file, include: [/var/log/a.log], offset_key: offset}
  demo: {type: demo_logs, format: json}
transforms:
  parse:
    type: remap
    inputs: [wire, bus, demo]
    drop_on_error: true
    reroute_dropped: true
    source: |
      .n = to_int!(.message)
  once: {type: dedupe, inputs: [parse], fields: {match: [n]}}
sinks:
  out: {type: nats, inputs: [once], url: "nats://x", subject: "n.{{ n }}", encoding: {codec: json}}
  store:
    type: elasticsearch
    inputs: [watch]
    endpoints: ["http://x"]
    id_key: message
    bulk: {action: create, index: docs}
"#;

    fn rehearsal() -> Rehearsal {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vector.yaml");
        std::fs::write(&file, CONFIG).unwrap();
        Rehearsal::open(&file).unwrap_or_else(|errors| panic!("{errors:#?}"))
    }

    fn feed(at: &str, payloads: &[&str]) -> Passed {
        let payloads = payloads.iter().map(|payload| (*payload).to_owned()).collect();
        match rehearsal().answer(Request::Feed { at: at.to_owned(), payloads }) {
            Answer::Passed(passed) => passed,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn messages_go_through_sources_transforms_and_sinks() {
        let passed = feed("wire", &["7", "7", "x", "8\n9", &"1".repeat(30)]);
        let out: Vec<(&str, i64, Json)> = passed
            .left
            .iter()
            .map(|left| {
                let event: Json = serde_json::from_str(&left.payload).unwrap();
                (left.to.as_deref().unwrap(), event["n"].as_i64().unwrap(), event["host"].clone())
            })
            .collect();
        assert_eq!(
            out,
            [("n.7", 7, json!("127.0.0.1")), ("n.8", 8, json!("127.0.0.1")), ("n.9", 9, json!("127.0.0.1"))]
        );
        let lost: Vec<(&str, u64)> = passed.lost.iter().map(|lost| (lost.at.as_str(), lost.count)).collect();
        assert_eq!(lost, [("parse.dropped", 1), ("once", 1), ("wire", 1)], "{passed:?}");
        assert!(passed.lost[0].reason.contains("to_int"), "{passed:?}");
        assert_eq!(feed("wire", &["7"]).left.len(), 1, "each question meets a new pipeline");
    }

    #[test]
    fn what_sources_and_sinks_do_to_an_event_is_done() {
        let bus: Json = serde_json::from_str(&feed("bus", &["1"]).left[0].payload).unwrap();
        assert_eq!((&bus["subject"], &bus["source_type"]), (&json!("logs"), &json!("nats")));
        let passed = feed("watch", &["a", "b"]);
        let second: Json = serde_json::from_str(&passed.left[1].payload).unwrap();
        assert_eq!((&second["file"], &second["offset"]), (&json!("/var/log/a.log"), &json!(2)));
        assert!(second.get("message").is_none(), "the sink takes its id out of the document");
        assert_eq!(passed.left[1].to.as_deref(), Some("docs"));
    }

    #[test]
    fn one_transform_is_asked_alone() {
        let events = vec![json!({"message": "1"}), json!({"message": "x"})];
        let Answer::Made(made) = rehearsal().answer(Request::Transform { id: "parse".to_owned(), events }) else {
            panic!("it is there");
        };
        assert_eq!(made[0], Made { output: "parse".to_owned(), event: json!({"message": "1", "n": 1}) });
        assert_eq!(made[1].output, "parse.dropped");
        for request in [
            Request::Transform { id: "prase".to_owned(), events: vec![] },
            Request::Feed { at: "nowhere".to_owned(), payloads: vec![] },
            Request::Feed { at: "demo".to_owned(), payloads: vec![] },
        ] {
            assert!(matches!(rehearsal().answer(request.clone()), Answer::Refused(_)), "{request:?}");
        }
    }

    #[test]
    fn conditions_hold_or_say_why_not() {
        let holds = |source: &str| condition(source, json!({"a": 1, "b": "x"}));
        assert_eq!(holds(".a == 1 && exists(.b)"), Answer::Holds);
        assert_eq!(holds("assert_eq!(.a, 1)"), Answer::Holds);
        assert_eq!(holds(".a == 2"), Answer::Broken("it is false".to_owned()));
        assert!(matches!(holds("assert!(.a == 2, \"two\")"), Answer::Broken(why) if why.contains("two")));
        assert!(matches!(holds(".a"), Answer::Invalid { .. }));
        let Answer::Invalid { line, column, message } = holds(".a == 1 &&\n  nonsense(.b)") else {
            panic!("no function")
        };
        assert_eq!((line, column), (2, 3), "{message}");
        assert!(matches!(holds(".a = 2; true"), Answer::Invalid { .. }), "it cannot change the event");
    }

    #[test]
    fn a_configuration_with_mistakes_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vector.yaml");
        std::fs::write(&file, CONFIG.replace("to_int!", "to_itn!")).unwrap();
        let errors = Rehearsal::open(&file).unwrap_err();
        assert!(errors[0].to_string().contains("to_itn"), "{errors:?}");
    }
}
