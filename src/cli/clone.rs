//! `resilmesh clone`: join a mesh.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::Context;
use super::colleagues;
use super::failure::Failure;
use super::own_clone::register;
use super::secret;
use crate::git::clone;
use crate::git::program;
use crate::git::repository::Repository;
use crate::mesh::compile::compile;
use crate::project::load::{self, ProjectFiles};
use crate::project::position::Diagnostic;

/// Join a mesh that is shared through git
///
/// Nothing of the repository is run.
#[derive(Debug, Args)]
pub struct CloneArgs {
    /// Where the mesh is: a URL, HOST:PATH for ssh, or a path
    pub url: String,
    /// The folder to make [default: as the repository is called]
    pub path: Option<PathBuf>,
}

/// Joins the mesh.
///
/// # Errors
/// When it cannot be fetched, or is no mesh; nothing is left behind then.
pub fn run(cx: &Context, args: CloneArgs) -> Result<(), Failure> {
    let path = args.path.or_else(|| clone::default_target(&args.url)).ok_or_else(|| {
        Failure::usage("the address does not say how the folder is to be called").hint("`resilmesh clone URL PATH`")
    })?;
    let target = cx.directory.join(&path);
    let address = address(cx, &args.url);
    let repository = clone::clone(&address, &target)?;
    register(cx, &repository)?;
    colleagues::exchange(cx, &target);
    for link in clone::links_that_lead_out(&repository)? {
        cx.ui.warning(&format!(
            "symbolic link `{}` leads out of the project: nothing is read from there",
            link.display()
        ));
    }
    let files = load::load(&target)
        .map_err(|error| Failure::new(format!("project `{}` cannot be opened: {error}", target.display())))?;
    let (name, mistakes) = match compile(&files) {
        Ok((mesh, _)) => (mesh.name, Vec::new()),
        Err(found) => (name(&files), found.into_iter().filter(Diagnostic::is_error).collect()),
    };
    show(cx, &path, &name, &files, &mistakes, access(cx, &repository)?);
    Ok(())
}

/// A path as seen from the folder that `-C` names; anything else as it is.
pub(super) fn address(cx: &Context, given: &str) -> String {
    let there = program::local_path(given).and_then(|path| cx.directory.join(path).canonicalize().ok());
    there.map_or_else(|| given.to_owned(), |path| path.display().to_string())
}

fn name(files: &ProjectFiles) -> String {
    files.project.name.as_ref().map_or_else(|| files.folder_name.clone(), |name| name.value.clone())
}

/// What this user can do with the secrets of a mesh.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// There are none.
    NoSecrets,
    /// Read them: a key of theirs is a recipient.
    Member,
    /// Not read them.
    Stranger,
}

fn access(cx: &Context, repository: &Repository) -> Result<Access, Failure> {
    let opened = secret::open(cx, &repository.project())?;
    opened.first_sight(cx)?;
    let vault = &opened.vault;
    if !vault.exists()? {
        return Ok(Access::NoSecrets);
    }
    let mut recipients = Vec::new();
    for (path, list) in vault.lists()? {
        recipients.extend(list.fingerprints(&path).unwrap_or_default());
    }
    Ok(if vault.keys().owns(&recipients).is_some() { Access::Member } else { Access::Stranger })
}

fn show(cx: &Context, path: &Path, name: &str, files: &ProjectFiles, mistakes: &[Diagnostic], access: Access) {
    let instances = files.instances.iter().map(|own| json!({"name": own.name, "product": own.product}));
    if cx.ui.json {
        let document = json!({
            "schema": 1, "path": path.to_string_lossy(), "name": name,
            "instances": instances.collect::<Vec<Value>>(),
            "plugs": files.plugs.iter().map(|plug| &plug.id).collect::<Vec<_>>(),
            "mistakes": mistakes.len(), "secrets": access != Access::NoSecrets, "member": access == Access::Member,
        });
        cx.ui.document(&document);
    }
    cx.ui.progress(format!("joined mesh `{name}` in `{}`", path.display()));
    if !cx.ui.json {
        let rows: Vec<Vec<String>> = files
            .instances
            .iter()
            .map(|own| {
                let plugs = files.plugs.iter().filter(|plug| plug.id.source == own.name);
                let plugs: Vec<String> =
                    plugs.map(|plug| format!("{} -> {}", plug.id.topic, plug.id.destination)).collect();
                vec![
                    own.name.clone(),
                    own.product.clone(),
                    if plugs.is_empty() { "-".to_owned() } else { plugs.join(", ") },
                ]
            })
            .collect();
        cx.ui.table(&["Name", "Product", "Plugs"], &rows);
    }
    mistakes.iter().for_each(|found| cx.ui.diagnostic(found));
    match access {
        Access::NoSecrets => {}
        Access::Member => cx.ui.progress("a key of yours opens its secrets"),
        Access::Stranger => cx.ui.progress(
            "its secrets are for its members: `resilmesh secret recipients request` and `resilmesh share` ask them for access",
        ),
    }
    cx.ui.progress(format!("go on with `cd {}` and `resilmesh plan`", path.display()));
}
