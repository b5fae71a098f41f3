//! `resilmesh share`: give the mesh to others.

use clap::Args;
use serde_json::json;

use super::Context;
use super::clone::address;
use super::colleagues;
use super::failure::Failure;
use super::leaks;
use super::own_clone;
use crate::git::push::{self, Pushed, Remote};
use crate::git::repository::{Oid, Repository, short};
use crate::git::trouble::Trouble;
use crate::git::{changes, outgoing, parts, share};
use crate::mesh::difference::{Difference, differences};
use crate::project::names;
use crate::trust::Gate;

/// Commit the mesh and push it, once it has no mistakes and no secret stands in it in clear
#[derive(Debug, Args)]
pub struct ShareArgs {
    /// Where: the name of a remote, or the first time the address of a repository
    pub remote: Option<String>,
    /// What to say of the changes [default: what they are]
    #[arg(short, long, allow_hyphen_values = true)]
    pub message: Option<String>,
}

/// Shares the mesh.
///
/// # Errors
/// When the mesh has mistakes, a secret stands in clear, or the other side does not take it.
pub fn run(cx: &Context, args: ShareArgs) -> Result<(), Failure> {
    let root = cx.project_folder()?;
    let repository = Repository::must(&root)?;
    let branch = repository.branch()?;
    let given = args.remote.map(|given| if given.contains('/') { address(cx, &given) } else { given });
    let remote = push::remote(&repository, given.as_deref())?;
    refuse_unsettled(&repository)?;
    let (_, _, warnings) = cx.compiled().map_err(|mut failure| {
        failure.message = format!("nothing is shared: {}", failure.message);
        failure
    })?;
    warnings.iter().for_each(|warning| cx.ui.diagnostic(warning));
    let broken: Vec<_> = Gate::open(&cx.project()?)?.subjects.into_iter().flat_map(|subject| subject.broken).collect();
    if !broken.is_empty() {
        return Err(Failure::new("nothing is shared: nobody could run these products").found(broken));
    }
    let scanner = leaks::scanner(cx, &repository)?;
    leaks::refuse("nothing is committed or shared", outgoing::in_files(&repository, &scanner)?)?;

    own_clone::complete(cx, &repository)?;
    own_clone::complete_lines(cx, &repository)?;
    let before = repository.head()?.map(|head| repository.tree(&head)).transpose()?;
    let left = parts::left_alone(&repository)?;
    let mut changed = changes::on_disk(&repository, before.as_ref())?;
    changed.retain(|change| !left.contains(&change.path));
    let changed = differences(&changed);
    let message = match args.message {
        Some(message) => format!("{}\n", message.trim_end()),
        None if share::ends_a_merge(&repository) => share::SETTLED.to_owned(),
        None => share::message(&changed),
    };
    // The message names what was changed, and with it the names of files.
    leaks::refuse("nothing is committed or shared", scanner.message(message.as_bytes()))?;
    if !left.is_empty() {
        let left: Vec<String> = left.iter().map(|path| path.display().to_string()).collect();
        let left = names::list(left.iter().map(String::as_str));
        cx.ui.progress(format!("not of the mesh, and left alone: {left} (`git add` takes a file in)"));
    }
    let committed = share::commit(&repository, &message)?;
    let Some(tip) = repository.head()?.map(|head| head.id()) else {
        return Err(Failure::new("there is nothing to share: the project has no files"));
    };
    let there = outgoing::known_at(&repository, &remote.name)?;
    leaks::refuse("nothing is shared", outgoing::in_pushed(&repository, &scanner, &branch, tip, &there)?)?;
    match push::push(&repository, &remote, tip).map_err(|trouble| not_pushed(trouble, committed))? {
        Pushed::Behind => Err(behind(&remote)),
        Pushed::Nothing => {
            colleagues::exchange(cx, &root);
            report(cx, &remote, None, &[]);
            Ok(())
        }
        Pushed::Done => {
            colleagues::exchange(cx, &root);
            report(cx, &remote, committed.or(Some(tip)), &changed);
            Ok(())
        }
    }
}

fn refuse_unsettled(repository: &Repository) -> Result<(), Failure> {
    let paths = share::unsettled(repository)?;
    if paths.is_empty() {
        return Ok(());
    }
    let failure = Failure::new("nothing is shared: the last update is still in conflict");
    let failure = share::how_to_settle(&paths).into_iter().fold(failure, Failure::hint);
    Err(failure.hint("`resilmesh update --abort` goes back to before the update"))
}

/// What was committed stays so, and the next share pushes it.
fn not_pushed(trouble: Trouble, committed: Option<Oid>) -> Failure {
    let mut failure = Failure::from(trouble);
    if let Some(id) = committed {
        failure.message = format!("committed as {}, not pushed: {}", short(id), failure.message);
    }
    failure
}

fn behind(remote: &Remote) -> Failure {
    Failure::new(format!("others shared changes at `{}` that are not here yet; yours are committed", remote.url))
        .hint("`resilmesh update` brings them here, then share again")
}

fn report(cx: &Context, remote: &Remote, commit: Option<Oid>, changed: &[Difference]) {
    if cx.ui.json {
        cx.ui.document(&json!({
            "schema": 1, "remote": remote.name, "url": remote.url,
            "commit": commit.map(|id| id.to_string()), "changes": changed,
        }));
        return;
    }
    changed.iter().for_each(|change| cx.ui.progress(format!("  {change}")));
    cx.ui.progress(match commit {
        Some(id) => format!("shared at `{}`: {}", remote.url, short(id)),
        None => format!("nothing new: `{}` has it all", remote.url),
    });
}
