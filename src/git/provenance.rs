//! Who does something, and at which revision of the project.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::changes;
use super::repository::{self, Repository, short};
use super::trouble::Trouble;

/// Where a project stands in its repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The first letters of the commit's id.
    pub commit: String,
    /// Files of the project were different from those of the commit.
    pub changed: bool,
}

/// Where a project stands; none if it is in no repository, or nothing is committed.
///
/// # Errors
/// When the repository cannot be read.
pub fn standing(project: &Path) -> Result<Option<Standing>, Trouble> {
    let Some(repository) = Repository::of(project)? else { return Ok(None) };
    let Some(head) = repository.head()? else { return Ok(None) };
    let own = |path: &Path| repository.in_project(path.as_os_str().as_bytes()).is_some();
    let changed = changes::uncommitted(&repository)?.iter().any(|path| own(path));
    Ok(Some(Standing { commit: short(head.id()), changed }))
}

/// Who works on a project: `NAME <ADDRESS>` as git knows them, else `user@machine`.
pub fn person(project: &Path) -> String {
    let repository = Repository::of(project).ok().flatten();
    let author = repository.and_then(|repository| repository.who().ok()).map(|(author, _)| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(author.name_bytes()), text(author.email_bytes()))
    });
    let configured = || Some((repository::configured("user.name")?, repository::configured("user.email")?));
    match author.or_else(configured) {
        Some((name, address)) => format!("{name} <{address}>"),
        None => user_at_machine(),
    }
}

fn user_at_machine() -> String {
    let id = nix::unistd::Uid::effective();
    let user = nix::unistd::User::from_uid(id).ok().flatten().map_or_else(|| id.to_string(), |user| user.name);
    let machine = nix::unistd::gethostname().unwrap_or_default();
    format!("{user}@{}", machine.to_string_lossy())
}
