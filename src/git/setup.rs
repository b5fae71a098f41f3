//! A new repository, and what git is told about meshes in the repository's own configuration.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use git2::{IndexAddOption, Oid, RepositoryInitOptions};

use super::parts;
use super::repository::Repository;
use super::trouble::Trouble;

/// The name of the branch of a new repository, unless the user's configuration says another.
pub(super) const BRANCH: &str = "main";
/// By this line a hook is known to be ours.
const OURS: &str = "# Made by resilmesh";

/// What git knows our ways to merge by, and how it shows each.
const DRIVERS: [(&str, &str); 2] = [("resilmesh", "key by key"), ("resilmesh-secret", "one side of a secret")];
/// What git gives to the program that merges.
const DRIVER_ARGUMENTS: &str = " git-merge %O %A %B %P";

/// What came of telling git about meshes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hook {
    /// Every push is looked through.
    Installed,
    /// Somebody else's hook is there, and stays.
    Foreign(PathBuf),
}

/// Makes a repository in the folder of a project.
///
/// # Errors
/// When that cannot be done.
pub fn create(project: &Path) -> Result<Repository, Trouble> {
    let configured = git2::Config::open_default().and_then(|config| config.get_string("init.defaultBranch"));
    let mut options = RepositoryInitOptions::new();
    // Without templates: they hold hooks.
    options.external_template(false).no_reinit(true).initial_head(configured.as_deref().unwrap_or(BRANCH));
    git2::Repository::init_opts(project, &options)?;
    Repository::must(project)
}

/// Tells git how documents of a mesh are merged, and to look through what is pushed. `program` is
/// the path of this program.
///
/// # Errors
/// When the repository's configuration cannot be written.
pub fn register(repository: &Repository, program: &Path) -> Result<Hook, Trouble> {
    let mut config = repository.inner.config()?.open_level(git2::ConfigLevel::Local)?;
    let call = format!("{}{DRIVER_ARGUMENTS}", quoted(program));
    for (driver, name) in DRIVERS {
        config.set_str(&format!("merge.{driver}.name"), name)?;
        config.set_str(&format!("merge.{driver}.driver"), &call)?;
    }
    let folder = repository.inner.commondir().join("hooks");
    let hook = folder.join("pre-push");
    if let Some(elsewhere) = configured_hooks(repository).filter(|elsewhere| *elsewhere != folder) {
        // Hooks for other repositories too, or files of this one: nothing that we may write to.
        return Ok(Hook::Foreign(elsewhere.join("pre-push")));
    }
    match std::fs::read_to_string(&hook) {
        Ok(text) if !text.contains(OURS) => return Ok(Hook::Foreign(hook)),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Ok(Hook::Foreign(hook)),
        _ => {}
    }
    write_program(&folder, &hook, &script(program)).map_err(|error| Trouble::io(&hook, &error))?;
    Ok(Hook::Installed)
}

/// Whether git knows how documents of a mesh are merged, by a program that is still there, and
/// whether a hook looks at what is pushed: a repository that git itself has cloned has neither.
///
/// # Errors
/// When the repository's configuration cannot be read.
pub fn is_registered(repository: &Repository) -> Result<bool, Trouble> {
    let config = repository.inner.config()?.snapshot()?;
    let merges = DRIVERS.iter().all(|(driver, _)| {
        let call = config.get_string(&format!("merge.{driver}.driver")).unwrap_or_default();
        let program = call.strip_suffix(DRIVER_ARGUMENTS).map(|program| program.trim_matches('\''));
        program.is_some_and(|program| Path::new(&program.replace(r"'\''", "'")).is_file())
    });
    let folder = repository.inner.commondir().join("hooks");
    // Hooks that lie elsewhere are the user's own affair, and named when the merging is set up.
    let is_elsewhere = configured_hooks(repository).is_some_and(|elsewhere| elsewhere != folder);
    Ok(merges && (is_elsewhere || folder.join("pre-push").exists()))
}

/// Where the user's configuration says that hooks are.
fn configured_hooks(repository: &Repository) -> Option<PathBuf> {
    let configured = repository.inner.config().and_then(|config| config.get_path("core.hooksPath")).ok()?;
    Some(repository.top().join(configured))
}

/// The folder of hooks that git may run: never one among the files, which others write.
pub(super) fn trusted_hooks(repository: &Repository) -> PathBuf {
    let own = repository.inner.commondir().join("hooks");
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    match configured_hooks(repository).map(|path| real(&path)) {
        Some(path) if !path.starts_with(repository.top()) => path,
        _ => own,
    }
}

fn script(program: &Path) -> String {
    let program = quoted(program);
    format!(
        "#!/bin/sh\n{OURS}: no secret leaves this machine in clear. `git push --no-verify` skips it.\n\
         program={program}\n[ -x \"$program\" ] || program=resilmesh\n\
         command -v \"$program\" >/dev/null || {{ echo 'resilmesh is not here to look for secrets; \
         `git push --no-verify` goes without' >&2; exit 1; }}\n\
         exec \"$program\" git-hook pre-push \"$@\"\n"
    )
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

fn write_program(folder: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut aside = tempfile::Builder::new()
        .prefix(".resilmesh-")
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempfile_in(folder)?;
    aside.write_all(text.as_bytes())?;
    aside.as_file().sync_all()?;
    aside.persist(path)?;
    Ok(())
}

/// Commits all files of the project, as the first commit. None if git does not know who its user is.
///
/// # Errors
/// When that cannot be done.
pub fn first_commit(repository: &Repository, message: &str) -> Result<Option<Oid>, Trouble> {
    if repository.who().is_err() {
        return Ok(None);
    }
    let tree = repository.inner.find_tree(stage(repository)?)?;
    Ok(Some(repository.commit_tree(&tree, message, &[])?))
}

/// Puts all files of the mesh, and others that git tracks, as they are into the index; the tree that it then holds.
///
/// # Errors
/// When a file cannot be read, or the index not be written.
pub fn stage(repository: &Repository) -> Result<Oid, Trouble> {
    let mut index = repository.index()?;
    let before = repository.index()?;
    let mut of_project = |path: &Path, _: &[u8]| i32::from(!parts::is_shared(repository, &before, path));
    index.add_all(["*"], IndexAddOption::DEFAULT, Some(&mut of_project))?;
    index.update_all(["*"], Some(&mut of_project))?;
    index.write()?;
    Ok(index.write_tree()?)
}
