//! Asks all providers about the indicators of many events at once.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::join_all;
use resilmesh_service::Stats;
use resilmesh_service::stats::{Counters, Kind};

use super::{Answer, Failure, Outcome, Provider};
use crate::indicator::Indicator;

/// The providers, in the order of the configuration: from the weakest to the strongest.
pub struct Chain {
    links: Vec<Link>,
}

struct Link {
    provider: Arc<dyn Provider>,
    counters: Counters,
}

/// What is known about the indicators of some events.
#[derive(Debug, Default)]
pub struct Knowledge(HashMap<Indicator, Known>);

/// What is known about one indicator.
#[derive(Debug, Default)]
pub struct Known {
    /// Who answered what, the strongest provider last.
    pub answers: Vec<(&'static str, Arc<Answer>)>,
    /// Who could not be asked, and why.
    pub failures: Vec<(&'static str, Failure)>,
}

impl Chain {
    /// A chain whose counters are in `stats`, one component `provider:<name>` each.
    pub fn new(providers: Vec<Arc<dyn Provider>>, stats: &Stats) -> Self {
        let link = |provider: Arc<dyn Provider>| {
            let counters = stats.component(&format!("provider:{}", provider.name()), Kind::Transform);
            Link { provider, counters }
        };
        Self { links: providers.into_iter().map(link).collect() }
    }

    /// Asks every provider about every indicator (each given once).
    pub async fn lookup(&self, indicators: &[Indicator]) -> Knowledge {
        let mut knowledge: HashMap<Indicator, Known> =
            indicators.iter().map(|indicator| (indicator.clone(), Known::default())).collect();
        let asked = join_all(self.links.iter().map(|link| link.provider.lookup(indicators))).await;
        for (link, outcomes) in self.links.iter().zip(asked) {
            link.count(&outcomes);
            for (indicator, outcome) in indicators.iter().zip(outcomes) {
                let known = knowledge.entry(indicator.clone()).or_default();
                match outcome {
                    Outcome::Found(answer) => known.answers.push((link.provider.name(), answer)),
                    Outcome::Failed(failure) => known.failures.push((link.provider.name(), failure)),
                    Outcome::Nothing => {}
                }
            }
        }
        Knowledge(knowledge)
    }

    /// Whether asking may mean waiting for somebody else.
    pub fn may_have_to_wait(&self) -> bool {
        self.links.iter().any(|link| link.provider.may_have_to_wait())
    }

    /// Whether a lookup of this indicator would not have to wait.
    pub fn knows_at_once(&self, indicator: &Indicator) -> bool {
        self.links.iter().all(|link| link.provider.knows_at_once(indicator))
    }

    /// What the providers have to say about themselves, with their names.
    pub fn notes(&self) -> Vec<(&'static str, Option<String>)> {
        self.links.iter().map(|link| (link.provider.name(), link.provider.note())).collect()
    }
}

impl Link {
    fn count(&self, outcomes: &[Outcome]) {
        self.counters.received(outcomes.len() as u64);
        let mut found = 0;
        let mut failed: HashMap<&'static str, u64> = HashMap::new();
        for outcome in outcomes {
            match outcome {
                Outcome::Found(_) => found += 1,
                Outcome::Failed(failure) => *failed.entry(failure.label).or_default() += 1,
                Outcome::Nothing => {}
            }
        }
        self.counters.sent(found);
        for (label, times) in failed {
            self.counters.dropped(label, times);
        }
    }
}

impl Knowledge {
    /// What is known about an indicator that was asked about.
    pub fn of(&self, indicator: &Indicator) -> Option<&Known> {
        self.0.get(indicator)
    }
}

impl Known {
    /// The answer that stands: of the strongest provider that had one.
    pub fn best(&self) -> Option<&(&'static str, Arc<Answer>)> {
        self.answers.last()
    }

    /// The first thing `pick` finds in the answers, from the strongest on.
    pub fn fact<'k, T>(&'k self, pick: impl Fn(&'k Answer) -> Option<T>) -> Option<T> {
        self.answers.iter().rev().find_map(|(_, answer)| pick(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Facts;
    use async_trait::async_trait;

    struct Says(&'static str, fn(&Indicator) -> Outcome);

    #[async_trait]
    impl Provider for Says {
        fn name(&self) -> &'static str {
            self.0
        }

        async fn lookup(&self, indicators: &[Indicator]) -> Vec<Outcome> {
            indicators.iter().map(self.1).collect()
        }

        fn note(&self) -> Option<String> {
            None
        }
    }

    fn answer(risk: Option<f64>) -> Outcome {
        let indicator = Indicator::domain("a.de").expect("a domain");
        let facts = Facts { risk_score: risk, ..Facts::default() };
        Outcome::Found(Arc::new(Answer::new(&indicator, "x", serde_json::Map::new(), facts)))
    }

    #[tokio::test]
    async fn the_strongest_answer_stands_and_the_weaker_fill_gaps() {
        let stats = Stats::new();
        let weak = Arc::new(Says("weak", |_| answer(Some(1.0))));
        let strong = Arc::new(Says("strong", |i| match i {
            Indicator::Domain(_) => answer(None),
            _ => Outcome::Failed(Failure::new("off", "strong is off")),
        }));
        let chain = Chain::new(vec![weak, strong], &stats);
        let (domain, ip) = (Indicator::either("a.de").expect("domain"), Indicator::either("1.2.3.4").expect("ip"));
        let knowledge = chain.lookup(&[domain.clone(), ip.clone()]).await;

        let known = knowledge.of(&domain).expect("known");
        assert_eq!(known.best().map(|(name, _)| *name), Some("strong"));
        assert_eq!(known.fact(|answer| answer.facts.risk_score), Some(1.0));
        let known = knowledge.of(&ip).expect("known");
        assert_eq!(known.best().map(|(name, _)| *name), Some("weak"));
        assert_eq!(known.failures, [("strong", Failure::new("off", "strong is off"))]);

        let counted = &stats.snapshot().components["provider:strong"];
        assert_eq!((counted.received, counted.sent, counted.dropped["off"]), (2, 1, 1));
    }
}
