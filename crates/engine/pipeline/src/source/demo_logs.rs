//! `demo_logs`: made-up log lines, for trying things out.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::Utc;
use rand::Rng;
use rand::seq::IndexedRandom;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use super::intake::{Decorate, Intake, Peer};
use super::{Source, SourceContext, SourceError};
use crate::codec::decode::DecodingOptions;
use crate::config::{ConfigError, Options};
use crate::event::{Ack, Batch};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DemoOptions {
    format: Format,
    lines: Option<Vec<String>>,
    #[serde(default)]
    sequence: bool,
    count: Option<usize>,
    #[serde(default = "one_second", alias = "batch_interval")]
    interval: f64,
    #[serde(default)]
    decoding: DecodingOptions,
}

fn one_second() -> f64 {
    1.0
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    ApacheCommon,
    ApacheError,
    #[serde(alias = "rfc3164")]
    BsdSyslog,
    #[serde(alias = "rfc5424")]
    Syslog,
    Json,
    Shuffle,
}

struct DemoLogs {
    format: Format,
    lines: Vec<String>,
    sequence: bool,
    count: usize,
    interval: Duration,
    decoding: DecodingOptions,
}

/// Makes a `demo_logs` source.
///
/// # Errors
/// Everything that is wrong with the options.
pub fn build(options: &Options) -> Result<Box<dyn Source>, Vec<ConfigError>> {
    let demo: DemoOptions = options.parse(&["framing", "log_namespace"])?;
    let mut errors = Vec::new();
    let interval = Duration::try_from_secs_f64(demo.interval);
    if interval.is_err() {
        errors.push(options.error("interval", "must be a number of seconds, not below 0"));
    }
    let lines = demo.lines.unwrap_or_default();
    if (demo.format == Format::Shuffle) == lines.is_empty() {
        errors.push(options.error("lines", "the format `shuffle` needs `lines`, and no other has them"));
    }
    if demo.sequence && demo.format != Format::Shuffle {
        errors.push(options.error("sequence", "only the format `shuffle` has `sequence`"));
    }
    match interval {
        Ok(interval) if errors.is_empty() => Ok(Box::new(DemoLogs {
            format: demo.format,
            lines,
            sequence: demo.sequence,
            count: demo.count.unwrap_or(usize::MAX),
            interval,
            decoding: demo.decoding,
        })),
        _ => Err(errors),
    }
}

#[async_trait]
impl Source for DemoLogs {
    async fn run(self: Box<Self>, context: SourceContext) -> Result<(), SourceError> {
        let decorate: Decorate = Box::new(|_, _| {});
        let intake = Intake::new(&context, "demo_logs", self.decoding.clone(), decorate);
        context.readiness.ready();
        let mut ticks = (self.interval > Duration::ZERO).then(|| {
            let mut ticks = interval(self.interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        // Without pauses lines go out many at a time.
        let at_once = if ticks.is_some() { 1 } else { 500 };
        let mut made = 0;
        while made < self.count && !context.stop.is_cancelled() {
            if let Some(ticks) = &mut ticks {
                tokio::select! {
                    () = context.stop.cancelled() => break,
                    _ = ticks.tick() => {}
                }
            }
            let mut batch = Batch::new();
            for _ in 0..at_once.min(self.count - made) {
                let line = Bytes::from(self.line(made));
                intake.whole(line, &Peer::default(), &Ack::none(), &mut batch);
                made += 1;
            }
            if context.output.send(batch).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}

const USERS: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "-"];
const PATHS: [&str; 6] = ["/", "/login", "/api/v1/items", "/static/app.js", "/health", "/admin"];
const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];
const STATUSES: [u16; 6] = [200, 201, 302, 401, 404, 500];
const HOSTS: [&str; 4] = ["web01", "db02", "mail", "gw1.example.net"];
const PROGRAMS: [&str; 5] = ["sshd", "cron", "nginx", "postfix", "kernel"];
const TEXTS: [&str; 5] = [
    "connection closed by peer",
    "session opened for user root",
    "job finished",
    "disk usage above threshold",
    "authentication failure",
];

impl DemoLogs {
    fn line(&self, number: usize) -> String {
        let mut random = rand::rng();
        let address = format!("192.0.2.{}", random.random_range(1..255));
        let (priority, pid) = (random.random_range(0..192), random.random_range(1..32_768));
        let bytes = random.random_range(100..50_000);
        let status = STATUSES.choose(&mut random).copied().unwrap_or(200);
        let mut one_of = |words: &'static [&'static str]| words.choose(&mut random).copied().unwrap_or_default();
        let (user, method, path) = (one_of(&USERS), one_of(&METHODS), one_of(&PATHS));
        let (host, program, text) = (one_of(&HOSTS), one_of(&PROGRAMS), one_of(&TEXTS));
        let now = Utc::now();
        match self.format {
            Format::ApacheCommon => format!(
                "{address} - {user} [{}] \"{method} {path} HTTP/1.1\" {status} {bytes}",
                now.format("%d/%b/%Y:%H:%M:%S %z")
            ),
            Format::ApacheError => {
                format!(
                    "[{}] [core:error] [pid {pid}] [client {address}:{bytes}] {text}",
                    now.format("%a %b %d %T%.6f %Y")
                )
            }
            Format::BsdSyslog => format!("<{priority}>{} {host} {program}[{pid}]: {text}", now.format("%b %e %T")),
            Format::Syslog => {
                format!("<{priority}>1 {} {host} {program} {pid} ID{number} - {text}", now.format("%Y-%m-%dT%T%.3fZ"))
            }
            Format::Json => json!({
                "host": address, "user-identifier": user, "datetime": now.format("%d/%b/%Y:%T").to_string(),
                "method": method, "request": path, "protocol": "HTTP/1.1", "status": status.to_string(), "bytes": bytes,
            })
            .to_string(),
            Format::Shuffle => {
                let line = self.lines.choose(&mut rand::rng()).map_or("", String::as_str);
                if self.sequence { format!("{number} {line}") } else { line.to_owned() }
            }
        }
    }
}
