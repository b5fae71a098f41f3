use super::*;
use serde_json::json;

fn record(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => unreachable!("{other} is no object"),
    }
}

#[test]
fn geolite_and_ipinfo_records_are_understood() {
    let system = AutonomousSystem { number: 64500, organization: Some("Example".into()) };
    let geolite = record(json!({"autonomous_system_number": 64500, "autonomous_system_organization": "Example",
        "country": {"iso_code": "DE", "names": {"en": "Germany", "de": "Deutschland"}},
        "continent": {"code": "EU", "names": {"en": "Europe"}}}));
    let ipinfo = record(json!({"asn": "AS64500", "as_name": "Example", "country_code": "DE", "country": "Germany",
        "continent_code": "EU", "continent": "Europe"}));
    let place = Place {
        country_code: Some("DE".into()),
        country_name: Some("Germany".into()),
        continent_code: Some("EU".into()),
        continent_name: Some("Europe".into()),
    };
    for record in [geolite, ipinfo] {
        assert_eq!(system_in(&record).as_ref(), Some(&system));
        assert_eq!(place_in(&record).as_ref(), Some(&place));
    }
    let nothing = record(json!({"asn": 0, "country": {"iso_code": ""}}));
    assert_eq!((system_in(&nothing), place_in(&nothing)), (None, None));
}

#[test]
fn files_that_are_none_are_named_together() {
    let dir = tempfile::tempdir().expect("a folder");
    let (bad, missing) = (dir.path().join("bad.mmdb"), dir.path().join("missing.mmdb"));
    std::fs::write(&bad, "not an mmdb").expect("write");
    let mistakes = Databases::open([bad.as_path(), missing.as_path()]).err().expect("mistakes");
    assert_eq!(mistakes.len(), 2);
    assert!(mistakes[0].contains("bad.mmdb") && mistakes[1].contains("missing.mmdb"), "{mistakes:?}");
}

#[test]
fn real_files_are_looked_up_apart_or_combined() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = |name: &str, networks: &[(&str, Value)]| {
        let path = dir.path().join(name);
        std::fs::write(&path, mmdb_writer::database(networks)).expect("write");
        path
    };
    let network = json!({"autonomous_system_number": 15169, "autonomous_system_organization": "GOOGLE"});
    let country = json!({"country": {"iso_code": "US", "names": {"en": "United States"}},
        "continent": {"code": "NA", "names": {"en": "North America"}}});
    let combined =
        json!({"asn": "AS3320", "as_name": "Deutsche Telekom AG", "country_code": "DE", "country": "Germany"});
    let asn = file("asn.mmdb", &[("8.8.8.0/24", network.clone()), ("2001:4860::/32", network)]);
    let countries = file("country.mmdb", &[("8.0.0.0/8", country.clone()), ("2001:4860::/32", country)]);
    let all = file("all.mmdb", &[("80.128.0.0/11", combined)]);
    let databases = Databases::open([asn.as_path(), countries.as_path(), all.as_path()]).expect("databases");
    let object = |text: &str| {
        let address: IpAddr = text.parse().expect("an address");
        databases.origin(address).as_ip2asn(address).map(Value::Object)
    };

    let location = json!({"country_code": "US", "country_name": "United States", "continent_code": "NA",
        "continent_name": "North America"});
    assert_eq!(
        object("8.8.8.8"),
        Some(
            json!({"ip": "8.8.8.8", "asn": 15169, "asname": "GOOGLE", "subnet": "8.8.8.0/24", "ip_location": location})
        )
    );
    assert_eq!(object("8.9.9.9"), Some(json!({"ip": "8.9.9.9", "ip_location": location})));
    assert_eq!(object("2001:4860:4860::8888").expect("known")["subnet"], "2001:4860::/32");
    assert_eq!(
        object("80.130.1.1"),
        Some(json!({"ip": "80.130.1.1", "asn": 3320, "asname": "Deutsche Telekom AG", "subnet": "80.128.0.0/11",
            "ip_location": {"country_code": "DE", "country_name": "Germany"}}))
    );
    assert_eq!(object("9.9.9.9"), None);
    assert_eq!(object("2a00::1"), None);
}
