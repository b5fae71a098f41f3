//! Where in an event indicators are looked for.

use super::Indicator;
use resilmesh_relay::event::{Event, Texts};

/// At most so many values of one list are looked at: an event with more is a report, and asking
/// about all of it would cost the others their turn.
const MOST_IN_A_LIST: usize = 32;

/// Fields that belong together: an indicator that the first of them has is not looked up again
/// for the others, and what is known about it goes to the group's ECS fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// `source.*`
    Source,
    /// `destination.*`
    Destination,
    /// `url.*`
    Url,
    /// `dns.question.*`
    DnsQuestion,
    /// `dns.resolved_ip`
    DnsAnswer,
    /// `host.*`
    Host,
}

#[derive(Debug, Clone, Copy)]
enum Reads {
    Address,
    Domain,
    Either,
    HostOfUrl,
    PublicDomain,
}

/// A field that may hold an indicator.
#[derive(Debug)]
pub struct Role {
    /// The field.
    pub path: &'static str,
    /// The same below `silent_push`, where the result goes.
    pub result_path: &'static str,
    /// What it belongs to.
    pub group: Group,
    reads: Reads,
    /// Whether ECS makes the field a list: its results then are a list too, whatever the event has.
    is_list: bool,
}

const fn role(path: &'static str, result_path: &'static str, group: Group, reads: Reads) -> Role {
    let is_list = matches!(group, Group::DnsAnswer) || matches!((group, reads), (Group::Host, Reads::Address));
    Role { path, result_path, group, reads, is_list }
}

/// Every such field. Of a group, the earlier ones are the more telling.
static ROLES: [Role; 13] = [
    role("source.ip", "silent_push.source.ip", Group::Source, Reads::Address),
    role("source.domain", "silent_push.source.domain", Group::Source, Reads::Either),
    role("source.address", "silent_push.source.address", Group::Source, Reads::Either),
    role("destination.ip", "silent_push.destination.ip", Group::Destination, Reads::Address),
    role("destination.domain", "silent_push.destination.domain", Group::Destination, Reads::Either),
    role("destination.address", "silent_push.destination.address", Group::Destination, Reads::Either),
    role("url.domain", "silent_push.url.domain", Group::Url, Reads::Either),
    role("url.full", "silent_push.url.full", Group::Url, Reads::HostOfUrl),
    role("url.original", "silent_push.url.original", Group::Url, Reads::HostOfUrl),
    role("dns.question.name", "silent_push.dns.question.name", Group::DnsQuestion, Reads::Domain),
    role("dns.resolved_ip", "silent_push.dns.resolved_ip", Group::DnsAnswer, Reads::Address),
    role("host.ip", "silent_push.host.ip", Group::Host, Reads::Address),
    role("host.name", "silent_push.host.name", Group::Host, Reads::PublicDomain),
];

/// The indicators of one field.
#[derive(Debug)]
pub struct Found {
    /// The field.
    pub role: &'static Role,
    /// What it holds, without repetitions.
    pub indicators: Vec<Indicator>,
    /// Whether results are written as a list.
    pub as_list: bool,
}

/// Finds the indicators of an event, field by field.
pub fn find(event: &Event<'_>) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for role in &ROLES {
        let Some(texts) = event.texts(role.path, MOST_IN_A_LIST) else { continue };
        let (texts, is_list) = match texts {
            Texts::One(text) => (vec![text], role.is_list),
            Texts::Many(texts) => (texts, true),
        };
        let mut indicators: Vec<Indicator> = Vec::new();
        for indicator in texts.iter().filter_map(|text| role.reads.read(text)) {
            let seen_in_group =
                all.iter().any(|other| other.role.group == role.group && other.indicators.contains(&indicator));
            if !seen_in_group && !indicators.contains(&indicator) {
                indicators.push(indicator);
            }
        }
        if !indicators.is_empty() {
            all.push(Found { role, indicators, as_list: is_list });
        }
    }
    all
}

impl Reads {
    fn read(self, text: &str) -> Option<Indicator> {
        match self {
            Self::Address => Indicator::address(text),
            Self::Domain => Indicator::domain(text),
            Self::Either => Indicator::either(text),
            Self::HostOfUrl => Indicator::host_of_url(text),
            Self::PublicDomain => Indicator::domain(text).filter(Indicator::is_public),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(event: &str) -> Vec<String> {
        let event = Event::parse(event.as_bytes()).expect("an event");
        find(&event)
            .iter()
            .map(|found| {
                let list: Vec<String> = found.indicators.iter().map(ToString::to_string).collect();
                format!("{}{}={}", found.role.path, if found.as_list { "[]" } else { "" }, list.join(","))
            })
            .collect()
    }

    #[test]
    fn every_field_is_read_once() {
        assert_eq!(
            found(
                r#"{"source": {"ip": "192.0.2.1", "domain": "A.de.", "address": "192.0.2.1"},
                "destination": {"address": "b.de", "ip": "UNKNOWN"},
                "url": {"full": "https://c.de/x", "original": "https://c.de/x", "domain": "c.de"},
                "dns": {"question": {"name": "d.de"}, "resolved_ip": ["192.0.2.2", "x", "192.0.2.2", "192.0.2.3"]},
                "host": {"ip": "10.0.0.1", "name": "web1"}}"#
            ),
            [
                "source.ip=192.0.2.1",
                "source.domain=a.de",
                "destination.address=b.de",
                "url.domain=c.de",
                "dns.question.name=d.de",
                "dns.resolved_ip[]=192.0.2.2,192.0.2.3",
                "host.ip[]=10.0.0.1",
            ]
        );
    }

    #[test]
    fn a_host_name_counts_only_if_it_is_public() {
        assert_eq!(found(r#"{"host": {"name": "web1.silentpush.com"}}"#), ["host.name=web1.silentpush.com"]);
        assert_eq!(found(r#"{"host": {"name": "web1.corp.local"}}"#), [""; 0]);
    }

    #[test]
    fn unexpected_shapes_are_no_indicators() {
        assert_eq!(found(r#"{"source": "192.0.2.1", "destination": {"ip": 5}, "url": null, "dns": []}"#), [""; 0]);
        assert_eq!(found(r#"{"source": {"ip": ["192.0.2.1"]}}"#), ["source.ip[]=192.0.2.1"]);
        assert_eq!(found(r#"{"source.ip": "192.0.2.1"}"#), ["source.ip=192.0.2.1"]);
    }
}
