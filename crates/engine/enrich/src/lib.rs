//! Adds what is known about an event's indicators to the event.
//!
//! Events come from a JetStream consumer, are given what [`provider`]s know about the addresses
//! and names in them, and are published again. An event is never changed, only added to: what
//! came in is still there in what goes out, to the byte. An event nothing is known about, or whose
//! provider cannot be asked, goes on all the same, with the reason in it; a message that is no
//! JSON object goes to the subject of rejected ones.
//!
//! # What is added
//!
//! `silent_push.<field>`, one object per indicator under the path of the field that holds it (a
//! list of objects where the field is a list: `dns.resolved_ip`, `host.ip`):
//!
//! ```json
//! {"source": {"ip": "192.0.2.1"},
//!  "silent_push": {"source": {"ip": {
//!     "indicator": "192.0.2.1", "type": "ipv4", "provider": "silentpush", "wazuh_rule_level": 6,
//!     "sp_risk_score": 42, "ip2asn": [{"asn": 64500, "asname": "EXAMPLE"}]}}}}
//! ```
//!
//! Why this shape: the keys are a dozen known paths, whatever the indicators are, so that no
//! mapping grows with the data (`silent_push` is mapped as `flattened`), and the question "what is
//! known about this event's `source.ip`" is `silent_push.source.ip.…`, without searching a list. In
//! the object is what the provider said, in the names of the Silent Push schema.
//!
//! | field | when |
//! |---|---|
//! | `wazuh_rule_level` | something is known: the highest risk score over 6.5, rounded down (0 to 15) |
//! | `event.risk_score`, `event.risk_score_norm` | a provider computed a score: the highest |
//! | `source.as.*`, `source.geo.*`, the same of `destination` | a network or country is known |
//! | `source.registered_domain`, `.top_level_domain`, `.subdomain`, the same of `destination`, `url`, `dns.question` | there is a name |
//! | `threat.enrichments` | a score is at least `risk_threshold` (default 50, half of the scale): one entry per field |
//! | `resilmesh.enrichment.providers` | who answered |
//! | `resilmesh.enrichment.reason` | why somebody could not |
//! | `event.id` | the event had none |
//!
//! A field that exists already is left alone, and so are those that belong with it (the rest of
//! `source.geo`, for one). `threat.enrichments` is a list; one that is there is not added to.
//!
//! # Silent Push
//!
//! The calls of the `silentpush` provider are those of the deployed ResilMesh enrichment. There is
//! no public sandbox: they are tested against a stand-in only (`tests/silent_push.rs`), made after
//! the public documentation and that deployment. Set `daily_budget` to what your contract allows;
//! it counts indicators, since it is not documented whether a bulk call counts once or per item.
//!
//! # Modules
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | `enrich.yaml` |
//! | [`indicator`] | what in an event is an indicator |
//! | [`provider`] | who knows something about indicators: `local`, `silentpush`, and all of them together |
//! | [`cache`], [`budget`] | what a provider must not forget |
//! | [`enrich`] | what is added to an event, made of what is known |
//! | [`rehearsal`] | what it would make of messages, without a bus |
//! | `service` | what becomes of messages between the streams; the loop is `resilmesh_relay` |

pub mod budget;
pub mod cache;
pub mod config;
pub mod enrich;
mod files;
pub mod indicator;
pub mod provider;
pub mod rehearsal;
mod service;

use std::path::Path;
use std::sync::Arc;

pub use resilmesh_relay::RunError;
use resilmesh_service::control::{Answer, Handler, Reply};
use resilmesh_service::{Lifecycle, RunOptions, Stats, bus};
use serde_json::{Value, json};

use config::{Config, ProviderName};
use provider::Provider;
use provider::chain::Chain;
use provider::local::Local;
use provider::local::geo::Databases;
use provider::silentpush::SilentPush;

/// The environment variable that holds the Silent Push API key, if no file does.
pub const API_KEY_VARIABLE: &str = "SILENTPUSH_API_KEY";

/// Checks a configuration file and the databases it names, without touching anything else.
///
/// # Errors
/// Every mistake, one a line.
pub fn validate(config: &Path) -> Result<(), Vec<String>> {
    config::read_with_databases(config).map(|_| ())
}

/// Runs the service until SIGTERM or SIGINT.
///
/// # Errors
/// When the configuration is wrong, or the process lacks what every service needs. A bus that is
/// not there (yet, or any more) is waited for.
pub async fn run(config: &Path, options: RunOptions) -> Result<(), RunError> {
    run_until_stopped(config, options, resilmesh_relay::until_signalled()?, std::env::var(API_KEY_VARIABLE).ok()).await
}

/// As [`run`], with a life of the caller's and the API key that the environment holds.
///
/// # Errors
/// As [`run`].
pub async fn run_until_stopped(
    config: &Path,
    options: RunOptions,
    lifecycle: Lifecycle,
    key_in_environment: Option<String>,
) -> Result<(), RunError> {
    let (config, databases) = config::read_with_databases(config).map_err(RunError::Configuration)?;
    let stats = Stats::new();
    let (password, providers) = prepare(&config, databases, key_in_environment)?;
    let chain = Arc::new(Chain::new(providers.asked, &stats));
    let verbs = Arc::new(Verbs { chain: chain.clone(), off: providers.off });
    let _socket = resilmesh_relay::serve_control(options, &lifecycle, &stats, verbs)?;
    service::run(&config, password, chain, &stats, &lifecycle).await;
    Ok(())
}

struct Providers {
    asked: Vec<Arc<dyn Provider>>,
    off: Vec<(&'static str, String)>,
}

/// Reads the secrets and makes the providers.
fn prepare(
    config: &Config,
    databases: Databases,
    key: Option<String>,
) -> Result<(Option<String>, Providers), RunError> {
    let mut mistakes = Vec::new();
    // Only Silent Push has anything to remember.
    if config.providers.contains(&ProviderName::SilentPush)
        && let Err(error) = std::fs::create_dir_all(&config.data_dir)
    {
        mistakes.push(format!("data_dir `{}` cannot be made: {error}", config.data_dir.display()));
    }
    let password = config.input.password_file.as_deref().map(bus::read_password).transpose();
    let password = password.unwrap_or_else(|error| {
        mistakes.push(error.to_string());
        None
    });
    let mut providers = Providers { asked: Vec::new(), off: Vec::new() };
    let mut databases = Some(databases);
    for name in &config.providers {
        match name {
            ProviderName::Local => {
                providers.asked.push(Arc::new(Local::new(databases.take().unwrap_or_else(Databases::none))));
            }
            ProviderName::SilentPush => match api_key(config, key.as_deref()) {
                Err(why) => {
                    tracing::warn!("provider silentpush is off: {why}");
                    providers.off.push(("silentpush", format!("off: {why}")));
                }
                Ok(key) => match SilentPush::new(config.silentpush.clone(), &key, &config.data_dir) {
                    Ok(provider) => providers.asked.push(Arc::new(provider)),
                    Err(why) => mistakes.push(format!("provider silentpush: {why}")),
                },
            },
        }
    }
    if mistakes.is_empty() { Ok((password, providers)) } else { Err(RunError::Configuration(mistakes)) }
}

/// The API key: from the file, else from the environment.
fn api_key(config: &Config, in_environment: Option<&str>) -> Result<String, String> {
    let file = config.silentpush.api_key_file.as_deref();
    let in_file = file.map(|file| {
        std::fs::read_to_string(file)
            .map_err(|error| format!("API key file `{}` cannot be read: {error}", file.display()))
    });
    let usable = |key: &str| Some(key.trim().to_owned()).filter(|key| !key.is_empty());
    match (in_file, in_environment.and_then(usable)) {
        (Some(Ok(key)), in_environment) => {
            usable(&key).or(in_environment).ok_or_else(|| "the API key file is empty".to_owned())
        }
        (_, Some(key)) => Ok(key),
        (Some(Err(why)), None) => Err(why),
        (None, None) => Err(format!("there is no API key (set silentpush.api_key_file or {API_KEY_VARIABLE})")),
    }
}

/// What the control socket answers besides what every service does: `providers`, a list of
/// `{"name", "state": "on"|"off", "note": text or null}`.
struct Verbs {
    chain: Arc<Chain>,
    off: Vec<(&'static str, String)>,
}

impl Handler for Verbs {
    fn answer<'a>(&'a self, verb: &'a str, _: Value, _: &'a mut Reply) -> Option<Answer<'a>> {
        (verb == "providers").then(|| -> Answer<'a> {
            Box::pin(async move {
                let on = self
                    .chain
                    .notes()
                    .into_iter()
                    .map(|(name, note)| json!({"name": name, "state": "on", "note": note}));
                let off = self.off.iter().map(|(name, note)| json!({"name": name, "state": "off", "note": note}));
                Ok(Value::Array(on.chain(off).collect()))
            })
        })
    }
}
