//! `resilmesh status`: what runs, and how it is doing.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;

use super::failure::Failure;
use super::own_clone;
use super::running::Running;
use super::{Context, colleagues};
use crate::mesh::compile::compile_used;
use crate::mesh::model::Service;
use crate::plan::paths::StateFolder;
use crate::plan::profile;
use crate::plan::trouble::Trouble;
use crate::project::names;
use crate::runtime::embedded::{Embedded, Supervision, program};
use crate::runtime::{Runtime, State};

pub mod numbers;
mod report;

use report::{Report, Row, Tenants};

/// Show what runs, and how it is doing
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Exit with 1 unless every service is ready
    #[arg(long)]
    pub exit_code: bool,
}

/// Prints the state of every service. Starts nothing and changes nothing.
///
/// # Errors
/// When there is no project; with `--exit-code`, when a service is not ready.
pub fn run(cx: &Context, args: StatusArgs) -> Result<(), Failure> {
    let project = cx.project_folder()?;
    let (mesh, declared) = declared(cx);
    let broken = mesh.is_none();
    let mesh = mesh.unwrap_or_else(|| folder_name(&project));
    let runtime = Embedded::new(&project)?;
    let (supervision, running, numbers) = super::block_on(async {
        let supervision = runtime.supervision().await?;
        let running = runtime.observe().await?;
        let mut numbers = numbers::of_services(&running).await;
        // Without supervisor or services there is nobody to ask.
        if let (false, Ok(mesh)) = (running.is_empty() || broken, Running::open(cx)) {
            for (id, counted) in numbers::of_products(&mesh).await {
                let named = mesh.mesh.instances.keys().find(|name| names::id(name) == id);
                numbers.entry(named.cloned().unwrap_or(id)).or_default().add(counted);
            }
        }
        Ok((supervision, running, numbers))
    })?;

    let mut rows: BTreeMap<String, Row> = declared
        .into_iter()
        .map(|it| (it.service.clone(), Row::stopped(&it.service, it.product, it.program)))
        .collect();
    rows.extend(running.into_iter().map(|service| {
        let name = service.spec.instance.clone();
        let numbers = numbers.get(&name).cloned().unwrap_or_default();
        (name, Row::of(service, numbers))
    }));
    let state = StateFolder::of(&project);
    let profile = profile::up(&state).map_err(|error| Trouble::io(&state.profile(), &error))?;
    let mut report = Report::new(mesh, profile, supervision, rows.into_values().collect());
    report.tenants = tenants(cx, &project);
    show(cx, &report);
    own_clone::note(cx);
    match report.services.iter().find(|row| row.state != State::Ready) {
        Some(row) if args.exit_code => {
            Err(Failure::new(format!("`{}` is not ready", row.service)).hint("`resilmesh status` shows why"))
        }
        _ => Ok(()),
    }
}

fn show(cx: &Context, report: &Report) {
    if cx.ui.json {
        cx.ui.document(report);
    } else {
        if report.services.is_empty() {
            cx.ui.progress("the mesh has no services");
        } else {
            let now = std::io::stdout().is_terminal().then(Utc::now);
            let rows: Vec<Vec<String>> = report.services.iter().map(|row| row.cells(now)).collect();
            cx.ui.table(&report::TITLES, &rows);
        }
        if let Some(profile) = &report.profile {
            cx.ui.progress(format!("profile `{profile}` is up"));
        }
        for line in report.set_up().into_iter().chain(report.tenants.iter().filter_map(at_work)) {
            cx.ui.progress(line);
        }
        for (instance, because) in report.reasons() {
            cx.ui.progress(format!("{instance}: {because}"));
        }
    }
    if report.supervisor == Supervision::Gone {
        cx.ui.warning("the supervisor has ended: services that end are not started again; `resilmesh up` takes them over, `resilmesh down` stops them");
    }
}

/// The plugs between tenants that somebody has set up, as far as that is known here.
fn tenants(cx: &Context, project: &Path) -> Vec<Tenants> {
    let journal = cx.journal(project);
    // What cannot be read was told of already.
    let known = colleagues::known(project, cx.profile_in(project).as_deref()).ok().flatten();
    let entries = known.map(|(_, view)| view.entries).unwrap_or_default();
    let tenants = journal.tenants().into_iter().map(|plug| {
        let entry = entries.get(&plug);
        let at_work = entry.is_some_and(|entry| entry.claim.is_some());
        Tenants { state: journal.plug_state(&plug), by: entry.map(|entry| entry.by.clone()), at_work, plug }
    });
    tenants.collect()
}

fn at_work(tenants: &Tenants) -> Option<String> {
    let by = tenants.by.as_ref().filter(|_| tenants.at_work)?;
    Some(format!("plug `{}`: {by} began to change it and has not finished", tenants.plug))
}

/// A service of the mesh as it is written down.
pub(super) struct Declared {
    /// Its name.
    pub(super) service: String,
    /// The product of its instance.
    pub(super) product: String,
    /// What would run.
    pub(super) program: String,
}

/// The mesh's name and its services. Of a project with mistakes, with a warning, the name is none, and what can
/// be read is listed: what runs, and what does not, can be seen all the same.
pub(super) fn declared(cx: &Context) -> (Option<String>, Vec<Declared>) {
    let Ok(files) = cx.project() else {
        cx.ui.warning("the project cannot be read, so only what runs is shown; `resilmesh check` tells why");
        return (None, Vec::new());
    };
    if let Ok((mesh, _)) = compile_used(&files) {
        let services = mesh
            .services()
            .flat_map(|(own, service)| own.service_names().map(|name| Declared::new(name, &own.product, service)));
        return (Some(mesh.name.clone()), services.collect());
    }
    cx.ui.warning("the project has mistakes; `resilmesh check` names them");
    let service = |product: &str| files.products.get(product).and_then(|product| product.service.as_ref());
    let services = files
        .instances
        .iter()
        .filter_map(|own| Some(Declared::new(own.name.clone(), &own.product, service(&own.product)?)));
    (None, services.collect())
}

impl Declared {
    fn new(name: String, product: &str, service: &Service) -> Self {
        Self { service: name, product: product.to_owned(), program: program::name_of(&service.embedded) }
    }
}

fn folder_name(project: &Path) -> String {
    project.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// How long ago something was, in the two largest units: `2 h 5 min`.
fn ago(since: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let passed = (now - since).max(TimeDelta::zero());
    let (days, hours, minutes) = (passed.num_days(), passed.num_hours() % 24, passed.num_minutes() % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{} s", passed.num_seconds()),
        (0, 0, minutes) => format!("{minutes} min {} s", passed.num_seconds() % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_two_units() {
        let then: DateTime<Utc> = "2026-01-05T16:27:40Z".parse().expect("time");
        let after = |seconds| ago(then, then + TimeDelta::seconds(seconds));
        assert_eq!([after(-5), after(59), after(61)], ["0 s", "59 s", "1 min 1 s"]);
        assert_eq!([after(3_700), after(90_000)], ["1 h 1 min", "1 d 1 h"]);
    }
}
