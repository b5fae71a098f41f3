//! The services that are up: whether they do what they are there for.

use super::{Area, Finding};
use crate::project::names;
use crate::runtime::{ServiceStatus, State};

/// Looks at what runs, as it was seen. Pure.
pub fn examine(running: &[ServiceStatus]) -> Vec<Finding> {
    let (well, ill): (Vec<_>, Vec<_>) = running.iter().partition(|status| status.state == State::Ready);
    let mut found: Vec<Finding> = ill.into_iter().map(told).collect();
    if !well.is_empty() {
        let services = names::counted(well.len(), "service");
        found.push(Finding::ok(Area::Services, format!("{services} up and ready")));
    }
    found
}

fn told(status: &ServiceStatus) -> Finding {
    let instance = &status.spec.instance;
    let (what, hint) = match status.state {
        State::Starting => ("is not ready yet", format!("wait; `resilmesh logs {instance}` shows what it does")),
        State::Backoff => ("ends again and again", format!("`resilmesh logs {instance}` shows why")),
        State::Silent => ("hangs", "`resilmesh up` starts it again".to_owned()),
        State::Stopped => ("has stopped", "`resilmesh up` starts it again".to_owned()),
        State::Failed => {
            ("has failed", format!("`resilmesh logs {instance}` shows why; `resilmesh up` starts it again"))
        }
        State::Ready => ("answers", String::new()),
    };
    let why = status.because.as_ref().and_then(|why| why.lines().next()).map(|why| format!(": {why}"));
    Finding::warn(Area::Services, format!("`{instance}` {what}{}", why.unwrap_or_default()), hint)
}
