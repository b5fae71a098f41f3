//! `resilmesh plan`: what `up` would do.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;

use super::failure::Failure;
use super::part::PartArgs;
use super::{Context, colleagues, own_clone, trust};
use crate::mesh::model::Mesh;
use crate::plan::changes::{FileChange, Kind};
use crate::plan::ports::probe::ThisMachine;
use crate::plan::programs::OnThisMachine;
use crate::plan::reconcile::Part;
use crate::plan::session::{self, Around, Session, Typed};
use crate::plan::step::Plan;
use crate::plan::trouble::Trouble;
use crate::plan::typed::Locked;
use crate::runtime::embedded::Embedded;
use crate::vault::meshroom::Meshroom;
use crate::vault::{MESHROOM_FILE, Prompting};

/// Show what `up` would do, and change nothing
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Exit with 2 when there is something to do
    #[arg(long)]
    pub detailed_exitcode: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a comment here would become the help of the command")]
    pub part: PartArgs,
}

/// Prints the plan.
///
/// # Errors
/// When there is no plan; with `--detailed-exitcode`, when there is something to do.
pub fn run(cx: &Context, args: PlanArgs) -> Result<(), Failure> {
    let (files, mesh, part) = args.part.open(cx)?;
    let session = session(cx, &files.root, &mesh, part.as_ref())?;
    trust::note(cx, &files, &mesh)?;
    show(cx, &mesh, &session);
    own_clone::note(cx);
    if args.detailed_exitcode && !(session.plan.is_empty() && session.supervised && session.locked.is_empty()) {
        return Err(Failure::pending());
    }
    Ok(())
}

/// What `up` would do for a mesh; changes nothing and asks nobody.
///
/// # Errors
/// When there is no plan.
pub(super) fn session(cx: &Context, project: &Path, mesh: &Mesh, part: Option<&Part>) -> Result<Session, Failure> {
    let runtime = Embedded::new(project)?;
    let opened = cx.secrets()?;
    super::block_on(async {
        let programs = OnThisMachine { runtime: &runtime, fetch: None, notice: &|_| {} };
        let typed = Typed { vault: &opened.vault, meshroom: Meshroom::of(project)?, prompting: Prompting::Never };
        let machine = ThisMachine::default();
        // Planning runs no code of others.
        let known = colleagues::known(project, mesh.profile.as_deref())?;
        let shared = known.as_ref().map(|(shared, view)| (shared, view));
        let around =
            Around { runtime: &runtime, programs: &programs, machine: &machine, vault: &typed, checker: None, shared };
        session::plan(project, mesh, &around, part).await.map_err(|trouble| cx.in_project(project, trouble))
    })
}

/// Prints a plan, and what is left out of it.
pub(super) fn show(cx: &Context, mesh: &Mesh, session: &Session) {
    profile(cx, session);
    moved(cx, session);
    left_out(cx, mesh, session);
    for (name, why) in &session.locked {
        match why {
            Locked::Passphrase => {
                cx.ui.progress(format!("secret `{name}` has changed: `up` opens it, with your passphrase if need be"));
            }
            Locked::NoKey => {
                cx.ui.warning(&format!("secret `{name}` has changed, and no key here opens it: `up` would fail"));
            }
            Locked::InMeshroom => cx.ui.progress(format!(
                "secret `{name}` may be in Meshroom's `{MESHROOM_FILE}`: `up` opens that, with your passphrase if need be"
            )),
        }
    }
    if !session.supervised {
        cx.ui.warning("the supervisor has ended; `up` starts another one, which takes over the services that run");
    }
    if session.plan.is_empty() && !session.locked.is_empty() && !cx.ui.json {
        cx.ui.progress("nothing to do as far as that is known");
    } else {
        print(cx, &session.plan, &session.file_changes());
    }
}

/// Prints a plan, and what each step changes in files.
pub(super) fn print(cx: &Context, plan: &Plan, files: &BTreeMap<usize, Vec<FileChange>>) {
    if cx.ui.json {
        cx.ui.document(&plan.to_json(files));
        return;
    }
    if plan.is_empty() {
        cx.ui.progress("nothing to do");
    }
    for (index, line) in plan.lines().iter().enumerate() {
        cx.ui.line(line);
        files.get(&index).into_iter().flatten().for_each(|file| print_file(cx, file));
    }
}

/// A file that is new or goes is shown whole only when asked for.
pub(super) fn print_file(cx: &Context, file: &FileChange) {
    let FileChange { path, change, lines, diff } = file;
    let (sign, color) = match change {
        Kind::New => ("+", "32"),
        Kind::Changed => ("~", "33"),
        Kind::Gone => ("-", "31"),
    };
    let size = match lines {
        1 => "1 line".to_owned(),
        lines => format!("{lines} lines"),
    };
    let size = if *change == Kind::Changed { String::new() } else { format!(" ({size})") };
    cx.ui.line(cx.ui.paint_data(color, &format!("      {sign} {path}{size}")));
    if *change != Kind::Changed && !cx.verbose {
        return;
    }
    for line in diff.lines() {
        let line = format!("        {line}");
        let painted = match line.trim_start().chars().next() {
            Some('+') => cx.ui.paint_data("32", &line),
            Some('-') => cx.ui.paint_data("31", &line),
            _ => line,
        };
        cx.ui.line(painted.trim_end());
    }
}

/// Says which profile the plan is for, and in place of which other one.
pub(super) fn profile(cx: &Context, session: &Session) {
    let switch = &session.profile;
    if switch.is_other() {
        cx.ui.note(&switch.words());
    } else if switch.matters() {
        cx.ui.progress(switch.words());
    }
}

/// Says which ports have other numbers than they had: whoever sends there has to be told.
pub(super) fn moved(cx: &Context, session: &Session) {
    for moved in &session.desired.moved {
        let words = format!("`{}` of `{}`: {moved}", moved.port, moved.instance);
        if moved.is_known {
            cx.ui.warning(&format!("{words}; whoever sends to the old one has to be told"));
        } else {
            cx.ui.progress(words);
        }
    }
}

/// Warns of instances that cannot run yet.
pub(super) fn left_out(cx: &Context, mesh: &Mesh, session: &Session) {
    for (instance, why) in &session.desired.left_out {
        let at = mesh.instances.get(instance).map(|instance| format!("{}: ", instance.at)).unwrap_or_default();
        cx.ui.warning(&format!("{at}`{instance}` is left out: {why}"));
    }
    colleagues::warn_of_left(cx, &session.left);
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        let failure = Self { hints: trouble.hint.into_iter().collect(), ..Self::new(trouble.what) };
        failure.found(trouble.found)
    }
}
