//! What is added to an event, made of what is known about its indicators.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::indicator::{Found, Group, Indicator, NameParts};
use crate::provider::chain::{Knowledge, Known};
use crate::provider::{AutonomousSystem, Place, wazuh_rule_level};
use resilmesh_relay::event::{Additions, Event, quoted};

/// Makes additions.
#[derive(Debug, Clone, Copy)]
pub struct Enricher {
    /// From which risk on an indicator is written to `threat.enrichments`.
    pub risk_threshold: f64,
}

impl Enricher {
    /// Everything to add to an event in which these indicators were found. Nothing at all if
    /// nobody was asked about them.
    pub fn additions<'k>(&self, event: &Event<'_>, found: &[Found], knowledge: &'k Knowledge) -> Additions<'k> {
        let mut additions = Additions::new();
        add_results(&mut additions, event, found, knowledge);
        add_risk(&mut additions, event, found, knowledge);
        for group in [Group::Source, Group::Destination, Group::Url, Group::DnsQuestion] {
            add_homes(&mut additions, event, group, found, knowledge);
        }
        self.add_threats(&mut additions, event, found, knowledge);
        add_account(&mut additions, event, found, knowledge);
        additions
    }

    fn add_threats(&self, to: &mut Additions<'_>, event: &Event<'_>, found: &[Found], knowledge: &Knowledge) {
        let mut threats = Vec::new();
        for (field, indicator, known) in each(found, knowledge) {
            let scored = known.answers.iter().rev().find_map(|(name, answer)| Some((*name, answer.facts.risk_score?)));
            if let Some((provider, score)) = scored
                && score >= self.risk_threshold
            {
                threats.push(threat(field.role.path, indicator, provider, known));
            }
        }
        if !threats.is_empty() {
            to.add(event, "threat.enrichments", Value::Array(threats).to_string());
        }
    }
}

/// Every indicator of an event with its field and what is known about it.
fn each<'f, 'k>(
    found: &'f [Found],
    knowledge: &'k Knowledge,
) -> impl Iterator<Item = (&'f Found, &'f Indicator, &'k Known)> {
    found
        .iter()
        .flatten_indicators()
        .filter_map(|(field, indicator)| Some((field, indicator, knowledge.of(indicator)?)))
}

trait FlattenIndicators<'f> {
    fn flatten_indicators(self) -> impl Iterator<Item = (&'f Found, &'f Indicator)>;
}

impl<'f, I: Iterator<Item = &'f Found>> FlattenIndicators<'f> for I {
    fn flatten_indicators(self) -> impl Iterator<Item = (&'f Found, &'f Indicator)> {
        self.flat_map(|field| field.indicators.iter().map(move |indicator| (field, indicator)))
    }
}

/// `silent_push.<field>`.
fn add_results<'k>(to: &mut Additions<'k>, event: &Event<'_>, found: &[Found], knowledge: &'k Knowledge) {
    for field in found {
        let objects: Vec<&'k str> = field
            .indicators
            .iter()
            .filter_map(|indicator| knowledge.of(indicator)?.best())
            .map(|(_, answer)| &*answer.json)
            .collect();
        let json: Cow<'k, str> = match objects.as_slice() {
            [] => continue,
            [object] if !field.as_list => (*object).into(),
            objects => format!("[{}]", objects.join(",")).into(),
        };
        to.add(event, field.role.result_path, json);
    }
}

/// `wazuh_rule_level`, `event.risk_score`, `event.risk_score_norm`.
fn add_risk(to: &mut Additions<'_>, event: &Event<'_>, found: &[Found], knowledge: &Knowledge) {
    if !each(found, knowledge).any(|(.., known)| known.best().is_some()) {
        return;
    }
    let risk =
        each(found, knowledge).filter_map(|(.., known)| known.fact(|answer| answer.facts.risk_score)).reduce(f64::max);
    to.add(event, "wazuh_rule_level", wazuh_rule_level(risk).to_string());
    if let Some(risk) = risk {
        // Silent Push scores run from 0 to 100 already, which is ECS's norm.
        to.add(event, "event.risk_score", Value::from(risk).to_string());
        to.add(event, "event.risk_score_norm", Value::from(risk).to_string());
    }
}

/// `resilmesh.enrichment`: who answered, and why somebody could not.
fn add_account(to: &mut Additions<'_>, event: &Event<'_>, found: &[Found], knowledge: &Knowledge) {
    let mut providers: Vec<&str> = Vec::new();
    let mut reasons: BTreeSet<&str> = BTreeSet::new();
    for (.., known) in each(found, knowledge) {
        for (name, _) in &known.answers {
            if !providers.contains(name) {
                providers.push(name);
            }
        }
        reasons.extend(known.failures.iter().map(|(_, failure)| &*failure.reason));
    }
    if !providers.is_empty() {
        to.add(event, "resilmesh.enrichment.providers", json!(providers).to_string());
    }
    if !reasons.is_empty() {
        let reasons: Vec<&str> = reasons.into_iter().collect();
        to.add_text(event, "resilmesh.enrichment.reason", &reasons.join("; "));
    }
}

/// The ECS fields of a group that tell where an address is from.
struct AddressHomes {
    number: &'static str,
    organization: &'static str,
    country_code: &'static str,
    country_name: &'static str,
    continent_code: &'static str,
    continent_name: &'static str,
}

const SOURCE: AddressHomes = AddressHomes {
    number: "source.as.number",
    organization: "source.as.organization.name",
    country_code: "source.geo.country_iso_code",
    country_name: "source.geo.country_name",
    continent_code: "source.geo.continent_code",
    continent_name: "source.geo.continent_name",
};

const DESTINATION: AddressHomes = AddressHomes {
    number: "destination.as.number",
    organization: "destination.as.organization.name",
    country_code: "destination.geo.country_iso_code",
    country_name: "destination.geo.country_name",
    continent_code: "destination.geo.continent_code",
    continent_name: "destination.geo.continent_name",
};

/// The ECS fields of a group for the parts of a name: registered domain, top-level domain, subdomain.
type NameHomes = [&'static str; 3];

fn homes(group: Group) -> (Option<&'static AddressHomes>, Option<NameHomes>) {
    match group {
        Group::Source => {
            (Some(&SOURCE), Some(["source.registered_domain", "source.top_level_domain", "source.subdomain"]))
        }
        Group::Destination => (
            Some(&DESTINATION),
            Some(["destination.registered_domain", "destination.top_level_domain", "destination.subdomain"]),
        ),
        Group::Url => (None, Some(["url.registered_domain", "url.top_level_domain", "url.subdomain"])),
        Group::DnsQuestion => {
            (None, Some(["dns.question.registered_domain", "dns.question.top_level_domain", "dns.question.subdomain"]))
        }
        Group::DnsAnswer | Group::Host => (None, None),
    }
}

fn add_homes(to: &mut Additions<'_>, event: &Event<'_>, group: Group, found: &[Found], knowledge: &Knowledge) {
    let (addresses, names) = homes(group);
    let known = || each(found, knowledge).filter(|(field, ..)| field.role.group == group).map(|(.., known)| known);
    if let Some(homes) = addresses {
        if let Some(system) = known().find_map(|known| known.fact(|answer| answer.facts.system.as_ref())) {
            add_system(to, event, homes, system);
        }
        if let Some(place) = known().find_map(|known| known.fact(|answer| answer.facts.place.as_ref())) {
            add_place(to, event, homes, place);
        }
    }
    if let (Some(homes), Some(parts)) =
        (names, known().find_map(|known| known.fact(|answer| answer.facts.name.as_ref())))
    {
        add_name(to, event, homes, parts);
    }
}

fn add_system(to: &mut Additions<'_>, event: &Event<'_>, homes: &AddressHomes, system: &AutonomousSystem) {
    // A number of theirs and a name of ours would not belong together.
    if event.is_taken(homes.number) || event.is_taken(homes.organization) {
        return;
    }
    to.add(event, homes.number, system.number.to_string());
    if let Some(organization) = &system.organization {
        to.add_text(event, homes.organization, organization);
    }
}

fn add_place(to: &mut Additions<'_>, event: &Event<'_>, homes: &AddressHomes, place: &Place) {
    let fields = [
        (homes.country_code, &place.country_code),
        (homes.country_name, &place.country_name),
        (homes.continent_code, &place.continent_code),
        (homes.continent_name, &place.continent_name),
    ];
    // Nor would a country of theirs and a continent of ours.
    if fields.iter().any(|(path, _)| event.is_taken(path)) {
        return;
    }
    for (path, text) in fields {
        if let Some(text) = text {
            to.add_text(event, path, text);
        }
    }
}

fn add_name(to: &mut Additions<'_>, event: &Event<'_>, homes: NameHomes, parts: &NameParts) {
    let [registered, top, sub] = homes;
    if homes.iter().any(|path| event.is_taken(path)) {
        return;
    }
    if let Some(registrable) = &parts.registrable {
        to.add_text(event, registered, registrable);
    }
    to.add(event, top, quoted(&parts.suffix));
    if let Some(subdomain) = &parts.subdomain {
        to.add_text(event, sub, subdomain);
    }
}

/// One entry of `threat.enrichments`.
fn threat(field: &str, indicator: &Indicator, provider: &str, known: &Known) -> Value {
    let mut about = Map::new();
    about.insert("type".into(), indicator.kind().ecs_name().into());
    about.insert("name".into(), indicator.to_string().into());
    about.insert("provider".into(), provider.into());
    match indicator.ip() {
        Some(address) => about.insert("ip".into(), address.to_string().into()),
        None => about.insert("url".into(), json!({"domain": indicator.to_string()})),
    };
    if let Some(system) = known.fact(|answer| answer.facts.system.as_ref()) {
        let mut object = Map::from_iter([("number".to_owned(), system.number.into())]);
        if let Some(name) = &system.organization {
            object.insert("organization".into(), json!({"name": name}));
        }
        about.insert("as".into(), object.into());
    }
    json!({
        "indicator": about,
        "matched": {"field": field, "atomic": indicator.to_string(), "type": "indicator_match_rule"},
    })
}

#[cfg(test)]
mod tests;
