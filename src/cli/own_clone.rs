//! What a clone of a mesh is told beside its files: git takes none of it from another repository.

use super::failure::Failure;
use super::{Context, editors};
use crate::git::lines;
use crate::git::repository::Repository;
use crate::git::setup::{self, Hook};
use crate::project::names;

/// Tells git how to merge documents of a mesh, and to look through what is pushed; writes the schemas
/// for editors.
///
/// # Errors
/// When the repository's configuration cannot be written.
pub(super) fn register(cx: &Context, repository: &Repository) -> Result<(), Failure> {
    editors::all(cx, &repository.project());
    let program = std::env::current_exe()
        .map_err(|error| Failure::new(format!("the path of this program is not known: {error}")))?;
    if let Hook::Foreign(hook) = setup::register(repository, &program)? {
        cx.ui.warning(&format!(
            "`{}` is not resilmesh's: a plain `git push` is not looked through for secrets unless it calls \
             `resilmesh git-hook pre-push \"$@\"`",
            hook.display()
        ));
    }
    Ok(())
}

/// The same for a clone that git itself made; says so, if there was something to do.
///
/// # Errors
/// When the repository's configuration cannot be read or written.
pub(super) fn complete(cx: &Context, repository: &Repository) -> Result<(), Failure> {
    if !setup::is_registered(repository)? {
        register(cx, repository)?;
        cx.ui.progress("set up this clone: git merges the mesh key by key, and looks for secrets before a push");
    } else {
        editors::all(cx, &repository.project());
    }
    Ok(())
}

/// Says what a clone that git itself made lacks.
pub(super) fn note(cx: &Context) {
    let Ok(Some(repository)) = cx.project_folder().map(|folder| Repository::of(&folder).unwrap_or_default()) else {
        return;
    };
    if !setup::is_registered(&repository).unwrap_or(true) {
        cx.ui.progress(
            "note: in this clone a plain `git push` is not looked through for secrets, and git does not merge key by \
             key: `resilmesh init` sets up both",
        );
    }
}

/// Adds what the project lacks of the lines that git reads, and says so.
///
/// # Errors
/// When a file cannot be read or written.
pub(super) fn complete_lines(cx: &Context, repository: &Repository) -> Result<(), Failure> {
    let changed: Vec<String> = lines::complete(repository)?.iter().map(|path| path.display().to_string()).collect();
    if !changed.is_empty() {
        let files = names::list(changed.iter().map(String::as_str));
        cx.ui.progress(format!("added what git needs to know of a mesh to {files}; your lines stand as they were"));
    }
    Ok(())
}
