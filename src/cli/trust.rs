//! `resilmesh trust`: see what others wrote, and let it run.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::Context;
use super::completion;
use super::failure::Failure;
use crate::mesh::model::Mesh;
use crate::plan::journal::Journal;
use crate::plan::paths::StateFolder;
use crate::plan::trouble::Trouble;
use crate::project::content::Entry;
use crate::project::load::ProjectFiles;
use crate::project::names;
use crate::project::position::{Diagnostic, Severity};
use crate::project::printable::printable;
use crate::project::written::Written;
use crate::trust::kept::{Before, Outcome};
use crate::trust::review::{FileChange, Review, describe, review};
use crate::trust::subject::Subject;
use crate::trust::{Gate, Refused, Standing, TrustError, Trusted};

/// Show what code of others would run, and trust it
///
/// Shown is everything in a product that runs or decides what runs: file by file at first, as a
/// difference after a change. Trust lies on this machine and holds for exactly this content.
#[derive(Debug, Args)]
pub struct TrustArgs {
    /// Products, and instances that name a program [default: all that are not trusted]
    #[arg(add = completion::products())]
    pub names: Vec<String>,
    /// Show how everything stands, and change nothing
    #[arg(long, conflicts_with = "names")]
    pub list: bool,
    /// Show every file with its text
    #[arg(long, conflicts_with = "list")]
    pub show: bool,
}

/// Shows, asks, and remembers.
///
/// # Errors
/// When something cannot be trusted, or the answer is no.
pub fn run(cx: &Context, args: &TrustArgs) -> Result<(), Failure> {
    let mut files = cx.project()?;
    if args.list {
        // The hash of everything is that of what is in use: it is what `up` asks for.
        let hash = Gate::open(&files)?.whole();
        with_unused(&mut files);
        list(cx, &Gate::open(&files)?, &hash);
        return Ok(());
    }
    if !args.names.is_empty() {
        with_unused(&mut files);
    }
    let mut gate = Gate::open(&files)?;
    let wanted: Vec<Subject> =
        chosen(&gate, &args.names)?.into_iter().filter(|subject| !gate.standing(subject).may_run()).cloned().collect();
    let broken: Vec<_> = wanted.iter().flat_map(|subject| subject.broken.clone()).collect();
    if !broken.is_empty() {
        return Err(Failure::new("nothing is trusted: what these files stand for could change unseen").found(broken));
    }
    let shown: Vec<Shown<'_>> = wanted.iter().map(|subject| Shown::new(&gate, subject)).collect();
    if !cx.ui.json {
        shown.iter().for_each(|shown| shown.print(cx, args.show));
    }
    if wanted.is_empty() {
        if cx.ui.json {
            cx.ui.document(&json!({"schema": 1, "trusted": []}));
        } else {
            cx.ui.progress("nothing to trust: no code of others waits for it");
        }
        return Ok(());
    }
    let hint = if args.show { "" } else { "; `--show` shows the texts" };
    let question = format!("let {} run on this machine{hint}?", names::list(wanted.iter().map(Subject::name)));
    if !cx.yes && !cx.ui.confirm(&question, "--yes")? {
        return Err(Failure::new("nothing was trusted"));
    }
    wanted.iter().for_each(|subject| gate.trust(subject));
    gate.save()?;
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "trusted": shown}));
    }
    cx.ui.progress(format!("trusted {}", names::list(wanted.iter().map(Subject::name))));
    Ok(())
}

/// Takes in the products of catalogues that no instance uses.
pub(super) fn with_unused(files: &mut ProjectFiles) {
    let pinned: Vec<String> = files.lock.product_names().map(str::to_owned).collect();
    for name in pinned {
        // One that cannot be used is told of by whatever uses it.
        files.need_product(&name);
    }
}

/// The subjects of these names; all of them when none is named.
pub(super) fn chosen<'a>(gate: &'a Gate, wanted: &[String]) -> Result<Vec<&'a Subject>, Failure> {
    if let Some(unknown) = wanted.iter().find(|name| !gate.subjects.iter().any(|subject| subject.name() == *name)) {
        let failure = Failure::new(format!("`{unknown}` has no code that would need trust"));
        let hint = names::suggest(unknown, gate.subjects.iter().map(Subject::name));
        return Err(hint.into_iter().fold(failure, Failure::hint).hint("`resilmesh trust --list` shows what has"));
    }
    let chosen = |subject: &&Subject| wanted.is_empty() || wanted.iter().any(|name| subject.name() == name);
    Ok(gate.subjects.iter().filter(chosen).collect())
}

/// The products that a mesh puts to use.
pub(super) fn used_by(mesh: &Mesh) -> BTreeSet<String> {
    mesh.instances.values().map(|instance| instance.product.clone()).collect()
}

/// The products whose code a mesh uses, or that of what is up is taken down with: a product may be there
/// whose last instance was removed since.
///
/// # Errors
/// When it cannot be read what is up.
pub(super) fn used_by_or_up(project: &Path, mesh: &Mesh) -> Result<BTreeSet<String>, Failure> {
    let journal = Journal::load(&StateFolder::of(project).journal()).map_err(Trouble::from)?;
    let undoing = journal.undo.values().flat_map(|undoing| &undoing.hooks);
    let mut products = used_by(mesh);
    products.extend(undoing.map(|undo| undo.call.own.product.clone()));
    Ok(products)
}

/// The proof that the code of these products may run.
///
/// # Errors
/// What of it is not trusted, where it comes from, and what to do.
pub(super) fn permit(cx: &Context, products: BTreeSet<String>) -> Result<Trusted, Failure> {
    permit_of(&cx.project()?, products)
}

/// As [`permit`], of a project that was read already.
///
/// # Errors
/// As [`permit`].
pub(super) fn permit_of(files: &ProjectFiles, products: BTreeSet<String>) -> Result<Trusted, Failure> {
    let gate = Gate::open(files)?;
    gate.permit(products).map_err(|refused| {
        let Refused { found, names, came, hash } = refused;
        let failure =
            Failure::new(format!("nothing was started: there is code that is not trusted; it {came}")).found(found);
        // What is broken is mended first: no answer and no variable makes it trusted.
        let Some(hash) = hash else { return failure };
        failure
            .hint(format!("`resilmesh trust {}` shows it file by file, and asks", names.join(" ")))
            .hint(format!("without a terminal, RESILMESH_TRUST={hash} trusts exactly this content"))
    })
}

/// Lets the hooks of products run, and looks after trust in what these write.
#[derive(Debug)]
pub(super) struct Keeper {
    before: Before,
    /// What was written for the hooks, and for the command that calls them.
    pub(super) written: Written,
}

impl Keeper {
    /// Looks after what is trusted already.
    ///
    /// # Errors
    /// When that cannot be read.
    pub(super) fn watch(cx: &Context) -> Result<Self, Failure> {
        Ok(Self { before: Gate::open(&cx.project()?)?.before(), written: Written::default() })
    }

    /// Sees to it that the code of these products may run; to be asked before anything is written.
    ///
    /// # Errors
    /// As [`permit`].
    pub(super) fn permit(cx: &Context, products: BTreeSet<String>) -> Result<Self, Failure> {
        permit(cx, products)?;
        Self::watch(cx)
    }

    /// After the hooks: trusts what they had this program write, and tells what else is to be looked at.
    ///
    /// # Errors
    /// When that cannot be kept.
    pub(super) fn settle(&self, cx: &Context) -> Result<(), Failure> {
        let mut files = cx.project()?;
        // What hooks write goes by the real path.
        files.root = files.root.canonicalize().unwrap_or(files.root);
        let mut gate = Gate::open(&files)?;
        let Outcome { kept, lost } = gate.keep(&self.before, &files, &self.written);
        if !kept.is_empty() {
            gate.save()?;
        }
        if !lost.is_empty() {
            let names = names::list(lost.iter().map(String::as_str));
            cx.ui.warning(&format!(
                "hooks have changed what runs of {names}: `resilmesh trust {}` shows it, and asks",
                lost.join(" ")
            ));
        }
        Ok(())
    }
}

/// Says what `up` would refuse for want of trust.
pub(super) fn note(cx: &Context, files: &ProjectFiles, mesh: &Mesh) -> Result<(), Failure> {
    let gate = Gate::open(files)?;
    if let Err(Refused { found, names, hash, .. }) = gate.permit(used_by(mesh)) {
        for found in found {
            cx.ui.diagnostic(&Diagnostic { severity: Severity::Warning, ..found });
        }
        cx.ui.warning(&match hash {
            Some(_) => format!("`resilmesh up` refuses until then: `resilmesh trust {}`", names.join(" ")),
            None => "`resilmesh up` refuses until that is mended".to_owned(),
        });
    }
    Ok(())
}

fn list(cx: &Context, gate: &Gate, hash: &str) {
    let shown: Vec<Shown<'_>> = gate.subjects.iter().map(|subject| Shown::new(gate, subject)).collect();
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "hash": hash, "subjects": shown}));
    } else if shown.is_empty() {
        cx.ui.progress("no product of the project or its catalogues has code; built-in products are trusted");
    } else {
        let row = |shown: &Shown<'_>| {
            [shown.kind, shown.name, shown.standing, shown.hash].iter().map(|cell| (*cell).to_owned()).collect()
        };
        cx.ui.table(&["KIND", "NAME", "STATE", "HASH"], &shown.iter().map(row).collect::<Vec<_>>());
    }
}

/// A subject as it is shown.
#[derive(Serialize)]
struct Shown<'a> {
    kind: &'a str,
    name: &'a str,
    #[serde(rename = "state")]
    standing: &'static str,
    hash: &'a str,
    came: String,
    runs: Vec<String>,
    #[serde(flatten)]
    review: Review,
    #[serde(skip)]
    subject: &'a Subject,
    #[serde(skip)]
    trusted_at: Option<String>,
}

impl<'a> Shown<'a> {
    fn new(gate: &Gate, subject: &'a Subject) -> Self {
        let known = gate.known(subject);
        Self {
            kind: subject.key.split('/').next().unwrap_or_default(),
            name: subject.name(),
            standing: word(gate.standing(subject)),
            hash: &subject.hash,
            came: printable(&gate.came(subject)),
            runs: subject.runs.iter().map(|runs| printable(runs)).collect(),
            review: review(subject, known),
            subject,
            trusted_at: known.map(|known| known.at.clone()),
        }
    }

    fn print(&self, cx: &Context, texts: bool) {
        let ui = &cx.ui;
        ui.line(ui.paint_data("1", &format!("{}: {}", printable(&self.subject.title), self.came)));
        ui.line(format!("  runs: {}", self.runs.join(", ")));
        let asks = if self.review.asks.is_empty() { "nothing".to_owned() } else { self.review.asks.join(", ") };
        match &self.trusted_at {
            None => {
                ui.line(format!("  declares that it needs: {asks}"));
                for (path, entry) in &self.subject.content.0 {
                    ui.line(format!("  {}  {}", printable(path), describe(entry)));
                    if texts {
                        print_text(cx, entry);
                    }
                }
            }
            Some(at) => {
                ui.line(format!("  declares that it needs, new since {at}: {asks}"));
                self.review.files.iter().for_each(|file| print_change(cx, file));
                for (path, entry) in self.subject.content.0.iter().filter(|_| texts) {
                    ui.line(format!("  {}  {}", printable(path), describe(entry)));
                    print_text(cx, entry);
                }
            }
        }
        ui.line(format!("  hash {}", self.hash));
    }
}

/// Shows what is in a file.
fn print_text(cx: &Context, entry: &Entry) {
    match entry {
        Entry::File { text: Some(text), .. } => {
            text.lines().for_each(|line| cx.ui.line(format!("    | {}", printable(line))));
        }
        Entry::File { text: None, .. } => cx.ui.line("    (no text, or too long to be kept: look at the file itself)"),
        Entry::Link { .. } => {}
    }
}

/// Shows how a file differs.
pub(super) fn print_change(cx: &Context, file: &FileChange) {
    match &file.diff {
        Some(diff) => {
            for line in diff.lines() {
                let color = match line.as_bytes().first() {
                    Some(b'+') => "32",
                    Some(b'-') => "31",
                    _ => "2",
                };
                cx.ui.line(cx.ui.paint_data(color, line));
            }
        }
        None => cx.ui.line(format!("  {} is different: {}", file.path, file.now)),
    }
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Own => "own",
        Standing::Given => "given",
        Standing::Trusted => "trusted",
        Standing::Changed => "changed",
        Standing::New => "new",
        Standing::Broken => "broken",
    }
}

impl From<TrustError> for Failure {
    fn from(error: TrustError) -> Self {
        Self::new(error.what).hint(error.hint)
    }
}
