//! `resilmesh doctor`: what may keep the mesh from running on this machine.

use clap::Args;
use serde_json::json;

use super::Context;
use super::failure::Failure;
use crate::mesh::compile::compile_used;
use crate::mesh::model::Mesh;
use crate::plan::doctor::{Area, Finding, Level, Patient, examine};
use crate::project::load::{self, ProjectFiles};
use crate::project::locate;
use crate::project::names;
use crate::project::position::{Diagnostic, one_line};

/// Find what may keep the mesh from running on this machine
///
/// Looks at programs and their versions, ports, memory, disk, clock, keys that expire, secrets, trust,
/// locks, the supervisor, rights of files, and at what other meshes have. Starts no service and changes
/// nothing; outside of a project, it looks at the machine alone. Exits with 1 if `up` would fail.
#[derive(Debug, Args)]
pub struct DoctorArgs {}

/// Looks, and prints what was found.
///
/// # Errors
/// When something would make `up` fail.
pub fn run(cx: &Context, _: &DoctorArgs) -> Result<(), Failure> {
    let (files, mut found) = project(cx);
    let mesh = files.as_ref().and_then(|files| {
        let (mesh, of_files) = mesh(files);
        found.push(of_files);
        mesh
    });
    let patient = files.as_ref().map(|files| Patient { root: &files.root, files, mesh: mesh.as_ref() });
    found.extend(super::block_on(async { Ok(examine(patient).await) })?);
    show(cx, &found);
    verdict(cx, &found)
}

/// The project, if there is one; else why not.
fn project(cx: &Context) -> (Option<ProjectFiles>, Vec<Finding>) {
    let folder = match locate::find(&cx.directory) {
        Ok(Some(folder)) => folder,
        Ok(None) => {
            return (None, vec![Finding::ok(Area::Project, "there is no project here: only the machine is looked at")]);
        }
        Err(error) => {
            let message = format!("folder `{}` cannot be opened: {error}", cx.directory.display());
            return (None, vec![Finding::bad(Area::Project, message, "`-C DIR` names another folder")]);
        }
    };
    let mut files = match load::load(&folder) {
        Ok(files) => files,
        Err(error) => {
            let message = format!("project `{}` cannot be opened: {error}", folder.display());
            return (None, vec![Finding::bad(Area::Project, message, "it must be yours and readable")]);
        }
    };
    match cx.profile_of(&files) {
        Ok(profile) => {
            files.profile = profile;
            (Some(files), Vec::new())
        }
        Err(failure) => {
            let hint = failure.hints.join("; ");
            (Some(files), vec![Finding::bad(Area::Project, failure.message, hint)])
        }
    }
}

/// The mesh, unless the project has mistakes, with what there is to say of it.
fn mesh(files: &ProjectFiles) -> (Option<Mesh>, Finding) {
    match compile_used(files) {
        Ok((mesh, _)) => {
            let (instances, plugs) = (mesh.instances.len(), mesh.plugs.len());
            let (instances, plugs) = (names::counted(instances, "instance"), names::counted(plugs, "plug"));
            let message = format!("`{}`: {instances} and {plugs}, no mistakes", files.root.display());
            (Some(mesh), Finding::ok(Area::Project, message))
        }
        Err(found) => {
            let mistakes = found.iter().filter(|found| Diagnostic::is_error(found)).count();
            let mistakes = names::counted(mistakes, "mistake");
            let message = format!("`{}` has {mistakes}: what the mesh needs is not looked at", files.root.display());
            (None, Finding::bad(Area::Project, message, "`resilmesh check` names them"))
        }
    }
}

fn show(cx: &Context, found: &[Finding]) {
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "findings": found}));
        return;
    }
    for one in found {
        cx.ui.line(format!("{:<4}  {:<8}  {}", one.level.word(), one.area.word(), one_line(&one.message)));
        one.hint.iter().for_each(|hint| cx.ui.line(format!("{:16}hint: {}", "", one_line(hint))));
    }
}

fn verdict(cx: &Context, found: &[Finding]) -> Result<(), Failure> {
    let count = |level| found.iter().filter(|one| one.level == level).count();
    let (bad, warnings) = (count(Level::Bad), names::counted(count(Level::Warn), "warning"));
    let looked_at = names::counted(found.len(), "finding");
    if bad == 0 {
        cx.ui.progress(format!("nothing keeps the mesh from running: {looked_at}, {warnings}"));
        return Ok(());
    }
    Err(Failure::new(format!("`up` would fail: {bad} of {looked_at} are bad, {warnings}")))
}
