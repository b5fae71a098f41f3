//! `resilmesh secret`: the project's secrets, in its vault.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use resilmesh_vault::Certificate;

use super::Context;
use super::failure::Failure;
use crate::plan::paths::StateFolder;
use crate::plan::trouble::Trouble;
use crate::plan::typed::Taken;
use crate::project::names;
use crate::vault::meshroom::Meshroom;
use crate::vault::sources::{Ask, Sources};
use crate::vault::{self, MESHROOM_FILE, Prompting, Secret, SecretName, Vault, VaultError};

mod acceptance;
mod check;
mod conflict;
mod edit;
mod export;
mod generate;
mod get;
mod history;
mod import;
mod input;
mod list;
pub mod own_key;
mod recipients;
mod rm;
mod rotate;
mod scratch;
mod set;
mod show;

use acceptance::Scope;
pub(super) use acceptance::first_sight;
pub(super) use recipients::certificate;

/// Keep secrets in the project, encrypted to its members
///
/// They are in the folder `secrets`, laid out as `pass` and gopass do.
#[derive(Debug, Subcommand)]
pub enum SecretCommand {
    /// Put a secret into the vault, in place of its old value
    ///
    /// The value is asked for on a terminal, and not shown; else it is read from standard input. It is
    /// never an argument: other users see those.
    Set(set::SetArgs),
    /// Print the value of a secret
    Get(get::GetArgs),
    /// Show who can read a secret, and who changed it last
    Show(show::ShowArgs),
    /// List the names of all secrets
    List(list::ListArgs),
    /// Change a secret in your editor; settles a conflict too
    ///
    /// The editor is the one that VISUAL or EDITOR names. Its file is in memory, readable by you only,
    /// and wiped afterwards. After a merge that git could not do, it has both sides in it.
    Edit(edit::EditArgs),
    /// Take secrets out of the vault
    ///
    /// Older versions stay in git: whoever could read one still can.
    Rm(rm::RmArgs),
    /// Make up a password and keep it
    Generate(generate::GenerateArgs),
    /// Take over secrets from Meshroom, pass, gopass, or JSON
    Import(import::ImportArgs),
    /// Print all secrets with their values
    Export(export::ExportArgs),
    /// List the commits that changed a secret
    History(history::HistoryArgs),
    /// Say who can read the secrets
    #[command(subcommand)]
    Recipients(recipients::RecipientsCommand),
    /// Encrypt all secrets anew, to the present keys of the recipients
    ///
    /// It changes who can read them from now on, not what was ever read: change a secret that somebody
    /// must not know any more.
    Rotate(rotate::RotateArgs),
    /// Check that every secret is whole and readable by exactly the recipients
    Check(check::CheckArgs),
}

/// Does it.
///
/// # Errors
/// Those of the command.
pub fn run(cx: &Context, command: SecretCommand) -> Result<(), Failure> {
    match command {
        SecretCommand::Set(args) => set::run(cx, args),
        SecretCommand::Get(args) => get::run(cx, &args),
        SecretCommand::Show(args) => show::run(cx, &args),
        SecretCommand::List(args) => list::run(cx, &args),
        SecretCommand::Edit(args) => edit::run(cx, &args),
        SecretCommand::Rm(args) => rm::run(cx, &args),
        SecretCommand::Generate(args) => generate::run(cx, &args),
        SecretCommand::Import(args) => import::run(cx, &args),
        SecretCommand::Export(args) => export::run(cx, &args),
        SecretCommand::History(args) => history::run(cx, &args),
        SecretCommand::Recipients(command) => recipients::run(cx, command),
        SecretCommand::Rotate(args) => rotate::run(cx, &args),
        SecretCommand::Check(args) => check::run(cx, &args),
    }
}

/// The project's vault, and where its keys come from.
pub struct Opened {
    /// The project's folder.
    pub project: PathBuf,
    /// Where keys and passphrases come from.
    pub sources: Sources,
    /// The vault, which may not have been made yet.
    pub vault: Vault,
}

/// What is known of Meshroom's vault beside ours.
#[derive(Debug)]
pub enum Beside {
    /// There is none.
    Nothing,
    /// The names of its secrets, since it was opened as it is now.
    Names(BTreeSet<String>),
    /// It was never opened as it is now: nothing is known of it.
    Unopened(Meshroom),
}

impl Beside {
    /// Whether a secret is in it, as far as that is known.
    pub fn has(&self, name: &str) -> Option<bool> {
        match self {
            Self::Nothing => Some(false),
            Self::Names(names) => Some(names.contains(name)),
            Self::Unopened(_) => None,
        }
    }
}

/// Opens the vault of the project in a folder with the keys of this machine.
///
/// # Errors
/// When a key file cannot be used.
pub(super) fn open(cx: &Context, project: &Path) -> Result<Opened, Failure> {
    let sources = Sources::of_environment();
    let vault = vault::open(project, &sources, cx.ask())?;
    Ok(Opened { project: project.to_owned(), sources, vault })
}

impl Context {
    /// Opens the project's vault with the keys of this machine.
    ///
    /// # Errors
    /// When there is no project, or a key file cannot be used.
    pub fn secrets(&self) -> Result<Opened, Failure> {
        open(self, &self.project_folder()?)
    }

    /// Asks for passphrases on the terminal, if there is one.
    pub fn ask(&self) -> Ask {
        let ui = self.ui.clone();
        Box::new(move |key, attempt| {
            let again = if attempt == 0 { "" } else { "That is not it. " };
            ui.passphrase(&format!("{again}Passphrase of key {key}"), None)
        })
    }
}

impl Opened {
    /// A secret of the vault, else of Meshroom's, if that still lies beside it.
    ///
    /// # Errors
    /// When there is none, or it cannot be opened.
    pub fn get(&self, name: &SecretName) -> Result<Secret, VaultError> {
        if self.vault.contains(name)? {
            return self.vault.get(name);
        }
        let Some(meshroom) = Meshroom::of(&self.project)? else { return self.vault.get(name) };
        let mut all = meshroom.open(self.vault.keys(), Prompting::Allowed)?;
        all.remove(name.as_str()).ok_or_else(|| VaultError::NoSecret(name.clone()))
    }

    /// Which secrets Meshroom's vault holds, if it lies beside ours.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn beside(&self) -> Result<Beside, Failure> {
        let Some(meshroom) = Meshroom::of(&self.project)? else { return Ok(Beside::Nothing) };
        let path = StateFolder::of(&self.project).typed();
        let taken = Taken::load(&path).map_err(|error| Trouble::io(&path, &error))?;
        Ok(taken.names_in(&meshroom).map_or(Beside::Unopened(meshroom), |names| Beside::Names(names.clone())))
    }

    /// Sees to it that there is a vault: it is made with this user's own key if there is none yet.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make(&self, cx: &Context) -> Result<(), Failure> {
        if !self.vault.exists()? {
            // Before a key is made for it.
            self.not_orphaned()?;
            self.create(cx, &own_key::find_or_make(cx, &self.sources)?)?;
        }
        Ok(())
    }

    /// The vault to write these secrets into. Whoever writes secrets comes here first: all whom they
    /// are encrypted to must have been accepted on this machine.
    ///
    /// # Errors
    /// When there is none and none can be made, or somebody is not accepted.
    pub fn for_writing(&self, cx: &Context, names: &[&SecretName]) -> Result<&Vault, Failure> {
        self.make(cx)?;
        self.permit(cx, Scope::Names(names))?;
        Ok(&self.vault)
    }

    /// Makes the vault, readable by one key.
    ///
    /// # Errors
    /// When it cannot be made, or secrets are there already.
    pub fn create(&self, cx: &Context, key: &Certificate) -> Result<(), Failure> {
        self.not_orphaned()?;
        self.vault.create(key)?;
        self.let_in(cx, Path::new(""), &key.fingerprint())?;
        let who = key.user_ids().into_iter().next().map(|who| format!(" ({who})")).unwrap_or_default();
        cx.ui.progress(format!("made the vault `{}`, readable by {}{who}", vault::FOLDER, key.fingerprint()));
        Ok(())
    }
}

impl Opened {
    /// Refuses a folder with secrets whose list of recipients is gone: a new list would leave out
    /// whoever could read them.
    fn not_orphaned(&self) -> Result<(), Failure> {
        let names = self.vault.names()?;
        if names.is_empty() || self.vault.exists()? {
            return Ok(());
        }
        Err(Failure::new(format!(
            "`{0}` holds {1}, but `{0}/.gpg-id`, which says who may read them, is missing: no new one is made",
            vault::FOLDER,
            names::counted(names.len(), "secret")
        ))
        .hint(format!("`git checkout -- {}/.gpg-id` brings it back", vault::FOLDER)))
    }
}

/// A key with whom it says it belongs to.
fn named(key: &str, user_ids: &[String]) -> String {
    user_ids.first().map_or_else(|| key.to_owned(), |id| format!("{key} ({id})"))
}

/// A folder of the vault, for messages.
fn in_words(folder: &Path) -> String {
    if folder == Path::new("") { vault::FOLDER.to_owned() } else { folder.display().to_string() }
}

/// Tells of Meshroom's vault, if it still lies beside ours.
fn note_meshroom(cx: &Context, project: &Path) {
    if project.join(MESHROOM_FILE).is_file() {
        cx.ui.progress(format!("Meshroom's `{MESHROOM_FILE}` is here too: `resilmesh secret import` takes it over"));
    }
}

/// Reads the name of a secret from the command line.
fn name(text: &str) -> Result<SecretName, String> {
    text.parse().map_err(|error: vault::VaultError| error.to_string())
}
