//! `resilmesh rollback`: bring the documents back to what they were, and the mesh to that.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::failure::Failure;
use super::recording::{self, Recording};
use super::steps::StepArgs;
use super::up::{self, Way};
use super::{Context, down, history, plan, trust};
use crate::git::snapshots::Snapshots;
use crate::git::snapshots::documents::{self, Documents};
use crate::mesh::compile::compile_used;
use crate::mesh::difference::{Difference, differences};
use crate::mesh::model::Mesh;
use crate::plan::desired;
use crate::plan::history::{Command, History, Record, before_the_newest};
use crate::plan::journal::Journal;
use crate::plan::meshroom;
use crate::plan::paths::StateFolder;
use crate::plan::ports::Ports;
use crate::plan::trouble::Trouble;
use crate::project::load::{ProjectFiles, load_from};
use crate::project::names;

/// Bring the documents back to what they were, and the mesh to that
///
/// Documents are `resilmesh.yaml`, `resilmesh.lock` and what lies in `products/`, `instances/`,
/// `profiles/` and `tests/`; secrets, and what git ignores, stay as they are. What is there now is kept
/// first, so that another rollback brings it back. Code that comes back must be trusted as any other.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The number in `resilmesh history` [default: the last that was done before the newest]
    #[arg(value_name = "NUMBER")]
    pub number: Option<u64>,
    /// Show which files and what else would change, and change nothing
    #[arg(long)]
    pub plan: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a comment here would become the help of the command")]
    pub steps: StepArgs,
}

/// Shows what changes, asks, writes the files and brings the mesh up.
///
/// # Errors
/// When there is nothing to go back to, the answer is no, or the mesh cannot be brought up.
pub fn run(cx: &Context, args: &RollbackArgs) -> Result<(), Failure> {
    let project = cx.project_folder().or_else(|failure| down::state_without_project(cx).ok_or(failure))?;
    let state = StateFolder::of(&project);
    if args.plan {
        return Target::of(&project, &History::load(&state.history())?, args.number)?.preview(cx);
    }
    // Where there is nothing to go back to, nothing is made.
    chosen(&History::load(&state.history())?, args.number)?;
    state.make().map_err(|error| Trouble::io(state.root(), &error))?;
    let _lock = args.steps.lock(cx, &state, "rollback")?;
    let history = History::load(&state.history())?;
    let target = Target::of(&project, &history, args.number)?;
    target.changes().iter().for_each(|change| cx.ui.progress(format!("  {change}")));
    let question = format!("bring {} back to what they were at {}?", target.files(), target.number);
    if !cx.yes && !cx.ui.confirm(&question, "--yes")? {
        return Err(Failure::new("nothing was changed"));
    }
    let kept = target.keep_present(cx, &history)?;
    let mut recording = Recording::new(cx, &project, Command::Rollback, vec![target.number.to_string()]);
    recording.begin_with(target.snapshots.keep(&target.documents)?)?;
    let undo = format!("`resilmesh rollback {kept}` brings back what the documents were before this");
    let result = target.write(&state).and_then(|()| {
        cx.ui.progress(format!("{} are what they were at {}; {undo}", target.files(), target.number));
        bring_up(cx, &args.steps, &mut recording).map_err(|failure| {
            failure.hint(format!("the documents are those of {} now: `resilmesh up` goes on", target.number)).hint(undo)
        })
    });
    recording.end(result)
}

/// What is gone back to.
struct Target<'a> {
    project: &'a Path,
    number: u64,
    snapshot: &'a str,
    snapshots: Snapshots,
    /// The documents as they are.
    present: Documents,
    /// What they shall be.
    documents: Documents,
    /// The files that differ.
    different: Vec<PathBuf>,
}

impl<'a> Target<'a> {
    fn of(project: &'a Path, history: &'a History, number: Option<u64>) -> Result<Self, Failure> {
        let record = chosen(history, number)?;
        let number = record.number;
        let Some(snapshot) = &record.snapshot else {
            return Err(Failure::new(format!("what the documents were at {number} is not known"))
                .hint("`resilmesh history` shows what else there is"));
        };
        let snapshots = recording::snapshots(project)?;
        let present = snapshots.present()?.documents;
        let documents = documents::target(&present, snapshots.get(snapshot)?, &|path| snapshots.ignores(path))?;
        let different = documents::different(&present, &documents);
        if different.is_empty() {
            return Err(Failure::new(format!("the documents are those of {number} already"))
                .hint("`resilmesh up` brings the mesh to what they say")
                .hint("`resilmesh history` shows what else there is"));
        }
        Ok(Self { project, number, snapshot, snapshots, present, documents, different })
    }

    fn changes(&self) -> Vec<Difference> {
        differences(&documents::changes(&self.present, &self.documents))
    }

    fn files(&self) -> String {
        names::counted(self.different.len(), "file")
    }

    /// Shows what would be done.
    fn preview(&self, cx: &Context) -> Result<(), Failure> {
        let files = load_from(self.project, &self.snapshots.source(self.snapshot)?);
        let files = ProjectFiles { profile: cx.profile_in(self.project), ..files };
        let mut mesh = compile_used(&files)
            .map(|(mesh, _)| mesh)
            .map_err(|found| Failure::new(format!("the documents of {} have mistakes", self.number)).found(found))?;
        if let Some(journal) = known_to_be_up(self.project, &StateFolder::of(self.project))? {
            // Snapshots do not say what is up.
            mesh.plugs.iter_mut().for_each(|plug| plug.up = journal.plugs.contains_key(&plug.id.to_string()));
        }
        let session = plan::session(cx, self.project, &mesh, None)?;
        if cx.ui.json {
            let (changes, plan) = (self.changes(), session.plan.to_json(&session.file_changes()));
            cx.ui.document(&json!({"schema": 1, "number": self.number, "changes": changes, "plan": plan}));
            return Ok(());
        }
        self.changes().iter().for_each(|change| cx.ui.line(change.to_string()));
        plan::show(cx, &mesh, &session);
        Ok(())
    }

    /// Keeps the documents as they are, unless the history has them already; the number by which they
    /// are found again.
    fn keep_present(&self, cx: &Context, history: &History) -> Result<u64, Failure> {
        let present = self.snapshots.keep(&self.present)?;
        let known = |record: &&Record| record.snapshot.as_ref() == Some(&present);
        if let Some(known) = history.newest_first().find(known) {
            return Ok(known.number);
        }
        let before = vec![format!("before rollback {}", self.number)];
        let mut keeping = Recording::new(cx, self.project, Command::Keep, before);
        let number = keeping.begin_with(present)?;
        keeping.end(Ok(()))?;
        Ok(number)
    }

    /// Writes the documents.
    fn write(&self, state: &StateFolder) -> Result<(), Failure> {
        let journal = known_to_be_up(self.project, state)?;
        // What is overwritten must be kept whatever happens.
        self.snapshots.sync()?;
        documents::put_back(self.project, &self.present, &self.documents)?;
        if let (Some(mesh), Some(journal)) = (meshrooms(self.project), journal) {
            // What the files say is up is what was up at that time.
            meshroom::note_status(self.project, &mesh, &journal)
                .map_err(|error| Failure::new(format!("`status` of a plug cannot be noted in its file: {error}")))?;
        }
        Ok(())
    }
}

/// The record to go back to.
fn chosen(history: &History, number: Option<u64>) -> Result<&Record, Failure> {
    match number {
        Some(number) => history::get(history, number),
        None => before_the_newest(history).ok_or_else(|| {
            Failure::new("there is no earlier `up` with other documents to go back to")
                .hint("`resilmesh history` shows what there is; `resilmesh rollback NUMBER` goes back to any of them")
        }),
    }
}

/// The mesh of a project of Meshroom.
fn meshrooms(project: &Path) -> Option<Mesh> {
    let files = crate::project::load::load(project).ok()?;
    compile_used(&files).ok().map(|(mesh, _)| mesh).filter(|mesh| mesh.is_meshrooms)
}

/// What is up, in a project of Meshroom, whose files say so too.
fn known_to_be_up(project: &Path, state: &StateFolder) -> Result<Option<Journal>, Failure> {
    let Some(mesh) = meshrooms(project) else { return Ok(None) };
    let mut journal = Journal::load(&state.journal()).map_err(Trouble::from)?;
    meshroom::adopt(&mesh, &desired::of_hooks(&mesh, &Ports::default()), &mut journal);
    Ok(Some(journal))
}

/// Brings up what the documents say now.
fn bring_up(cx: &Context, steps: &StepArgs, recording: &mut Recording) -> Result<(), Failure> {
    let (project, mesh) = cx.mesh()?;
    let trusted = trust::permit(cx, trust::used_by_or_up(&project, &mesh)?)?;
    let runtime = up::runtime(cx, &project)?;
    let way = Way { trusted: &trusted, runtime: &runtime, steps, part: None, rollback_on_failure: false, verify: true };
    super::block_on(up::bring_up(cx, &project, &mesh, &way, recording))
}
