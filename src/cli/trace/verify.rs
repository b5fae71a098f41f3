//! After `up`: does an event pass what was connected just now?

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::arrived;
use super::probe::{self, Passage, State};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::running::Running;
use crate::mesh::model::{Mesh, Plug, PlugId};
use crate::mesh::route;
use crate::plan::journal::Journal;

/// Sends a probe over every way on which a plug is that was connected and never tried since, and waits until
/// it has passed. What is up, and which plugs these are, `journal` tells.
///
/// # Errors
/// When one did not pass.
pub(in crate::cli) async fn verify(
    cx: &Context,
    project: &Path,
    mesh: &Mesh,
    journal: &Journal,
    within: Duration,
) -> Result<(), Failure> {
    let new = journal.unverified();
    let is_new = |plug: &&Plug| route::carries_events(plug) && new.contains(&plug.id);
    if !mesh.plugs.iter().any(|plug| is_new(&plug)) {
        return Ok(());
    }
    let running = Running::of(project.to_owned(), mesh.clone(), journal.clone())?;
    let mut passages = Vec::new();
    for entry in route::entries(&running.mesh).filter(|plug| probe::is_up(&running, plug)) {
        let route = route::from(&running.mesh, entry, |plug| probe::is_up(&running, plug));
        if route.iter().any(|hop| new.contains(&hop.plug.id)) && probe::producer(&running, entry)?.is_some() {
            passages.push(probe::send(&running, entry, within).await?);
        }
    }
    let passed = passed(&passages);
    let (seen, unseen): (Vec<&Plug>, Vec<&Plug>) =
        running.mesh.plugs.iter().filter(is_new).partition(|plug| passed.contains(&plug.id));
    if !seen.is_empty() && !cx.ui.json {
        let names: Vec<String> = seen.iter().map(|plug| plug.id.to_string()).collect();
        cx.ui.progress(format!("events pass {}", names.join(", ")));
    }
    arrived(&passages, within)?;
    if !unseen.is_empty() && !passages.is_empty() && !cx.ui.json {
        let names: Vec<String> = unseen.iter().map(|plug| plug.id.to_string()).collect();
        cx.ui.progress(format!("not tried, since nothing can be sent into it or seen there: {}", names.join(", ")));
    }
    Ok(())
}

fn passed(passages: &[Passage]) -> BTreeSet<&PlugId> {
    let hops = passages.iter().flat_map(|passage| (0..passage.hops.len()).map(move |hop| (passage, hop)));
    let passed =
        hops.filter(|(passage, hop)| matches!(passage.state(*hop), State::Seen | State::Passed | State::Delayed));
    passed.map(|(passage, hop)| &passage.hops[hop].plug).collect()
}
