//! The provider that needs nobody: what the public suffix list, a small language model of names,
//! two lists and (if there are any) mmdb files tell about an indicator.
//!
//! It answers in the fields of the Silent Push schema, and only in those it computed:
//!
//! | field | of | from |
//! |---|---|---|
//! | `domaininfo.domain`, `.zone`, `.query` | names | the public suffix list (registrable domain, suffix, the name itself) |
//! | `domain_string_frequency_probability.dga_probability_score` | names | [`dga`], 0 to 100 |
//! | `domain_urls.results_summary.is_dynamic_domain`, `.is_url_shortener` | names | [`lists`] |
//! | `ip2asn[0].ip`, `.asn`, `.asname`, `.subnet`, `.ip_location` | public addresses | [`geo`] |
//! | `address_class` | addresses | [`AddressClass`] (ours: that schema has no place for it) |
//!
//! There is no `sp_risk_score`: nothing here amounts to one.

pub mod dga;
pub mod geo;
pub mod lists;

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use lru::LruCache;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::{Answer, Facts, Outcome, Provider};
use crate::indicator::{AddressClass, Indicator, NameParts};
use dga::Model;
use geo::Databases;

/// Answers kept in memory: the talkative few hundred addresses of a network, and then some
/// (about 600 bytes each).
const KEPT: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// See the [module](self).
pub struct Local {
    model: Model,
    databases: Databases,
    kept: Mutex<LruCache<Indicator, Arc<Answer>>>,
}

impl Local {
    /// A provider that looks into these databases too.
    pub fn new(databases: Databases) -> Self {
        Self { model: Model::of_common_words(), databases, kept: Mutex::new(LruCache::new(KEPT)) }
    }

    fn answer(&self, indicator: &Indicator) -> Arc<Answer> {
        if let Some(known) = self.kept.lock().get(indicator) {
            return known.clone();
        }
        let (fields, facts) = match indicator {
            Indicator::Domain(name) => self.about_name(name),
            Indicator::V4(address) => self.about_address(IpAddr::V4(*address)),
            Indicator::V6(address) => self.about_address(IpAddr::V6(*address)),
        };
        let answer = Arc::new(Answer::new(indicator, self.name(), fields, facts));
        self.kept.lock().put(indicator.clone(), answer.clone());
        answer
    }

    fn about_name(&self, name: &str) -> (Map<String, Value>, Facts) {
        let mut fields = Map::new();
        let parts = NameParts::of(name);
        if let Some(parts) = &parts {
            let mut info = Map::new();
            info.insert("query".into(), name.into());
            info.insert("zone".into(), parts.suffix.as_str().into());
            if let Some(registrable) = &parts.registrable {
                info.insert("domain".into(), registrable.as_str().into());
            }
            fields.insert("domaininfo".into(), info.into());
            if let Some(likelihood) = parts.chosen_label().and_then(|label| self.model.dga_likelihood(label)) {
                fields
                    .insert("domain_string_frequency_probability".into(), json!({"dga_probability_score": likelihood}));
            }
        }
        fields.insert(
            "domain_urls".into(),
            json!({"results_summary": {
                "is_dynamic_domain": lists::is_dynamic_dns(name),
                "is_url_shortener": lists::is_url_shortener(name),
            }}),
        );
        (fields, Facts { name: parts, ..Facts::default() })
    }

    fn about_address(&self, address: IpAddr) -> (Map<String, Value>, Facts) {
        let class = AddressClass::of(address);
        let mut fields = Map::new();
        fields.insert("address_class".into(), class.name().into());
        if class != AddressClass::Public {
            return (fields, Facts::default());
        }
        let origin = self.databases.origin(address);
        if let Some(object) = origin.as_ip2asn(address) {
            fields.insert("ip2asn".into(), json!([object]));
        }
        (fields, Facts { system: origin.system, place: origin.place, ..Facts::default() })
    }
}

#[async_trait]
impl Provider for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    async fn lookup(&self, indicators: &[Indicator]) -> Vec<Outcome> {
        indicators.iter().map(|indicator| Outcome::Found(self.answer(indicator))).collect()
    }

    fn note(&self) -> Option<String> {
        self.databases.is_empty().then(|| "no mmdb files are configured: no ASN and country".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(text: &str) -> Value {
        let local = Local::new(Databases::none());
        let answer = local.answer(&Indicator::either(text).expect("an indicator"));
        assert_eq!(answer.facts.risk_score, None);
        serde_json::from_str(&answer.json).expect("JSON")
    }

    #[test]
    fn a_name_is_answered_in_the_silent_push_schema() {
        assert_eq!(
            about("vpn.office.duckdns.org"),
            json!({"indicator": "vpn.office.duckdns.org", "type": "domain", "provider": "local", "wazuh_rule_level": 0,
                "domaininfo": {"query": "vpn.office.duckdns.org", "zone": "duckdns.org", "domain": "office.duckdns.org"},
                "domain_string_frequency_probability": {"dga_probability_score": about("vpn.office.duckdns.org")
                    ["domain_string_frequency_probability"]["dga_probability_score"].clone()},
                "domain_urls": {"results_summary": {"is_dynamic_domain": true, "is_url_shortener": false}}})
        );
        assert_eq!(about("bit.ly")["domain_urls"]["results_summary"]["is_url_shortener"], true);
    }

    #[test]
    fn an_address_has_its_class_and_nothing_invented() {
        assert_eq!(
            about("10.0.0.1"),
            json!({"indicator": "10.0.0.1", "type": "ipv4", "provider": "local", "wazuh_rule_level": 0,
                "address_class": "private"})
        );
        assert_eq!(about("8.8.8.8").get("ip2asn"), None);
    }
}
