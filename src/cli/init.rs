//! `resilmesh init`: make a project.

use std::path::{Path, PathBuf};

use clap::Args;
use resilmesh_vault::Certificate;
use serde_json::json;

use super::Context;
use super::completion;
use super::failure::Failure;
use super::own_clone::register;
use super::secret::{self, Opened};
use crate::git::repository::{Repository, WHO_HINT};
use crate::git::setup;
use crate::project::load::PRODUCTS;
use crate::project::names;
use crate::project::project_file::FILE_NAME;
use crate::project::scaffold::project as scaffold;
use crate::vault;

/// Make a project in a new or empty folder
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The folder [default: the current one]
    pub path: Option<PathBuf>,
    /// Start from an example that is built in, such as `soapa`
    #[arg(long, value_name = "EXAMPLE", add = completion::examples())]
    pub from: Option<String>,
    /// The key of yours that reads the mesh's secrets: a fingerprint that GnuPG knows, or a file with
    /// a public key [default: your own resilmesh key, which is made if there is none]
    #[arg(long, value_name = "FINGERPRINT|FILE", conflicts_with = "no_key")]
    pub key: Option<String>,
    /// Make no vault for secrets yet: the first secret makes it
    #[arg(long)]
    pub no_key: bool,
}

/// Makes a project.
///
/// # Errors
/// When the folder holds something else, or the example does not exist.
pub fn run(cx: &Context, args: InitArgs) -> Result<(), Failure> {
    let root = args.path.map_or_else(|| cx.directory.clone(), |path| cx.directory.join(path));
    let shown =
        root.strip_prefix(".").ok().filter(|path| *path != Path::new("")).unwrap_or(&root).display().to_string();
    let example = args.from.as_deref().map(|name| scaffold::example(name).ok_or_else(|| unknown(name))).transpose()?;
    match content(&root)? {
        Content::Project if example.is_none() => {
            let opened = secret::open(cx, &root)?;
            if args.key.is_some() && opened.vault.exists()? {
                return Err(Failure::new(format!(
                    "`{shown}` is a project already, and has its vault: `--key` says who reads a new one"
                ))
                .hint("`resilmesh secret recipients add FINGERPRINT|FILE` lets a key read the secrets"));
            }
            let key = args.key.as_deref().map(|who| secret::certificate(&opened.vault, who)).transpose()?;
            cx.ui.progress(format!("`{shown}` is a project already"));
            if key.is_some() || (root.join(FILE_NAME).is_file() && !args.no_key) {
                make_vault(cx, &opened, key.as_ref())?;
            }
            repository(cx, &root, &shown, None)?;
            return answer(cx, &root, &shown, "unchanged", None);
        }
        Content::Nothing => {}
        Content::Project | Content::Other => {
            return Err(
                Failure::new(format!("folder `{shown}` is not empty")).hint("give another one: `resilmesh init PATH`")
            );
        }
    }
    let opened = secret::open(cx, &root)?;
    let key = args.key.as_deref().map(|who| secret::certificate(&opened.vault, who)).transpose()?;
    let failed = |error| Failure::new(format!("no project can be made in `{shown}`: {error}"));
    std::fs::create_dir_all(&root).map_err(failed)?;
    let files = match example {
        Some(files) => files,
        None => scaffold::empty(&mesh_name(&root)),
    };
    scaffold::create(&root, &files).map_err(failed)?;
    let example_name = args.from;
    let from = example_name.as_ref().map(|name| format!(" from example `{name}`")).unwrap_or_default();
    cx.ui.progress(format!("made project `{shown}`{from}"));
    if !args.no_key {
        make_vault(cx, &opened, key.as_ref())?;
    }
    repository(cx, &root, &shown, Some(&format!("Make the mesh{}\n", from.replace('`', ""))))?;
    answer(cx, &root, &shown, "made", example_name.as_deref())
}

/// The same as data.
fn answer(cx: &Context, root: &Path, shown: &str, done: &str, example: Option<&str>) -> Result<(), Failure> {
    if cx.ui.json {
        let vault = vault::open_without_keys(root)?.exists()?;
        cx.ui.document(&json!({"schema": 1, "done": done, "project": shown, "from": example, "vault": vault}));
    }
    Ok(())
}

/// Makes the vault, readable by the key that is named, else by this user's own.
fn make_vault(cx: &Context, opened: &Opened, key: Option<&Certificate>) -> Result<(), Failure> {
    match key {
        Some(key) => opened.create(cx, key),
        // The mesh is of use without secrets; the first one makes the vault, or says again what is wrong.
        None => match opened.make(cx) {
            Ok(()) => Ok(()),
            Err(failure) => {
                cx.ui.warning(&format!("no vault for secrets yet: {}", failure.message));
                failure.hints.iter().for_each(|hint| cx.ui.progress(hint));
                Ok(())
            }
        },
    }
}

/// Sees to it that the project lies in a repository that knows how to treat it; what is in a new one
/// is committed with the message, if there is one.
fn repository(cx: &Context, root: &Path, shown: &str, message: Option<&str>) -> Result<(), Failure> {
    let found = Repository::of(root)?;
    let is_new = found.is_none();
    let repository = match found {
        Some(repository) => repository,
        None => setup::create(root)?,
    };
    register(cx, &repository)?;
    if is_new {
        cx.ui.progress(format!("made a git repository in `{shown}`"));
    } else if !repository.is_project() {
        cx.ui.progress(format!("it lies in the git repository `{}`", repository.top().display()));
    }
    let Some(message) = message.filter(|_| repository.is_project()) else { return Ok(()) };
    if repository.head()?.is_none() && setup::first_commit(&repository, message)?.is_none() {
        cx.ui.warning("nothing is committed yet: git does not know who you are");
        cx.ui.progress(format!("{WHO_HINT}; `resilmesh share` commits"));
    }
    Ok(())
}

fn unknown(name: &str) -> Failure {
    let there = scaffold::examples();
    Failure::new(format!("there is no example `{name}`")).hint(format!("there is {}", names::list(there)))
}

enum Content {
    Nothing,
    Project,
    Other,
}

fn content(root: &Path) -> Result<Content, Failure> {
    if root.join(FILE_NAME).is_file() || root.join(PRODUCTS).is_dir() {
        return Ok(Content::Project);
    }
    match std::fs::read_dir(root) {
        Ok(mut entries) => {
            // A repository that was just made counts as empty.
            let other = entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() != ".git"));
            Ok(if other { Content::Other } else { Content::Nothing })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Content::Nothing),
        Err(error) => Err(Failure::new(format!("folder `{}` cannot be opened: {error}", root.display()))),
    }
}

/// The folder's name as the name of a mesh: what a name cannot have becomes `-`.
fn mesh_name(root: &Path) -> String {
    let name =
        root.canonicalize().ok().and_then(|root| root.file_name().map(|name| name.to_string_lossy().into_owned()));
    let name: String = name
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_alphanumeric() || "_.-".contains(c) { c } else { '-' })
        .skip_while(|c| !c.is_alphanumeric())
        .take(63)
        .collect();
    if name.is_empty() { "mesh".to_owned() } else { name }
}
