//! What the service would make of messages, without a bus. Nobody outside of this machine is asked:
//! of the providers only `local` answers.

use std::path::Path;
use std::sync::Arc;

use resilmesh_relay::event::Event;
use resilmesh_relay::rejected::{self, Origin};
use resilmesh_service::Stats;
use resilmesh_service::rehearsal::{Answer, Left, Part, Passed, Request};

use crate::config::{self, Config, ProviderName};
use crate::enrich::Enricher;
use crate::indicator::{self, Indicator};
use crate::provider::Provider;
use crate::provider::chain::Chain;
use crate::provider::local::Local;

/// The one component at which messages come in.
const INPUT: &str = "input";
/// The component at which events leave.
const OUTPUT: &str = "output";
/// The component at which messages leave that are no events.
const REJECTED: &str = "rejected";

/// A valid configuration to be asked about.
pub struct Rehearsal {
    config: Config,
    chain: Chain,
    file: String,
}

impl Rehearsal {
    /// Reads a configuration file and opens the databases it names.
    ///
    /// # Errors
    /// Every mistake, one a line.
    pub fn open(path: &Path) -> Result<Self, Vec<String>> {
        let (config, databases) = config::read_with_databases(path)?;
        let local = config.providers.contains(&ProviderName::Local);
        let asked: Vec<Arc<dyn Provider>> = if local { vec![Arc::new(Local::new(databases))] } else { Vec::new() };
        Ok(Self { config, chain: Chain::new(asked, &Stats::new()), file: path.display().to_string() })
    }

    /// What it has in place of components.
    pub fn parts(&self) -> Vec<Part> {
        let part = |(id, section): (&str, &str)| Part {
            id: id.to_owned(),
            section: section.to_owned(),
            file: self.file.clone(),
        };
        [(INPUT, "source"), (OUTPUT, "sink"), (REJECTED, "sink")].map(part).to_vec()
    }

    /// Answers a question.
    pub async fn answer(&self, request: Request) -> Answer {
        match request {
            Request::Feed { at, payloads } if at == INPUT => {
                let mut passed = Passed::default();
                for (payload, sequence) in payloads.iter().zip(1..) {
                    passed.left.push(self.one(payload, sequence).await);
                }
                Answer::Passed(passed)
            }
            other => Answer::Refused(format!("enrichment has no answer to {other:?}")),
        }
    }

    async fn one(&self, payload: &str, sequence: u64) -> Left {
        let origin = Origin { stream: self.config.input.stream.clone(), sequence, nanoseconds: 0 };
        let event = match Event::parse(payload.as_bytes()) {
            Ok(event) => event,
            Err(reason) => {
                let rejected = rejected::document(payload.as_bytes(), &(&reason).into(), &origin, &self.config.name);
                return left(REJECTED, &self.config.output.rejected, &rejected.body);
            }
        };
        let found = indicator::find(&event);
        let mut indicators: Vec<Indicator> = found.iter().flat_map(|found| found.indicators.clone()).collect();
        indicators.sort();
        indicators.dedup();
        let knowledge = self.chain.lookup(&indicators).await;
        let enricher = Enricher { risk_threshold: f64::from(self.config.risk_threshold) };
        let mut additions = enricher.additions(&event, &found, &knowledge);
        if event.json("event.id").is_none() {
            additions.add_text(&event, "event.id", &origin.id("event"));
        }
        left(OUTPUT, &self.config.output.subject, &event.with(&additions))
    }
}

fn left(at: &str, to: &str, payload: &[u8]) -> Left {
    Left { at: at.to_owned(), to: Some(to.to_owned()), payload: String::from_utf8_lossy(payload).into_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const CONFIG: &str = "\
name: e
input: {url: 'nats://x', stream: s, consumer: e}
output: {subject: enriched, rejected: s.rejected}
providers: [local, silentpush]
";

    #[tokio::test]
    async fn events_are_added_to_and_nobody_outside_is_asked() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("enrich.yaml");
        std::fs::write(&file, CONFIG).expect("writable");
        let rehearsal = Rehearsal::open(&file).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let payloads = vec!["{\"source\":{\"domain\":\"www.example.org\"}}".to_owned(), "no event".to_owned()];
        let asked = rehearsal.answer(Request::Feed { at: INPUT.to_owned(), payloads }).await;
        let Answer::Passed(passed) = asked else { panic!("{asked:?}") };
        let event: Value = serde_json::from_str(&passed.left[0].payload).expect("JSON");
        assert_eq!(passed.left[0].to.as_deref(), Some("enriched"));
        assert_eq!(event["source"]["registered_domain"], "example.org");
        assert_eq!(event["resilmesh"]["enrichment"]["providers"], serde_json::json!(["local"]));
        assert!(event["resilmesh"]["enrichment"].get("reason").is_none(), "{event}");
        assert_eq!(passed.left[1].to.as_deref(), Some("s.rejected"));
        assert!(std::fs::read_dir(folder.path()).expect("a folder").count() == 1, "nothing is written");
    }
}
