//! Whatever an event is like: all of it is still there afterwards, to the letter.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, also in its helpers")]

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use proptest::prelude::*;
use resilmesh_enrich::enrich::Enricher;
use resilmesh_enrich::indicator::{self, Indicator, NameParts};
use resilmesh_enrich::provider::chain::Chain;
use resilmesh_enrich::provider::{Answer, AutonomousSystem, Facts, Outcome, Place, Provider};
use resilmesh_relay::event::Event;
use resilmesh_service::Stats;
use serde::de::{Deserialize, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Knows everything about everything, so that every field that can be added is.
struct Oracle;

#[async_trait]
impl Provider for Oracle {
    fn name(&self) -> &'static str {
        "oracle"
    }

    async fn lookup(&self, indicators: &[Indicator]) -> Vec<Outcome> {
        let text = || Some("\"quoted\" \\ text".to_owned());
        let facts = || Facts {
            risk_score: Some(99.5),
            system: Some(AutonomousSystem { number: 1, organization: text() }),
            place: Some(Place {
                country_code: text(),
                country_name: text(),
                continent_code: text(),
                continent_name: text(),
            }),
            name: NameParts::of("www.shop.co.uk"),
        };
        let answer = |i: &Indicator| Outcome::Found(Arc::new(make_answer(i, facts())));
        indicators.iter().map(answer).collect()
    }

    fn note(&self) -> Option<String> {
        None
    }
}

fn make_answer(indicator: &Indicator, facts: Facts) -> Answer {
    Answer { json: format!("{{\"indicator\":\"{indicator}\"}}").into(), facts }
}

fn enrich(text: &str) -> String {
    let event = Event::parse(text.as_bytes()).expect("an event");
    let found = indicator::find(&event);
    let indicators: Vec<Indicator> = found.iter().flat_map(|found| found.indicators.clone()).collect();
    let chain = Chain::new(vec![Arc::new(Oracle)], &Stats::new());
    let knowledge = futures::executor::block_on(chain.lookup(&indicators));
    let additions = Enricher { risk_threshold: 50.0 }.additions(&event, &found, &knowledge);
    String::from_utf8(event.with(&additions)).expect("text")
}

/// The members of an object as they are written, in order, with repetitions.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members;

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// Objects begin with the members they had, in their order; all else is the same text.
fn is_kept(before: &str, after: &str) -> bool {
    if !before.starts_with('{') {
        return before == after;
    }
    let (Ok(before), Ok(after)) = (serde_json::from_str::<Members>(before), serde_json::from_str::<Members>(after))
    else {
        return false;
    };
    before.0.len() <= after.0.len()
        && before.0.iter().zip(&after.0).all(|(b, a)| b.0 == a.0 && is_kept(b.1.get(), a.1.get()))
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "null",
            "true",
            "1.0",
            "1",
            "-0",
            "1e400",
            "123456789012345678901234567890",
            "0.1000000000000000055511151231257827",
            "\"8.8.8.8\"",
            "\"www.shop.co.uk\"",
            "\"https://evil.de/x\"",
            "\"::ffff:1.2.3.4\"",
            "\"UNKNOWN\"",
            "\"\\ud83d\\ude00\"",
            "\"a \\\" } b\"",
            "\"\"",
            "[]",
            "{ }",
        ])
        .prop_map(str::to_owned),
        any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "source",
        "destination",
        "url",
        "dns",
        "host",
        "event",
        "threat",
        "resilmesh",
        "silent_push",
        "wazuh_rule_level",
        "ip",
        "domain",
        "address",
        "as",
        "geo",
        "number",
        "organization",
        "name",
        "question",
        "resolved_ip",
        "risk_score",
        "id",
        "enrichments",
        "enrichment",
        "providers",
        "registered_domain",
        "source.ip",
        "source.as",
        "event.risk_score",
        "full",
        "a\\\"b",
        "",
    ])
    .prop_map(str::to_owned)
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let space = || prop::sample::select(vec!["", " ", "\n\t"]);
    prop::collection::vec((key(), space(), value), 0..6).prop_map(|members| {
        let members: Vec<String> = members
            .into_iter()
            .map(|(key, space, value)| format!("{space}\"{key}\"{space}:{space}{value}{space}"))
            .collect();
        format!("{{{}}}", members.join(","))
    })
}

fn event() -> impl Strategy<Value = String> {
    let value = scalar().prop_recursive(4, 64, 6, |inner| {
        prop_oneof![
            object(inner.clone()).boxed(),
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(", "))).boxed(),
        ]
    });
    object(value)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn everything_is_kept(text in event()) {
        let after = enrich(&text);
        prop_assert!(is_kept(&text, &after), "{text}\n{after}");
    }

    #[test]
    fn to_enrich_again_changes_nothing(text in event()) {
        let once = enrich(&text);
        prop_assert_eq!(enrich(&once), once);
    }
}

#[test]
fn the_check_itself_notices_a_change() {
    assert!(is_kept(r#"{"a":{"b":1.0}}"#, r#"{"a":{"b":1.0,"c":2},"d":3}"#));
    for changed in [r#"{"a":{"b":1}}"#, r#"{"a":{}}"#, r#"{"d":3,"a":{"b":1.0}}"#, r#"{"a":[]}"#] {
        assert!(!is_kept(r#"{"a":{"b":1.0}}"#, changed), "{changed}");
    }
}
