//! What the sink can be told.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::ServerAddr;
use serde::Deserialize;

use super::link::{Auth, Server, Tls};
use super::message::subject_mistake;
use crate::codec::encode::Encoding;
use crate::codec::template::Template;
use crate::config::{ConfigError, Options};
use crate::sink::common::{Buffer, Healthcheck};
use crate::sink::confine::Route;
use crate::sink::request::{Rate, RequestOptions};
use crate::sink::retry::Retry;

/// How long the server may take to acknowledge a message, when nothing is said.
const ACK_TIMEOUT: Duration = Duration::from_secs(30);

/// How many messages are under way at once, when nothing is said.
const WINDOW: usize = 512;

/// Everything the sink was told, checked.
pub(super) struct Settings {
    pub(super) server: Server,
    pub(super) route: Route,
    pub(super) message_id: Option<Template>,
    pub(super) encoding: Encoding,
    pub(super) jetstream: bool,
    pub(super) pace: Pace,
    pub(super) healthcheck: Healthcheck,
}

/// How many messages at once, how fast, how long, how often again.
pub(super) struct Pace {
    pub(super) window: usize,
    pub(super) timeout: Duration,
    pub(super) retry: Retry,
    pub(super) rate: Option<Rate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NatsOptions {
    url: String,
    subject: Template,
    encoding: Encoding,
    #[serde(default = "default_name", alias = "name")]
    connection_name: String,
    auth: Option<AuthOptions>,
    tls: Option<TlsOptions>,
    #[serde(default)]
    jetstream: JetStream,
    #[serde(default)]
    request: RequestOptions,
    #[serde(default)]
    healthcheck: Healthcheck,
    #[serde(default, rename = "buffer")]
    _buffer: Buffer,
    #[serde(default)]
    dangerously_allow_unconfined_template_resolution: bool,
}

fn default_name() -> String {
    "resilmesh".to_owned()
}

#[derive(Deserialize)]
#[serde(tag = "strategy", rename_all = "snake_case", deny_unknown_fields)]
enum AuthOptions {
    UserPassword { user_password: UserPassword },
    Token { token: Token },
    CredentialsFile { credentials_file: CredentialsFile },
    Nkey { nkey: Nkey },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserPassword {
    user: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialsFile {
    path: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nkey {
    /// The public key, which the seed holds too.
    #[serde(rename = "nkey")]
    _nkey: String,
    seed: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsOptions {
    enabled: Option<bool>,
    ca_file: Option<PathBuf>,
    crt_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(from = "JetStreamForm")]
struct JetStream {
    enabled: bool,
    message_id: Option<Template>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`jetstream` must be true, false or `{enabled, headers: {message_id}}`")]
enum JetStreamForm {
    Short(bool),
    Long(JetStreamOptions),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JetStreamOptions {
    #[serde(default)]
    enabled: bool,
    #[serde(default)]
    headers: Headers,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Headers {
    message_id: Option<Template>,
}

impl From<JetStreamForm> for JetStream {
    fn from(form: JetStreamForm) -> Self {
        match form {
            JetStreamForm::Short(enabled) => Self { enabled, message_id: None },
            JetStreamForm::Long(JetStreamOptions { enabled, headers }) => {
                Self { enabled, message_id: headers.message_id }
            }
        }
    }
}

impl Settings {
    /// Takes the options of a sink of type `nats`.
    pub(super) fn from_options(options: &Options) -> Result<Self, Vec<ConfigError>> {
        let taken: NatsOptions = options.parse(&["proxy"])?;
        let mut errors = Vec::new();
        let mut wrong = |option: &str, message: String| errors.push(options.error(option, message));

        let addresses = addresses(&taken.url).map_err(|message| wrong("url", message)).unwrap_or_default();
        let free = taken.dangerously_allow_unconfined_template_resolution;
        let route = Route::new(taken.subject, free).map_err(|message| wrong("subject", message)).ok();
        if let Some(mistake) = route.as_ref().and_then(Route::fixed).and_then(subject_mistake) {
            wrong("subject", format!("this can be no subject: {mistake}"));
        }
        let tls = tls(taken.tls).map_err(|message| wrong("tls", message)).ok().flatten();
        if !taken.request.headers.is_empty() {
            wrong("request.headers", "unknown option `request.headers` of `nats` sinks".to_owned());
        }
        let (Some(route), true) = (route, errors.is_empty()) else { return Err(errors) };
        Ok(Self {
            server: Server { addresses, name: taken.connection_name, auth: taken.auth.map(Auth::from), tls },
            route,
            message_id: taken.jetstream.message_id,
            encoding: taken.encoding,
            jetstream: taken.jetstream.enabled,
            pace: Pace {
                window: taken.request.concurrency(WINDOW),
                timeout: taken.request.timeout(ACK_TIMEOUT),
                retry: taken.request.retry(),
                rate: taken.request.rate(),
            },
            healthcheck: taken.healthcheck,
        })
    }
}

fn addresses(url: &str) -> Result<Vec<ServerAddr>, String> {
    url.split(',')
        .map(|one| {
            one.trim().parse().map_err(|_| {
                format!("`{}` is no address of a NATS server, such as `nats://127.0.0.1:4222`", one.trim())
            })
        })
        .collect()
}

fn tls(options: Option<TlsOptions>) -> Result<Option<Tls>, String> {
    let Some(TlsOptions { enabled, ca_file, crt_file, key_file }) = options else { return Ok(None) };
    if enabled != Some(true) {
        return Ok(None);
    }
    let client = match (crt_file, key_file) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err("`crt_file` and `key_file` go together".to_owned()),
    };
    Ok(Some(Tls { ca: ca_file, client }))
}

impl From<AuthOptions> for Auth {
    fn from(options: AuthOptions) -> Self {
        match options {
            AuthOptions::UserPassword { user_password: UserPassword { user, password } } => {
                Self::UserPassword { user, password }
            }
            AuthOptions::Token { token } => Self::Token(token.value),
            AuthOptions::CredentialsFile { credentials_file } => Self::CredentialsFile(credentials_file.path),
            AuthOptions::Nkey { nkey } => Self::Nkey { seed: nkey.seed },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Section;

    fn settings(yaml: &str) -> Result<Settings, String> {
        let yaml = format!("{{url: 'nats://127.0.0.1:1', encoding: {{codec: json}}, {yaml}}}");
        let options = Options::from_yaml(Section::Sink, "nats", &yaml).unwrap();
        Settings::from_options(&options)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn the_forms_of_options() {
        for good in [
            "subject: ecs.events",
            "subject: 'ecs.{{ a }}.{{ b }}', request: {concurrency: adaptive, retry_attempts: 5}",
            "subject: '{{ a }}', dangerously_allow_unconfined_template_resolution: true",
            "subject: s, jetstream: true, healthcheck: false, buffer: {when_full: block}",
            "subject: s, jetstream: {enabled: true, headers: {message_id: '{{ event.id }}'}}",
            "subject: s, auth: {strategy: user_password, user_password: {user: u, password: p}}",
            "subject: s, auth: {strategy: token, token: {value: t}}, name: x",
            "subject: s, auth: {strategy: nkey, nkey: {nkey: U, seed: S}}, tls: {enabled: true, ca_file: ca.pem}",
        ] {
            assert!(settings(good).is_ok(), "{good}: {:?}", settings(good).err());
        }
        assert_eq!(settings("subject: s, request: {concurrency: 3}").unwrap_or_else(|_| unreachable!()).pace.window, 3);
    }

    #[test]
    fn mistakes_are_told() {
        for (bad, wanted) in [
            ("subject: '{{ host }}'", "not literal"),
            ("subject: ecs events", "whitespace"),
            ("subject: 'ecs.%Q'", "strftime"),
            ("subject: s, jetstream: {enabled: true, headers: {x_trace: '1'}}", "`jetstream` must be"),
            ("subject: s, auth: {strategy: nkey, token: {value: abc}}", "auth"),
            ("subject: s, batch: {max_events: 1}", "unknown option `batch`"),
            ("subject: s, tls: {enabled: true, crt_file: x}", "go together"),
            ("subject: s, tls: {verify_certificate: false}", "tls.verify_certificate"),
            ("subject: s, request: {headers: {a: b}}", "request.headers"),
            ("subject: s, proxy: {}", "one of Vector's"),
            ("name: x", "missing field `subject`"),
        ] {
            let Err(error) = settings(bad) else { panic!("{bad} was taken") };
            assert!(error.contains(wanted), "{bad}: {error}");
        }
    }

    #[test]
    fn addresses_are_a_list() {
        assert_eq!(addresses("nats://127.0.0.1:1,nats://127.0.0.1:2, h:3").map(|list| list.len()), Ok(3));
        assert!(addresses("http://x").is_err() || addresses("::").is_err());
    }
}
