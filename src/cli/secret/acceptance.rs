//! Recipients whom this machine's user has to accept before anything is encrypted to them.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use resilmesh_vault::{Fingerprint, RecipientList};
use serde_json::json;

use super::{Opened, in_words, named};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::git::recipients;
use crate::git::repository::Repository;
use crate::plan::paths::StateFolder;
use crate::project::names;
use crate::vault::accepted::{Accepted, Unaccepted};
use crate::vault::{SecretName, Vault, VaultError};

/// Whom to accept.
#[derive(Debug, Args)]
pub struct AcceptArgs {
    /// The fingerprints of their keys [default: all that are not accepted, after a question]
    #[arg(value_name = "FINGERPRINT")]
    pub fingerprints: Vec<Fingerprint>,
}

/// What is about to be written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope<'a> {
    /// These secrets.
    Names(&'a [&'a SecretName]),
    /// What lies in these folders, but not for this key.
    Folders(&'a [PathBuf], &'a Fingerprint),
    /// Everything.
    All,
}

/// What this machine's user has accepted, with the lists as they are.
struct Known {
    path: PathBuf,
    state: StateFolder,
    lists: Vec<(PathBuf, RecipientList)>,
    repository: Option<Repository>,
    accepted: Accepted,
    /// What the file holds.
    kept: Option<Accepted>,
}

impl Known {
    /// What is accepted. What is seen for the first time is, and that is said.
    fn open(cx: &Context, opened: &Opened) -> Result<Self, Failure> {
        let state = StateFolder::of(&opened.project);
        let path = state.recipients();
        let failed = |error: io::Error| {
            Failure::new(format!("whom you have accepted cannot be read from `{}`: {error}", path.display()))
                .hint("without that file, those who are listed now are taken as they are")
        };
        let lists = opened.vault.lists()?;
        let repository = Repository::of(&opened.project)?;
        if let Some(repository) = &repository
            && repository.tracks(&path)?
        {
            return Err(Failure::new(format!(
                "`{}` is in the repository, where others can write it: nothing is encrypted",
                path.display()
            ))
            .hint(format!("`git rm --cached {0}`, then commit", path.display())));
        }
        let found = Accepted::load(&path).map_err(failed)?;
        let accepted = found.clone().unwrap_or_else(|| Accepted::all_of(&lists));
        let mut known = Self { path, state, lists, repository, accepted, kept: found };
        if known.kept.is_none() {
            known.tell_first(cx, &opened.vault);
            known.save()?;
        } else {
            known.look_back()?;
        }
        Ok(known)
    }

    fn tell_first(&self, cx: &Context, vault: &Vault) {
        let fingerprints: BTreeSet<Fingerprint> =
            self.lists.iter().flat_map(|(file, list)| list.fingerprints(file).unwrap_or_default()).collect();
        let others: Vec<String> = fingerprints
            .iter()
            .filter(|key| vault.keys().owns(std::slice::from_ref(key)).is_none())
            .map(|key| shown(vault, key))
            .collect();
        if !others.is_empty() {
            cx.ui.progress(format!(
                "this machine sees the recipients of the secrets for the first time and takes them as they are; \
                 compare them with a member: {}",
                others.join(", ")
            ));
        }
    }

    /// Forgets those whom a commit has taken out since the last look, though another may have put them
    /// back.
    fn look_back(&mut self) -> Result<(), Failure> {
        let Some(repository) = &self.repository else { return Ok(()) };
        for change in recipients::changes(repository, self.accepted.seen.as_deref())? {
            change.removed.iter().for_each(|gone| self.accepted.forget(&change.folder, gone));
        }
        Ok(())
    }

    fn save(&mut self) -> Result<(), Failure> {
        self.accepted.settle(&self.lists);
        if let Some(repository) = &self.repository {
            self.accepted.seen = repository.head()?.map(|head| head.id().to_string());
        }
        if self.kept.as_ref() == Some(&self.accepted) {
            return Ok(());
        }
        self.kept = Some(self.accepted.clone());
        let failed = |error: io::Error| {
            Failure::new(format!("whom you have accepted cannot be kept in `{}`: {error}", self.path.display()))
                .hint("check its permissions and the free disk space")
        };
        self.state.make().and_then(|()| self.accepted.save(&self.path)).map_err(failed)
    }

    /// Those who are not accepted; this user's own keys are.
    fn unaccepted(&self, vault: &Vault, scope: Scope<'_>) -> Vec<Unaccepted> {
        let folders: BTreeSet<PathBuf> = match scope {
            Scope::Names(names) => names.iter().filter_map(|name| Some(name.file().parent()?.to_owned())).collect(),
            Scope::Folders(folders, _) => folders.iter().cloned().collect(),
            Scope::All => self.accepted.folders(&self.lists),
        };
        let mut found = self.accepted.unaccepted(&self.lists, folders.iter().map(PathBuf::as_path));
        if let Scope::Folders(_, key) = scope {
            found.retain(|one| one.fingerprint != *key);
        }
        found.retain(|one| vault.keys().owns(std::slice::from_ref(&one.fingerprint)).is_none());
        found
    }

    /// Who it is, and who let them in.
    fn told(&self, vault: &Vault, one: &Unaccepted) -> Result<String, Failure> {
        let commit = match &self.repository {
            Some(repository) => recipients::added_by(repository, &one.listed, &one.fingerprint)?,
            None => None,
        };
        let by = commit.map_or_else(
            || "not committed yet".to_owned(),
            |commit| {
                let short: String = commit.commit.chars().take(10).collect();
                format!("added by {} in commit {short} of {}: {}", commit.author, commit.date, commit.subject)
            },
        );
        Ok(format!("{}, for `{}`, {by}", shown(vault, &one.fingerprint), in_words(&one.folder)))
    }

    fn accept(&mut self, all: &[Unaccepted]) -> Result<(), Failure> {
        all.iter().for_each(|one| self.accepted.accept(&one.folder, &one.fingerprint));
        self.save()
    }
}

fn shown(vault: &Vault, key: &Fingerprint) -> String {
    named(&key.to_hex(), &vault.certificate(key).map(|found| found.user_ids()).unwrap_or_default())
}

impl Opened {
    /// Sees to it that this user has accepted all that something is about to be encrypted to.
    ///
    /// # Errors
    /// When somebody is not, and nobody says yes.
    pub(super) fn permit(&self, cx: &Context, scope: Scope<'_>) -> Result<(), Failure> {
        if !self.vault.exists()? {
            return Ok(());
        }
        let mut known = Known::open(cx, self)?;
        let unaccepted = known.unaccepted(&self.vault, scope);
        if !unaccepted.is_empty() {
            let told: Vec<String> =
                unaccepted.iter().map(|one| known.told(&self.vault, one)).collect::<Result<_, _>>()?;
            if !cx.ui.can_ask() {
                return Err(refused(&unaccepted, &told));
            }
            ask(cx, &told)?;
        }
        known.accept(&unaccepted)
    }

    /// Remembers who is listed, if this machine has never looked.
    ///
    /// # Errors
    /// When the vault cannot be read, or this cannot be kept.
    pub fn first_sight(&self, cx: &Context) -> Result<(), Failure> {
        let is_first = self.vault.exists()? && !StateFolder::of(&self.project).recipients().exists();
        if is_first { Known::open(cx, self).map(drop) } else { Ok(()) }
    }

    /// Remembers that this user has let somebody in.
    pub(super) fn let_in(&self, cx: &Context, folder: &Path, key: &Fingerprint) -> Result<(), Failure> {
        let mut known = Known::open(cx, self)?;
        known.accepted.accept(folder, key);
        known.save()
    }

    /// Remembers that this user wants somebody out: also where that could not be done.
    pub(super) fn taken_out(&self, cx: &Context, folders: &[PathBuf], key: &Fingerprint) -> Result<(), Failure> {
        let mut known = Known::open(cx, self)?;
        folders.iter().for_each(|folder| known.accepted.forget(folder, key));
        known.save()
    }

    /// The keys of recipients who are not accepted; none are while this machine has never looked.
    pub(super) fn unaccepted(&self, cx: &Context) -> Result<BTreeSet<Fingerprint>, Failure> {
        if !self.vault.exists()? || !StateFolder::of(&self.project).recipients().exists() {
            return Ok(BTreeSet::new());
        }
        let known = Known::open(cx, self)?;
        Ok(known.unaccepted(&self.vault, Scope::All).into_iter().map(|one| one.fingerprint).collect())
    }
}

fn refused(unaccepted: &[Unaccepted], told: &[String]) -> Failure {
    let keys: BTreeSet<String> = unaccepted.iter().map(|one| one.fingerprint.to_hex()).collect();
    let keys: Vec<String> = keys.into_iter().collect();
    let who = names::counted(keys.len(), "recipient");
    Failure::new(format!("nothing is encrypted: {who} came from others and you have not accepted: {}", told.join("; ")))
        .hint(format!(
            "compare the fingerprint with its owner, then `resilmesh secret recipients accept {}`",
            keys.join(" ")
        ))
        .hint(format!("`resilmesh secret recipients remove {}` takes one out again", keys[0]))
}

fn ask(cx: &Context, told: &[String]) -> Result<(), Failure> {
    cx.ui.warning("these recipients came from others; compare the fingerprints with their owners:");
    told.iter().for_each(|one| cx.ui.progress(format!("  {one}")));
    if cx.ui.confirm("let them read what is written from now on?", "resilmesh secret recipients accept")? {
        return Ok(());
    }
    Err(Failure::new("nothing is encrypted")
        .hint("`resilmesh secret recipients remove FINGERPRINT` takes somebody out again"))
}

/// Accepts recipients.
///
/// # Errors
/// When one is no recipient, or nobody says yes.
pub(super) fn run(cx: &Context, args: &AcceptArgs) -> Result<(), Failure> {
    let opened = cx.secrets()?;
    if !opened.vault.exists()? {
        return Err(VaultError::NoVault(opened.vault.path().to_owned()).into());
    }
    let mut known = Known::open(cx, &opened)?;
    let mut wanted = known.unaccepted(&opened.vault, Scope::All);
    for key in &args.fingerprints {
        if !known.lists.iter().any(|(_, list)| list.contains(key)) {
            return Err(super::recipients::no_recipient(&opened.vault, key)?);
        }
    }
    if !args.fingerprints.is_empty() {
        wanted.retain(|one| args.fingerprints.contains(&one.fingerprint));
    }
    let told: Vec<String> = wanted.iter().map(|one| known.told(&opened.vault, one)).collect::<Result<_, _>>()?;
    if args.fingerprints.is_empty() && !wanted.is_empty() {
        if !cx.ui.can_ask() {
            return Err(refused(&wanted, &told));
        }
        ask(cx, &told)?;
    }
    known.accept(&wanted)?;
    if cx.ui.json {
        let row = |one: &Unaccepted| json!({"key": one.fingerprint.to_hex(), "folder": one.folder});
        cx.ui.document(&json!({"schema": 1, "accepted": wanted.iter().map(row).collect::<Vec<_>>()}));
    }
    if wanted.is_empty() {
        cx.ui.progress("nothing to accept");
    }
    told.iter().for_each(|one| cx.ui.progress(format!("accepted {one}")));
    Ok(())
}

/// As [`Opened::first_sight`] for the project in a folder.
///
/// # Errors
/// As there.
pub(in crate::cli) fn first_sight(cx: &Context, project: &Path) -> Result<(), Failure> {
    super::open(cx, project)?.first_sight(cx)
}
