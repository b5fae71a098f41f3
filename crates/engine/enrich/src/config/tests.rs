use super::*;

const COMPLETE: &str = "
name: enrichment
input: {url: 'nats://127.0.0.1:4222', user: enrichment, password_file: ../../secrets/enrichment/bus_password,
  stream: ecs_events, consumer: enrichment}
output: {subject: enriched_events, rejected: ecs_events.rejected, message_id: event.id}
providers: [local, silentpush]
data_dir: ../../data/enrichment
silentpush: {url: 'https://app.silentpush.com/api/v1/merge-api', api_key_file: key, daily_budget: 5, timeout_secs: 3,
  never_send: [Corp.Silentpush.com]}
local: {asn_mmdb: /geo/all.mmdb, country_mmdb: /geo/all.mmdb}
";

fn mistakes(text: &str) -> Vec<String> {
    parse(text, Path::new("/mesh/rendered/enrichment")).expect_err("mistakes")
}

#[test]
fn the_configuration_of_the_example_mesh_is_read() {
    let config = parse(COMPLETE, Path::new("/mesh/rendered/enrichment")).expect("a configuration");
    assert_eq!(config.name, "enrichment");
    assert_eq!(config.input.inbox_prefix.as_deref(), Some("_INBOX_enrichment"));
    assert_eq!(
        config.input.password_file.as_deref(),
        Some(Path::new("/mesh/rendered/enrichment/../../secrets/enrichment/bus_password"))
    );
    assert_eq!(config.providers, [ProviderName::Local, ProviderName::SilentPush]);
    assert_eq!(config.silentpush.url.as_str(), SILENT_PUSH_URL);
    assert_eq!((config.silentpush.daily_budget, config.silentpush.timeout), (5, Duration::from_secs(3)));
    assert_eq!(config.silentpush.never_send, ["corp.silentpush.com"]);
    assert_eq!(config.local.mmdb, [Path::new("/geo/all.mmdb")]);
}

#[test]
fn what_need_not_be_said_has_defaults() {
    let config = parse(
        "{input: {url: 'nats://h:1', stream: s, consumer: c}, output: {subject: o, rejected: s.rejected}}",
        Path::new("/x"),
    )
    .expect("a configuration");
    assert_eq!((config.input.user, config.input.inbox_prefix), (None, None));
    assert_eq!(config.providers, [ProviderName::Local]);
    assert_eq!((config.silentpush.daily_budget, config.risk_threshold), (10_000, 50));
    assert_eq!((config.name.as_str(), config.data_dir.as_path()), ("c", Path::new("/x/data")));
}

#[test]
fn all_mistakes_are_told_at_once() {
    let told = mistakes(
        "
name: 7
input: {url: 'http://x', user: u, stream: 'a.b', consumr: c}
output: {subject: 'a.>', message_id: id}
providers: [locl, local, local]
silentpush: {url: 'http://elsewhere/', daily_budget: -1, explain: perhaps, never_send: [x]}
local: []
risk_threshold: 101
data_dir: 5
extra: 1
",
    );
    let expected = [
        "`name` must be a text",
        "`input.url` must start with nats:// or tls://",
        "`input.password_file` is missing",
        "`input.stream` must not hold dots",
        "`input.consumer` is missing",
        "`input.consumr` is not known here; did you mean `consumer`?",
        "`output.subject` must be a subject without wildcards",
        "`output.rejected` is missing",
        "`output.message_id` can only be `event.id`",
        "`providers` names `locl`, which there is not; did you mean `local`?",
        "`providers` names `local` twice",
        "`data_dir` must be a text",
        "`local` must be a mapping",
        "`silentpush.url` must be https://",
        "`silentpush.daily_budget` must be a whole number",
        "`silentpush.explain` must be true or false",
        "`silentpush.never_send` holds `x`",
        "`risk_threshold` must be a whole number from 0 to 100",
        "`extra` is not known here",
    ];
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\n{expected}");
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}");
}

#[test]
fn what_is_no_yaml_says_where() {
    assert!(mistakes("a: [").first().is_some_and(|told| told.starts_with("is not YAML")));
    assert!(mistakes("- a").iter().any(|told| told.contains("must be a mapping")));
    assert!(mistakes("").len() >= 2);
}
