//! What `resilmesh doctor` finds of keys and secrets.

use serde_json::Value;

use super::support::Person;

/// Levels and messages of everything in an area.
fn found(person: &Person, area: &str) -> Vec<(String, String)> {
    let out = person.run(&["doctor", "--json"], b"").out;
    let document: Value = serde_json::from_str(&out).expect("JSON");
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    let findings = document["findings"].as_array().expect("a list").iter();
    findings.filter(|one| one["area"] == area).map(|one| (text(one, "level"), text(one, "message"))).collect()
}

#[test]
fn keys_that_expire_are_told_in_time() {
    let ann = Person::with_project("ann");
    ann.set("a", "1");
    let good = found(&ann, "keys");
    assert!(matches!(&good[..], [(level, message)] if level == "ok" && message.ends_with(": good")), "{good:?}");
    let late = ann.expired_key("eve");
    ann.list_recipient("", &late, &ann.gpg(&["--armor", "--export", &late], b"").good());
    ann.gpg(&["--quick-generate-key", "joe <joe@example.org>", "default", "default", "10d"], b"").good();
    let listed = ann.gpg(&["--with-colons", "--list-keys", "joe"], b"").good();
    let line = listed.lines().find(|line| line.starts_with("fpr:")).expect("a fingerprint");
    let soon = line.split(':').nth(9).expect("a field");
    ann.list_recipient("", soon, &ann.gpg(&["--armor", "--export", soon], b"").good());
    let keys = found(&ann, "keys");
    let has = |start: &str, part: &str| {
        keys.iter().any(|(level, message)| level == "warn" && message.starts_with(start) && message.contains(part))
    };
    assert!(has(&format!("key {late} of eve"), ": expired on 2024-01-02"), "{keys:?}");
    assert!(has(&format!("key {soon} of joe"), ": expires soon, on "), "{keys:?}");
    let after = ann.run(&["doctor"], b"");
    assert_eq!(after.code, 0, "{}{}", after.out, after.err);
    assert!(after.out.contains("no secret can be written until its owner sends a good one"), "{}", after.out);
}

#[test]
fn a_secret_that_a_service_needs_must_be_there() {
    let ann = Person::with_project("ann");
    let definition = "settings: [{name: token, secret: true, required: true}]\nservice: {ready: {control: true}, embedded: {program: resilmesh}}\n";
    for (path, text) in [("products/box/definition.yaml", definition), ("instances/box/one/config.yaml", "name: one\n")]
    {
        let path = ann.path(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        std::fs::write(path, text).expect("writable");
    }
    let secrets = found(&ann, "secrets");
    assert!(
        matches!(&secrets[..], [(level, message)] if level == "bad" && message.contains("needs secret `")),
        "{secrets:?}"
    );
    let name = secrets[0].1.split('`').nth(3).expect("its name").to_owned();
    ann.set(&name, "x");
    assert_eq!(found(&ann, "secrets"), []);
}
