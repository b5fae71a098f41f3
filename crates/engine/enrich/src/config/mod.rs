//! The configuration file, `enrich.yaml`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;
use resilmesh_relay::config::{Ends, Input, Output};
use resilmesh_relay::fields::{Fields, closest};
use serde_yaml::Value;

use crate::indicator::Indicator;
use crate::provider::local::geo::Databases;
use crate::provider::silentpush::is_loopback;

/// What the service is told. Paths are ready to use: relative ones were relative to the folder of
/// the configuration file.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name of the instance, shown in the bus's list of connections; if not given, the consumer's.
    pub name: String,
    /// Where events come from.
    pub input: Input,
    /// Where events go.
    pub output: Output,
    /// Who is asked, from the weakest to the strongest: of several answers about an indicator the
    /// last one stands.
    pub providers: Vec<ProviderName>,
    /// Where providers keep what they must not forget; if not given, the folder `data` beside the file.
    pub data_dir: PathBuf,
    /// Settings of the provider `silentpush`.
    pub silentpush: SilentPushConfig,
    /// Settings of the provider `local`.
    pub local: LocalConfig,
    /// From which risk on (0 to 100) an indicator is written to `threat.enrichments`.
    pub risk_threshold: u8,
}

/// The providers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderName {
    /// What can be known offline.
    Local,
    /// The Silent Push API.
    SilentPush,
}

/// Settings of the provider `silentpush`.
#[derive(Debug, Clone)]
pub struct SilentPushConfig {
    /// The base address of the API, ending with `/`.
    pub url: Url,
    /// The file that holds the API key; without it `SILENTPUSH_API_KEY` counts.
    pub api_key_file: Option<PathBuf>,
    /// Indicators (not requests) that may be asked about per UTC day.
    pub daily_budget: u64,
    /// For a whole request.
    pub timeout: Duration,
    /// For connecting.
    pub connect_timeout: Duration,
    /// How often a request is tried again.
    pub retries: u32,
    /// The first wait before it is.
    pub retry_delay: Duration,
    /// How long the API is left alone after it failed repeatedly; then twice as long, and so on.
    pub pause: Duration,
    /// How long answers hold.
    pub cache_age: Duration,
    /// Bytes of answers kept on disk.
    pub cache_bytes: u64,
    /// Whether the API is to explain its scores.
    pub explain: bool,
    /// Domains that are public in form but nobody else's business.
    pub never_send: Vec<String>,
}

/// Settings of the provider `local`.
#[derive(Debug, Clone, Default)]
pub struct LocalConfig {
    /// Files in mmdb format.
    pub mmdb: Vec<PathBuf>,
}

const SILENT_PUSH_URL: &str = "https://app.silentpush.com/api/v1/merge-api/";

/// Reads a configuration file.
///
/// # Errors
/// Every mistake in it, one a line.
pub fn read(path: &Path) -> Result<Config, Vec<String>> {
    resilmesh_relay::config::read(path, parse)
}

/// Reads a configuration and opens the databases it names.
///
/// # Errors
/// Every mistake, one a line.
pub fn read_with_databases(path: &Path) -> Result<(Config, Databases), Vec<String>> {
    let config = read(path)?;
    let databases = Databases::open(config.local.mmdb.iter().map(PathBuf::as_path)).map_err(|mistakes| {
        mistakes.into_iter().map(|mistake| format!("{}: {mistake}", path.display())).collect::<Vec<_>>()
    })?;
    Ok((config, databases))
}

fn parse(text: &str, folder: &Path) -> Result<Config, Vec<String>> {
    let value: Value = serde_yaml::from_str(text).map_err(|error| vec![format!("is not YAML: {error}")])?;
    let mut mistakes = Vec::new();
    let mut document = Fields::new("", value, &mut mistakes);
    let Ends { name, input, output } = Ends::read(&mut document, folder);
    let providers = providers(&mut document);
    let data_dir = folder.join(document.text("data_dir").unwrap_or_else(|| "data".to_owned()));
    let local = document.inner("local").map(|fields| local(fields, folder)).unwrap_or_default();
    let silentpush = silentpush(document.inner("silentpush"), folder);
    let risk_threshold = document.number("risk_threshold", 0..=100, 50);
    document.finish();
    match silentpush {
        Some(silentpush) if mistakes.is_empty() => Ok(Config {
            name,
            input,
            output,
            providers,
            data_dir,
            silentpush,
            local,
            // Within 0..=100, which was checked.
            risk_threshold: risk_threshold as u8,
        }),
        _ => Err(mistakes),
    }
}

fn providers(document: &mut Fields<'_>) -> Vec<ProviderName> {
    let names = document.texts("providers").unwrap_or_else(|| vec!["local".to_owned()]);
    let mut providers = Vec::new();
    for name in names {
        let provider = match name.as_str() {
            "local" => ProviderName::Local,
            "silentpush" => ProviderName::SilentPush,
            other => {
                let close = closest(other, &["local", "silentpush"]).map(|known| format!("; did you mean `{known}`?"));
                document
                    .mistake("providers", &format!("names `{other}`, which there is not{}", close.unwrap_or_default()));
                continue;
            }
        };
        if providers.contains(&provider) {
            document.mistake("providers", &format!("names `{name}` twice"));
        } else {
            providers.push(provider);
        }
    }
    providers
}

fn local(mut fields: Fields<'_>, folder: &Path) -> LocalConfig {
    let files = [fields.text("asn_mmdb"), fields.text("country_mmdb")];
    fields.finish();
    let mut mmdb: Vec<PathBuf> = files.into_iter().flatten().map(|file| folder.join(file)).collect();
    // One combined file may be named twice.
    mmdb.dedup();
    LocalConfig { mmdb }
}

fn silentpush(fields: Option<Fields<'_>>, folder: &Path) -> Option<SilentPushConfig> {
    let mut nothing = Vec::new();
    let mut fields = fields.unwrap_or_else(|| Fields::new("silentpush", Value::Null, &mut nothing));
    let url = api_url(&mut fields);
    let config = url.map(|url| SilentPushConfig {
        url,
        api_key_file: fields.text("api_key_file").map(|file| folder.join(file)),
        daily_budget: fields.number("daily_budget", 0..=1_000_000_000, 10_000),
        timeout: Duration::from_secs(fields.number("timeout_secs", 1..=120, 10)),
        connect_timeout: Duration::from_secs(fields.number("connect_timeout_secs", 1..=120, 5)),
        // At most 10, which was checked.
        retries: fields.number("retries", 0..=10, 2) as u32,
        retry_delay: Duration::from_millis(fields.number("retry_delay_ms", 1..=60_000, 500)),
        pause: Duration::from_secs(fields.number("pause_secs", 1..=300, 30)),
        cache_age: Duration::from_secs(3_600 * fields.number("cache_hours", 1..=8_760, 24)),
        cache_bytes: fields.number("cache_max_mb", 1..=100_000, 256) << 20,
        explain: fields.flag("explain", true),
        never_send: never_send(&mut fields),
    });
    fields.finish();
    config
}

/// None if it is no URL, which was noted.
fn api_url(fields: &mut Fields<'_>) -> Option<Url> {
    let mut text = fields.text("url").unwrap_or_else(|| SILENT_PUSH_URL.to_owned());
    if !text.ends_with('/') {
        text.push('/');
    }
    let url = match Url::parse(&text) {
        Ok(url) => url,
        Err(error) => {
            fields.mistake("url", &format!("is no URL: {error}"));
            return None;
        }
    };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => fields.mistake("url", "must be https://: the API key would cross the network in clear"),
        _ => fields.mistake("url", "must start with https://"),
    }
    Some(url)
}

fn never_send(fields: &mut Fields<'_>) -> Vec<String> {
    let names = fields.texts("never_send").unwrap_or_default();
    let mut domains = Vec::new();
    for name in names {
        match Indicator::domain(&name) {
            Some(domain) => domains.push(domain.to_string()),
            None => fields.mistake("never_send", &format!("holds `{name}`, which is no domain name")),
        }
    }
    domains
}

#[cfg(test)]
mod tests;
