//! Reads what the API says about an indicator.

use serde_json::{Map, Value};

use crate::indicator::Indicator;
use crate::provider::{Answer, AutonomousSystem, Facts, Place};

/// An object longer than this (as JSON) would swell every event it is added to; only its score
/// is kept. Objects seen are below 10 kB.
const LONGEST: usize = 128 * 1024;

/// Takes the items out of an answer to a bulk request.
///
/// # Errors
/// When the answer is not of the documented shape, or says that something went wrong.
pub(super) fn items(body: &[u8]) -> Result<Vec<Map<String, Value>>, String> {
    let mut answer: Value = serde_json::from_slice(body).map_err(|error| format!("the answer is not JSON: {error}"))?;
    match answer.get("error") {
        None | Some(Value::Null | Value::Bool(false)) => {}
        Some(error) => return Err(format!("the API answered with an error: {}", shortened(&error.to_string()))),
    }
    let Some(Value::Array(items)) = answer.get_mut("response").map(Value::take) else {
        return Err("the answer has no list `response`".to_owned());
    };
    // An item that is no object stands for an indicator that the API could not take: it is left out.
    let objects = items.into_iter().filter_map(|item| match item {
        Value::Object(mut object) => {
            object.values_mut().for_each(unknown_to_null);
            Some(object)
        }
        _ => None,
    });
    Ok(objects.collect())
}

/// The beginning of a text, for a message.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 200;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

/// The API writes `"UNKNOWN"` where it has no value, also where a number belongs.
fn unknown_to_null(value: &mut Value) {
    match value {
        Value::String(text) if text == "UNKNOWN" => *value = Value::Null,
        Value::Array(items) => items.iter_mut().for_each(unknown_to_null),
        Value::Object(object) => object.values_mut().for_each(unknown_to_null),
        _ => {}
    }
}

/// The indicators an item may be about, the likeliest first: an address item names its `ip`; a
/// name item the `query` that was made or its `domain`.
pub(super) fn subjects(item: &Map<String, Value>) -> Vec<Indicator> {
    let info = item.get("domaininfo").and_then(Value::as_object);
    let text = |object: Option<&Map<String, Value>>, key: &str| {
        object.and_then(|object| object.get(key)).and_then(Value::as_str).and_then(Indicator::either)
    };
    [
        text(Some(item), "ip"),
        text(first_ip2asn(item), "ip"),
        text(info, "query"),
        text(info, "domain"),
        text(Some(item), "domain"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What an item tells about an indicator.
pub(super) fn answer(indicator: &Indicator, provider: &str, item: Map<String, Value>) -> Answer {
    let facts = facts(&item);
    let answer = Answer::new(indicator, provider, item, facts);
    if answer.json.len() <= LONGEST {
        return answer;
    }
    let score = answer.facts.risk_score.map(|score| ("sp_risk_score".to_owned(), score.into()));
    Answer::new(indicator, provider, score.into_iter().collect(), answer.facts)
}

fn facts(item: &Map<String, Value>) -> Facts {
    let network = first_ip2asn(item).unwrap_or(item);
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok());
    let risk_score = [item, network].into_iter().find_map(|object| number(object.get("sp_risk_score")?));
    Facts {
        risk_score: risk_score.filter(|score| score.is_finite()).map(|score| score.clamp(0.0, 100.0)),
        system: system(network),
        place: network.get("ip_location").and_then(Value::as_object).and_then(place),
        name: None,
    }
}

fn first_ip2asn(item: &Map<String, Value>) -> Option<&Map<String, Value>> {
    item.get("ip2asn")?.as_array()?.first()?.as_object()
}

fn system(network: &Map<String, Value>) -> Option<AutonomousSystem> {
    let asn = network.get("asn")?;
    let number = asn.as_u64().or_else(|| asn.as_str()?.parse().ok())?;
    let number = u32::try_from(number).ok().filter(|number| *number != 0)?;
    Some(AutonomousSystem { number, organization: text_in(network, "asname") })
}

fn place(location: &Map<String, Value>) -> Option<Place> {
    Place {
        country_code: text_in(location, "country_code"),
        country_name: text_in(location, "country_name"),
        continent_code: text_in(location, "continent_code"),
        continent_name: text_in(location, "continent_name"),
    }
    .if_any()
}

fn text_in(object: &Map<String, Value>, key: &str) -> Option<String> {
    object.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(answer: &Value) -> Result<Vec<Map<String, Value>>, String> {
        items(answer.to_string().as_bytes())
    }

    #[test]
    fn an_address_item_gives_its_score_network_and_place() {
        let items = read(&json!({"status_code": 200, "error": null, "response": [{
            "ip": "192.0.2.1", "sp_risk_score": 42, "malscore": "UNKNOWN",
            "ip2asn": [{"asn": 64500, "asname": "EXAMPLE, DE", "tags": ["UNKNOWN", "x"],
                "ip_location": {"country_code": "DE", "country_name": "Germany", "continent_code": "EU"}}]
        }, "UNKNOWN", null]}))
        .expect("items");
        assert_eq!(items.len(), 1);
        let indicator = Indicator::address("192.0.2.1").expect("an address");
        assert_eq!(subjects(&items[0]), std::slice::from_ref(&indicator));
        let answer = answer(&indicator, "silentpush", items[0].clone());
        assert_eq!(answer.facts.risk_score, Some(42.0));
        assert_eq!(answer.facts.system.as_ref().map(|system| system.number), Some(64500));
        assert_eq!(answer.facts.place.as_ref().and_then(|place| place.country_name.as_deref()), Some("Germany"));
        let object: Value = serde_json::from_str(&answer.json).expect("JSON");
        assert_eq!(object["malscore"], Value::Null);
        assert_eq!(object["ip2asn"][0]["tags"], json!([null, "x"]));
        assert_eq!((object["provider"].as_str(), object["wazuh_rule_level"].as_u64()), (Some("silentpush"), Some(6)));
    }

    #[test]
    fn a_flat_address_item_is_understood_too() {
        let item = read(&json!({"response": [{"ip": "192.0.2.1", "asn": "64500", "sp_risk_score": "7",
            "ip_location": {"country_code": "DE"}}]}))
        .expect("items");
        let facts = facts(&item[0]);
        assert_eq!((facts.risk_score, facts.system.map(|system| system.number)), (Some(7.0), Some(64500)));
        assert_eq!(facts.place.and_then(|place| place.country_code).as_deref(), Some("DE"));
    }

    #[test]
    fn a_name_item_says_what_it_is_about() {
        let item = read(&json!({"response": [{"domaininfo": {"domain": "Shop.DE", "query": "www.shop.de"}}]}));
        let subjects: Vec<String> = subjects(&item.expect("items")[0]).iter().map(ToString::to_string).collect();
        assert_eq!(subjects, ["www.shop.de", "shop.de"]);
    }

    #[test]
    fn answers_of_another_shape_are_errors() {
        for (body, part) in [
            ("<html>", "not JSON"),
            (r#"{"response": {}}"#, "no list `response`"),
            ("[]", "no list `response`"),
            (r#"{"error": "quota", "response": []}"#, "quota"),
        ] {
            let error = items(body.as_bytes()).expect_err("an error");
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn an_enormous_object_is_cut_down_to_its_score() {
        let item = json!({"ip": "192.0.2.1", "sp_risk_score": 80, "junk": "x".repeat(LONGEST)});
        let Value::Object(item) = item else { unreachable!("an object") };
        let answer = answer(&Indicator::address("192.0.2.1").expect("an address"), "silentpush", item);
        assert!(answer.json.len() < 200 && answer.json.contains("\"sp_risk_score\":80"), "{}", answer.json);
    }
}
