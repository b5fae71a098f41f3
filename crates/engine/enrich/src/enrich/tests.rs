use std::sync::Arc;

use async_trait::async_trait;
use resilmesh_service::Stats;

use super::*;
use crate::indicator;
use crate::provider::chain::Chain;
use crate::provider::local::Local;
use crate::provider::local::geo::Databases;
use crate::provider::{Answer, Facts, Failure, Outcome, Provider};

const ENRICHER: Enricher = Enricher { risk_threshold: 50.0 };

/// Scores every IPv4 address 42, every name 80, and cannot be asked about IPv6.
struct Scores;

#[async_trait]
impl Provider for Scores {
    fn name(&self) -> &'static str {
        "scores"
    }

    async fn lookup(&self, indicators: &[Indicator]) -> Vec<Outcome> {
        indicators.iter().map(score).collect()
    }

    fn note(&self) -> Option<String> {
        None
    }
}

fn score(indicator: &Indicator) -> Outcome {
    let risk = match indicator {
        Indicator::V6(_) => return Outcome::Failed(Failure::new("off", "scores: cannot be asked")),
        Indicator::V4(_) => 42.0,
        Indicator::Domain(_) => 80.0,
    };
    let facts = Facts {
        risk_score: Some(risk),
        system: Some(AutonomousSystem { number: 64500, organization: Some("Example".into()) }),
        place: Some(Place { country_code: Some("DE".into()), continent_code: Some("EU".into()), ..Place::default() }),
        name: None,
    };
    let fields = Map::from_iter([("sp_risk_score".to_owned(), risk.into())]);
    Outcome::Found(Arc::new(Answer::new(indicator, "scores", fields, facts)))
}

fn enriched(event: &str, providers: Vec<Arc<dyn Provider>>) -> Value {
    let chain = Chain::new(providers, &Stats::new());
    let event = Event::parse(event.as_bytes()).expect("an event");
    let found = indicator::find(&event);
    let indicators: Vec<Indicator> = found.iter().flat_map(|found| found.indicators.clone()).collect();
    let knowledge = futures::executor::block_on(chain.lookup(&indicators));
    serde_json::from_slice(&event.with(&ENRICHER.additions(&event, &found, &knowledge))).expect("JSON")
}

fn local() -> Arc<dyn Provider> {
    Arc::new(Local::new(Databases::none()))
}

#[test]
fn an_event_gets_results_risk_and_homes() {
    let event = enriched(
        r#"{"source": {"ip": "1.2.3.4"}, "destination": {"domain": "www.shop.co.uk"}, "dns": {"resolved_ip": ["5.6.7.8"]}}"#,
        vec![local(), Arc::new(Scores)],
    );
    assert_eq!(
        event["silent_push"]["source"]["ip"],
        json!({"indicator": "1.2.3.4", "type": "ipv4", "provider": "scores", "wazuh_rule_level": 6, "sp_risk_score": 42.0})
    );
    assert_eq!(event["silent_push"]["dns"]["resolved_ip"][0]["indicator"], "5.6.7.8");
    assert_eq!(event["wazuh_rule_level"], 12);
    assert_eq!(event["event"], json!({"risk_score": 80.0, "risk_score_norm": 80.0}));
    assert_eq!(event["source"]["as"], json!({"number": 64500, "organization": {"name": "Example"}}));
    assert_eq!(event["source"]["geo"], json!({"country_iso_code": "DE", "continent_code": "EU"}));
    // The score of a name is the strongest provider's, its parts are the local one's.
    assert_eq!(
        event["destination"],
        json!({"domain": "www.shop.co.uk", "registered_domain": "shop.co.uk", "top_level_domain": "co.uk", "subdomain": "www",
            "as": {"number": 64500, "organization": {"name": "Example"}},
            "geo": {"country_iso_code": "DE", "continent_code": "EU"}})
    );
    assert_eq!(event["resilmesh"]["enrichment"], json!({"providers": ["local", "scores"]}));
}

#[test]
fn only_a_high_risk_is_a_threat() {
    let event =
        enriched(r#"{"source": {"ip": "1.2.3.4"}, "destination": {"domain": "evil.de"}}"#, vec![Arc::new(Scores)]);
    assert_eq!(
        event["threat"]["enrichments"],
        json!([{
            "indicator": {"type": "domain-name", "name": "evil.de", "provider": "scores", "url": {"domain": "evil.de"},
                "as": {"number": 64500, "organization": {"name": "Example"}}},
            "matched": {"field": "destination.domain", "atomic": "evil.de", "type": "indicator_match_rule"}
        }])
    );
}

#[test]
fn without_a_score_there_is_none() {
    let event = enriched(r#"{"source": {"ip": "10.0.0.1"}}"#, vec![local()]);
    assert_eq!(event["wazuh_rule_level"], 0);
    assert_eq!(event.get("event"), None);
    assert_eq!(event["silent_push"]["source"]["ip"]["provider"], "local");
}

#[test]
fn who_could_not_be_asked_says_why() {
    let event = enriched(r#"{"source": {"ip": "2a00::1"}}"#, vec![local(), Arc::new(Scores)]);
    assert_eq!(event["resilmesh"]["enrichment"], json!({"providers": ["local"], "reason": "scores: cannot be asked"}));
    let event = enriched(r#"{"source": {"ip": "2a00::1"}}"#, vec![Arc::new(Scores)]);
    assert_eq!(
        event,
        json!({"source": {"ip": "2a00::1"}, "resilmesh": {"enrichment": {"reason": "scores: cannot be asked"}}})
    );
}

#[test]
fn nothing_that_is_there_is_touched_nor_completed_with_something_else() {
    let text = r#"{"event": {"risk_score": 1}, "silent_push": {"sp_risk_score": 3}, "wazuh_rule_level": 9,
        "threat": {"enrichments": {"indicator": {}}}, "resilmesh": {"enrichment": null},
        "source": {"ip": "1.2.3.4", "geo": {"country_iso_code": "FR"}, "as": {"organization": {"name": "Mine"}}},
        "url": {"domain": "www.evil.de", "subdomain": ""}}"#;
    let mut expected: Value = serde_json::from_str(text).expect("JSON");
    expected["event"]["risk_score_norm"] = json!(80.0);
    assert_eq!(enriched(text, vec![local(), Arc::new(Scores)]), expected);
}

#[test]
fn an_event_without_indicators_stays_as_it_is() {
    let text = r#"{"message": "x", "source": {"ip": "UNKNOWN"}, "host": {"name": "web1"}}"#;
    let event = enriched(text, vec![local(), Arc::new(Scores)]);
    assert_eq!(event, serde_json::from_str::<Value>(text).expect("JSON"));
}
