//! Secrets in clear, as commands that let something out of this machine look for them.

use std::path::Path;

use super::Context;
use super::failure::Failure;
use super::secret;
use crate::git::outgoing;
use crate::git::repository::Repository;
use crate::git::scan::{ALLOW_FILE, Finding, KnownSecret, MARKER, Scanner};
use crate::plan::paths::StateFolder;
use crate::plan::secrets::Secrets;
use crate::project::code::Code;
use crate::project::names;
use crate::project::position::{Diagnostic, Mark, Position};
use crate::vault::{Prompting, Secret, VaultError};

/// What looks for secrets in the repository of a project.
///
/// # Errors
/// When what is secret cannot be read.
pub(super) fn scanner(cx: &Context, repository: &Repository) -> Result<Scanner, Failure> {
    let mut known = Vec::new();
    for project in repository.projects()? {
        known.extend(self::known(cx, &repository.top().join(project))?);
    }
    Ok(Scanner::new(&known, outgoing::allow_list(repository)?)?)
}

/// What looks for secrets in a project that may lie in no repository.
///
/// # Errors
/// When what is secret cannot be read.
pub(super) fn scanner_of_project(
    cx: &Context,
    root: &Path,
    repository: Option<&Repository>,
) -> Result<Scanner, Failure> {
    match repository {
        Some(repository) => scanner(cx, repository),
        None => Ok(Scanner::new(&known(cx, root)?, outgoing::allow_list_of(root, Path::new(""))?)?),
    }
}

/// Everything that is known here to be secret in the project at `root`.
fn known(cx: &Context, root: &Path) -> Result<Vec<KnownSecret>, Failure> {
    let folder = StateFolder::of(root).secrets();
    let generated = Secrets::load(&folder).map_err(|error| {
        Failure::new(format!("the generated passwords in `{}` cannot be read: {error}", folder.display()))
    })?;
    let known = |called: String, value: &Secret| KnownSecret { called, value: value.expose().to_owned() };
    let mut all: Vec<KnownSecret> =
        generated.all().iter().map(|(place, value)| known(format!("the password `{place}`"), value)).collect();
    let opened = secret::open(cx, root)?;
    let mut locked = 0;
    for (name, value) in opened.vault.values(Prompting::Allowed)? {
        match value {
            Ok(value) => all.push(known(format!("the secret `{name}`"), &value)),
            // One who may not read a secret is not likely to have put it anywhere in clear.
            Err(VaultError::NoKey { .. }) => locked += 1,
            Err(error) => {
                let mut failure = Failure::from(error);
                failure.message = format!("it cannot be told whether a secret stands in clear: {}", failure.message);
                return Err(failure);
            }
        }
    }
    if locked > 0 {
        let of = names::counted(locked, "secret");
        cx.ui.warning(&format!("{of} of the vault cannot be opened here, so nothing is compared with them"));
    }
    Ok(all)
}

/// Refuses to go on if something was found. `so` is what does not happen.
///
/// # Errors
/// The findings.
pub(super) fn refuse(so: &str, found: Vec<Finding>) -> Result<(), Failure> {
    if found.is_empty() {
        return Ok(());
    }
    let only_looks = found.iter().any(|finding| !finding.is_known);
    let committed = found.iter().any(|finding| finding.commit.is_some());
    let word = if found.len() == 1 { "a secret stands" } else { "secrets stand" };
    let failure = Failure::new(format!("{so}: {word} in clear in what would leave this machine"))
        .hint("put it into the vault (`resilmesh secret set NAME`), and its name in its place");
    let failure = if committed {
        failure.hint("it is in the history: take it out of the commit (`git rebase -i`, `git commit --amend`)")
    } else {
        failure
    };
    let or_file = if only_looks { format!(", or its file in `{ALLOW_FILE}`") } else { String::new() };
    Err(failure
        .hint(format!("if it is none: `{MARKER}` in a remark on its line{or_file}"))
        .found(found.into_iter().map(diagnostic).collect()))
}

fn diagnostic(finding: Finding) -> Diagnostic {
    let commit = finding.commit.map(|id| format!(", in commit {id}")).unwrap_or_default();
    let at = Position::new(&finding.path, Mark::new(finding.line, finding.column));
    Diagnostic::error(at, format!("{}{commit}", finding.kind)).coded(Code::SecretInProject)
}
