//! A secret that two people changed, as one text to settle.

use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::git::repository::Repository;
use crate::git::sides::{self, Sides};
use crate::vault::{FOLDER, Secret, SecretName, Vault};

/// What the lines between the two sides start with, as git has them.
const MARKS: [&str; 3] = ["<<<<<<< ", "=======", ">>>>>>> "];

/// A secret that an open merge could not join, with the repository that it lies in.
pub(super) struct Open {
    repository: Repository,
    path: PathBuf,
    /// What both made of it.
    pub(super) sides: Sides,
}

impl Open {
    /// The conflict of a secret; none if it is in none.
    ///
    /// # Errors
    /// When the repository cannot be read.
    pub(super) fn of(project: &Path, name: &SecretName) -> Result<Option<Self>, Failure> {
        let Some(repository) = Repository::of(project)? else { return Ok(None) };
        let path = Path::new(FOLDER).join(name.file());
        let sides = sides::of(&repository, &path)?;
        Ok(sides.map(|sides| Self { repository, path, sides }))
    }

    /// Tells git that the secret is settled as it is now.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub(super) fn settle(&self) -> Result<(), Failure> {
        Ok(sides::settle(&self.repository, &self.path)?)
    }
}

/// The names of all secrets in conflict.
///
/// # Errors
/// When the repository cannot be read.
pub(super) fn names(project: &Path) -> Result<Vec<SecretName>, Failure> {
    let Some(repository) = Repository::of(project)? else { return Ok(Vec::new()) };
    let open = sides::open(&repository)?;
    let of_vault = open.iter().filter_map(|path| path.strip_prefix(FOLDER).ok());
    Ok(of_vault.filter_map(|path| SecretName::of_file(path)?.ok()).collect())
}

/// Both sides, decrypted, with git's marks around them.
///
/// # Errors
/// When a side cannot be read, or is no text.
pub(super) fn both_sides(vault: &Vault, name: &SecretName, conflict: &Sides) -> Result<Secret, Failure> {
    let side = |bytes: &Option<Vec<u8>>| -> Result<Option<Secret>, Failure> {
        Ok(bytes.as_ref().map(|bytes| vault.get_version(name, bytes)).transpose()?)
    };
    let (ours, theirs) = (side(&conflict.ours)?, side(&conflict.theirs)?);
    let mut text = zeroize::Zeroizing::new(String::with_capacity(
        ours.as_ref().map_or(0, Secret::len) + theirs.as_ref().map_or(0, Secret::len) + 200,
    ));
    let mut add = |mark: &str, what: &str, side: Option<&Secret>| -> Result<(), Failure> {
        text.push_str(mark);
        text.push_str(what);
        text.push('\n');
        let Some(side) = side else { return Ok(()) };
        let side = side.expose_text().ok_or_else(|| no_text(name))?;
        text.push_str(side);
        text.push('\n');
        Ok(())
    };
    let removed = |side: &Option<Secret>| if side.is_none() { " (removed)" } else { "" };
    add(MARKS[0], &format!("ours{}", removed(&ours)), ours.as_ref())?;
    add(MARKS[1], "", theirs.as_ref())?;
    add(MARKS[2], &format!("theirs{}", removed(&theirs)), None)?;
    Ok(Secret::new(text.as_bytes()).without_line_end())
}

/// Refuses what still has both sides in it.
///
/// # Errors
/// When a mark is left.
pub(super) fn settled(value: &Secret) -> Result<(), Failure> {
    let left = value.expose_text().is_some_and(|text| {
        text.lines().any(|line| line.starts_with(MARKS[0]) || line.starts_with(MARKS[2]) || line == MARKS[1])
    });
    if left {
        return Err(Failure::new("the marks of the conflict are still there: nothing is changed")
            .hint("keep the lines of one side, or a mix, and take the marks out"));
    }
    Ok(())
}

/// A value that no editor shows.
pub(super) fn no_text(name: &SecretName) -> Failure {
    Failure::new(format!("`{name}` is no text, so it cannot be edited"))
        .hint(format!("`resilmesh secret set {name} -` replaces it"))
}
