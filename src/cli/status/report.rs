//! What `status` prints, as rows and as JSON.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::ago;
use super::numbers::Numbers;
use crate::mesh::model::PlugId;
use crate::plan::journal::PlugState;
use crate::plan::shared::entry::Author;
use crate::project::names;
use crate::runtime::embedded::Supervision;
use crate::runtime::{ServiceStatus, State};

/// Version of the JSON.
const SCHEMA: u32 = 1;

/// The titles of [`Row::cells`].
pub(super) const TITLES: [&str; 11] =
    ["Instance", "Product", "Program", "State", "Since", "Restarts", "Ports", "In/s", "Out/s", "Lag", "Dropped"];

/// The document that `status --json` prints. Keys may be added, none renamed.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: u32,
    mesh: String,
    /// The profile that is up.
    pub(super) profile: Option<String>,
    pub(super) supervisor: Supervision,
    pub(super) services: Vec<Row>,
    /// Plugs between tenants that somebody has set up.
    pub(super) tenants: Vec<Tenants>,
}

impl Report {
    pub(super) fn new(mesh: String, profile: Option<String>, supervisor: Supervision, services: Vec<Row>) -> Self {
        Self { schema: SCHEMA, mesh, profile, supervisor, services, tenants: Vec::new() }
    }

    /// How many plugs between tenants are up and half up; none if there is none.
    pub(super) fn set_up(&self) -> Option<String> {
        let count = |state: PlugState| self.tenants.iter().filter(|own| own.state == state).count();
        let of = |state: PlugState, word: &str| match count(state) {
            0 => None,
            number => Some(format!("{} {word}", names::counted(number, "plug"))),
        };
        let counted = [of(PlugState::Up, "up"), of(PlugState::Partial, "half up")];
        let counted: Vec<String> = counted.into_iter().flatten().collect();
        (!counted.is_empty()).then(|| format!("between tenants: {}", counted.join(", ")))
    }

    /// Why services are not ready, by name.
    pub(super) fn reasons(&self) -> impl Iterator<Item = (&str, &str)> {
        self.services.iter().filter_map(|row| Some((row.service.as_str(), row.because.as_deref()?)))
    }
}

/// A plug between tenants.
#[derive(Debug, Serialize)]
pub(super) struct Tenants {
    pub(super) plug: PlugId,
    pub(super) state: PlugState,
    /// Who has set it up, where and when, as far as that is known.
    pub(super) by: Option<Author>,
    /// They are still at work on it.
    pub(super) at_work: bool,
}

/// One service.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    /// Its name: that of its instance, with a number behind it from the second on.
    pub(super) service: String,
    instance: String,
    /// Which one of its instance's it is, from 1.
    replica: u16,
    product: String,
    runtime: &'static str,
    program: String,
    pub(super) state: State,
    pid: Option<u32>,
    since: Option<String>,
    restarts: u32,
    ports: BTreeMap<String, u16>,
    because: Option<String>,
    #[serde(flatten)]
    numbers: Numbers,
}

impl Row {
    /// A service that is written down but does not run.
    pub(super) fn stopped(service: &str, product: String, program: String) -> Self {
        Self {
            service: service.to_owned(),
            instance: names::instance_of(service).to_owned(),
            replica: names::number_of(service),
            product,
            runtime: "embedded",
            program,
            state: State::Stopped,
            pid: None,
            since: None,
            restarts: 0,
            ports: BTreeMap::new(),
            because: None,
            numbers: Numbers::default(),
        }
    }

    /// A service that the runtime knows.
    pub(super) fn of(service: ServiceStatus, numbers: Numbers) -> Self {
        Self {
            instance: names::instance_of(&service.spec.instance).to_owned(),
            replica: names::number_of(&service.spec.instance),
            service: service.spec.instance,
            product: service.spec.product,
            runtime: "embedded",
            program: service.spec.label,
            state: service.state,
            pid: service.pid,
            since: Some(service.since),
            restarts: service.restarts,
            ports: service.spec.ports,
            because: service.because,
            numbers,
        }
    }

    /// The row of the table; with `now`, times are told as passed time.
    pub(super) fn cells(&self, now: Option<DateTime<Utc>>) -> Vec<String> {
        let since = self.since.clone().unwrap_or_default();
        let since = match (now, since.parse::<DateTime<Utc>>()) {
            (Some(now), Ok(since)) => ago(since, now),
            _ => since,
        };
        let ports: Vec<String> = self.ports.iter().map(|(name, port)| format!("{name} {port}")).collect();
        vec![
            self.service.clone(),
            self.product.clone(),
            self.program.clone(),
            word(self.state).to_owned(),
            or_dash(since),
            self.restarts.to_string(),
            or_dash(ports.join(", ")),
            number(self.numbers.in_rate),
            number(self.numbers.out_rate),
            number(self.numbers.lag),
            number(self.numbers.dropped),
        ]
    }
}

fn word(state: State) -> &'static str {
    match state {
        State::Starting => "starting",
        State::Ready => "ready",
        State::Silent => "silent",
        State::Backoff => "backoff",
        State::Stopped => "stopped",
        State::Failed => "failed",
    }
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

fn number(number: Option<impl ToString>) -> String {
    number.map_or("-".to_owned(), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::runtime::{Ready, ServiceSpec};

    fn bus() -> ServiceStatus {
        let spec = ServiceSpec {
            instance: "bus".to_owned(),
            product: "nats".to_owned(),
            label: "nats-server 2.15.1".to_owned(),
            program: "/bin/nats-server".into(),
            args: Vec::new(),
            directory: "/".into(),
            ports: [("client".to_owned(), 4222), ("monitor".to_owned(), 8222)].into(),
            ready: Ready::Control,
            control: None,
            reload: None,
            stop_within: Duration::from_secs(1),
            files_digest: String::new(),
        };
        let since = "2026-01-05T16:27:40Z".to_owned();
        ServiceStatus { spec, state: State::Ready, pid: Some(4101), since, restarts: 0, because: None }
    }

    #[test]
    fn the_json_keeps_its_keys() {
        let stopped = Row::stopped("store", "elasticsearch".to_owned(), "resilmesh engine store".to_owned());
        let rows = vec![Row::of(bus(), Numbers::default()), stopped];
        let seen =
            serde_json::to_value(Report::new("soapa".to_owned(), Some("prod".to_owned()), Supervision::Present, rows))
                .expect("json");
        let numbers = json!({"in_rate": null, "out_rate": null, "lag": null, "errors": null, "counts": {}, "dropped": null, "dropped_because": {}});
        let with = |mut service: serde_json::Value| {
            let fields = service.as_object_mut().expect("object");
            fields.extend(numbers.as_object().expect("object").clone());
            service
        };
        let bus = with(json!({
            "service": "bus", "instance": "bus", "replica": 1, "product": "nats", "runtime": "embedded", "program": "nats-server 2.15.1",
            "state": "ready", "pid": 4101, "since": "2026-01-05T16:27:40Z", "restarts": 0,
            "ports": {"client": 4222, "monitor": 8222}, "because": null
        }));
        let store = with(json!({
            "service": "store", "instance": "store", "replica": 1, "product": "elasticsearch", "runtime": "embedded",
            "program": "resilmesh engine store", "state": "stopped", "pid": null, "since": null, "restarts": 0,
            "ports": {}, "because": null
        }));
        let expected = json!({
            "schema": 1, "mesh": "soapa", "profile": "prod", "supervisor": "present", "services": [bus, store], "tenants": [],
        });
        assert_eq!(seen, expected);
    }

    #[test]
    fn the_table_tells_times_as_people_do() {
        let row = Row::of(bus(), Numbers { in_rate: Some(1.5), dropped: Some(0), ..Numbers::default() });
        let now = "2026-01-05T16:29:40Z".parse().expect("time");
        assert_eq!(
            row.cells(Some(now)),
            [
                "bus",
                "nats",
                "nats-server 2.15.1",
                "ready",
                "2 min 0 s",
                "0",
                "client 4222, monitor 8222",
                "1.5",
                "-",
                "-",
                "0"
            ]
        );
        assert_eq!(row.cells(None)[4], "2026-01-05T16:27:40Z");
    }
}
