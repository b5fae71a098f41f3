//! Who knows something about indicators.

pub mod chain;
pub mod local;
pub mod silentpush;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::indicator::{Indicator, NameParts};

/// Somebody who can be asked about indicators.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The name in configuration, counters and the `provider` field.
    fn name(&self) -> &'static str;

    /// One outcome per indicator, in their order. Returns within a bounded time whatever is wrong
    /// on the other side: what could not be had is [`Outcome::Failed`], with the reason.
    async fn lookup(&self, indicators: &[Indicator]) -> Vec<Outcome>;

    /// Whether asking may mean waiting for somebody else.
    fn may_have_to_wait(&self) -> bool {
        false
    }

    /// Whether a lookup of this indicator would not have to wait.
    fn knows_at_once(&self, _: &Indicator) -> bool {
        true
    }

    /// What an operator should know about its state now, such as that it is off for want of a key.
    fn note(&self) -> Option<String>;
}

/// What came of asking about one indicator.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Something is known.
    Found(Arc<Answer>),
    /// There is nothing to say: not known there, or not to be asked about.
    Nothing,
    /// It could not be asked.
    Failed(Failure),
}

/// Why a provider could not be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// In a few words, for counters.
    pub label: &'static str,
    /// In full, for the event and the log.
    pub reason: Arc<str>,
}

impl Failure {
    /// A failure.
    pub fn new(label: &'static str, reason: impl Into<Arc<str>>) -> Self {
        Self { label, reason: reason.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.reason)
    }
}

/// What a provider knows about one indicator.
#[derive(Debug)]
pub struct Answer {
    /// The object for `silent_push`, as JSON text: made once, added to many events.
    pub json: Box<str>,
    /// What of it has a place of its own in ECS.
    pub facts: Facts,
}

/// Facts that ECS has fields for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// How risky, 0 to 100, if the provider computes a risk.
    pub risk_score: Option<f64>,
    /// The autonomous system the address belongs to.
    pub system: Option<AutonomousSystem>,
    /// Where the address is.
    pub place: Option<Place>,
    /// The parts of the name.
    pub name: Option<NameParts>,
}

/// An autonomous system (a network under one administration).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutonomousSystem {
    /// Its number.
    pub number: u32,
    /// Who runs it.
    pub organization: Option<String>,
}

/// A country.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// ISO 3166-1 alpha-2.
    pub country_code: Option<String>,
    /// In English.
    pub country_name: Option<String>,
    /// Two letters.
    pub continent_code: Option<String>,
    /// In English.
    pub continent_name: Option<String>,
}

impl Place {
    /// None if nothing of it is known.
    pub(crate) fn if_any(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }
}

/// The Wazuh rule level (0 to 15) of a Silent Push risk score (0 to 100), as the deployed
/// ResilMesh enrichment computes it: no score counts as 0.
pub fn wazuh_rule_level(risk_score: Option<f64>) -> u8 {
    let level = (risk_score.unwrap_or(0.0) / 6.5).floor().clamp(0.0, 15.0);
    // In 0..=15 (NaN becomes 0): nothing is cut off.
    level as u8
}

impl Answer {
    /// An answer: the provider's own `fields`, headed by what every answer has.
    pub(crate) fn new(indicator: &Indicator, provider: &str, fields: Map<String, Value>, facts: Facts) -> Self {
        let mut object = Map::new();
        object.insert("indicator".into(), indicator.to_string().into());
        object.insert("type".into(), indicator.kind().name().into());
        object.insert("provider".into(), provider.into());
        object.insert("wazuh_rule_level".into(), wazuh_rule_level(facts.risk_score).into());
        for (key, value) in fields {
            object.entry(key).or_insert(value);
        }
        Self { json: Value::Object(object).to_string().into(), facts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn risk_scores_become_rule_levels() {
        for (score, level) in [(None, 0), (Some(6.4), 0), (Some(6.5), 1), (Some(50.0), 7), (Some(100.0), 15)] {
            assert_eq!(wazuh_rule_level(score), level, "{score:?}");
        }
        for (score, level) in [(-5.0, 0), (1e9, 15), (f64::NAN, 0)] {
            assert_eq!(wazuh_rule_level(Some(score)), level, "{score:?}");
        }
    }

    #[test]
    fn what_a_provider_says_of_itself_does_not_hide_ours() {
        let fields = serde_json::json!({"type": "malware", "sp_risk_score": 20});
        let Value::Object(fields) = fields else { unreachable!("an object") };
        let indicator = Indicator::domain("a.de").expect("a domain");
        let answer = Answer::new(&indicator, "p", fields, Facts { risk_score: Some(20.0), ..Facts::default() });
        let object: Value = serde_json::from_str(&answer.json).expect("JSON");
        assert_eq!(
            object,
            serde_json::json!({"indicator": "a.de", "type": "domain", "provider": "p", "wazuh_rule_level": 3,
                "sp_risk_score": 20})
        );
    }
}
