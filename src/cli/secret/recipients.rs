//! `resilmesh secret recipients`: who can read the secrets.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use clap::{Args, Subcommand};
use resilmesh_vault::{Certificate, Fingerprint, KeyReport, Reencrypted};
use serde_json::{Value, json};

use super::acceptance::{self, AcceptArgs, Scope};
use super::check::key_document;
use super::{Opened, in_words, input, named, own_key};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::git::repository::Repository;
use crate::git::secrets;
use crate::project::names;
use crate::vault::{self, SecretName, Vault, VaultError, state};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum RecipientsCommand {
    /// List who can read the secrets, and who asks for it
    List(ListArgs),
    /// Let somebody in: encrypt the secrets to one more key
    Add(AddArgs),
    /// Take somebody out, and list what they know
    Remove(RemoveArgs),
    /// Let those read what is written here whom other members have let in
    ///
    /// Whoever may push can put a key on the list of recipients. Nothing is encrypted to one on this
    /// machine before you have accepted it.
    Accept(AcceptArgs),
    /// Ask for access: put your public key where members find it
    Request(RequestArgs),
}

/// Nothing to say.
#[derive(Debug, Args)]
pub struct ListArgs {}

/// Whom to let in.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// The fingerprint of a key that asks for access or that GnuPG knows; a file with a public key;
    /// or `-` for one on standard input
    #[arg(value_name = "FINGERPRINT|FILE|-")]
    pub who: String,
    /// Only to this folder of the vault
    #[arg(long, default_value = "", hide_default_value = true, value_parser = folder)]
    pub folder: PathBuf,
}

/// Whom to take out.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The fingerprint of their key
    pub fingerprint: String,
    /// Only from this folder of the vault
    #[arg(long, default_value = "", hide_default_value = true, value_parser = folder)]
    pub folder: PathBuf,
    /// Yes, it is your own key
    #[arg(long)]
    pub myself: bool,
}

/// Nothing to say.
#[derive(Debug, Args)]
pub struct RequestArgs {}

/// Does it.
///
/// # Errors
/// Those of the command.
pub(super) fn run(cx: &Context, command: RecipientsCommand) -> Result<(), Failure> {
    match command {
        RecipientsCommand::List(_) => list(cx),
        RecipientsCommand::Add(args) => add(cx, &args),
        RecipientsCommand::Remove(args) => remove(cx, &args),
        RecipientsCommand::Accept(args) => acceptance::run(cx, &args),
        RecipientsCommand::Request(_) => request(cx),
    }
}

/// A folder below the vault.
fn folder(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text.trim_end_matches('/'));
    let below = path.components().all(|part| matches!(part, Component::Normal(_)));
    if below { Ok(path.to_owned()) } else { Err("it must be a folder below the vault".to_owned()) }
}

fn list(cx: &Context) -> Result<(), Failure> {
    let opened = cx.secrets()?;
    let vault = &opened.vault;
    let keys = vault.key_reports()?;
    let unaccepted: BTreeSet<String> = opened.unaccepted(cx)?.iter().map(Fingerprint::to_hex).collect();
    let requests = vault.requests()?;
    if cx.ui.json {
        let asking = |one: &Certificate| json!({"key": one.fingerprint().to_hex(), "user_ids": one.user_ids()});
        let recipient = |key| {
            let mut document = key_document(key);
            document["accepted"] = (!unaccepted.contains(&key.id.to_string())).into();
            document
        };
        let keys: Vec<Value> = keys.iter().map(recipient).collect();
        let requests: Vec<Value> = requests.iter().map(asking).collect();
        cx.ui.document(&json!({"schema": 1, "recipients": keys, "requests": requests}));
        return Ok(());
    }
    if keys.is_empty() && requests.is_empty() {
        return Err(VaultError::NoVault(vault.path().to_owned()).into());
    }
    let first = |ids: Vec<String>| ids.into_iter().next().unwrap_or_else(|| "-".to_owned());
    let mut rows: Vec<Vec<String>> = Vec::new();
    for key in &keys {
        let folders = reach(key, &keys);
        let accepted = if unaccepted.contains(&key.id.to_string()) { "; not accepted on this machine" } else { "" };
        let state = format!("{}{accepted}", state(key));
        rows.push(vec![key.id.to_string(), first(key.user_ids.clone()), folders, state]);
    }
    for one in &requests {
        rows.push(vec![
            one.fingerprint().to_hex(),
            first(one.user_ids()),
            "-".to_owned(),
            "asks for access".to_owned(),
        ]);
    }
    cx.ui.table(&["Key", "Who", "Folders", "State"], &rows);
    Ok(())
}

/// The folders of the vault that a recipient reads. A folder with a list of its own does not go by the
/// one above it.
fn reach(key: &KeyReport, all: &[KeyReport]) -> String {
    let folder_of = |list: &PathBuf| list.parent().map(Path::to_owned).unwrap_or_default();
    let own: BTreeSet<PathBuf> = key.lists.iter().map(folder_of).collect();
    let with_lists: BTreeSet<PathBuf> = all.iter().flat_map(|key| &key.lists).map(folder_of).collect();
    let names = |folders: Vec<&PathBuf>| {
        let names: Vec<String> = folders.into_iter().map(|folder| folder.display().to_string()).collect();
        names.join(", ")
    };
    if !own.contains(Path::new("")) {
        return names(own.iter().collect());
    }
    let others: Vec<&PathBuf> = with_lists.difference(&own).collect();
    if others.is_empty() { "all".to_owned() } else { format!("all but {}", names(others)) }
}

fn add(cx: &Context, args: &AddArgs) -> Result<(), Failure> {
    let opened = cx.secrets()?;
    let certificate = certificate(&opened.vault, &args.who)?;
    let fingerprint = certificate.fingerprint();
    let who = certificate.user_ids().into_iter().next().unwrap_or_else(|| "nobody it names".to_owned());
    opened.permit(cx, Scope::Folders(std::slice::from_ref(&args.folder), &fingerprint))?;
    let renewed = !opened.unaccepted(cx)?.contains(&fingerprint)
        && opened.vault.recipients(&args.folder).is_ok_and(|(_, list)| list.contains(&fingerprint));
    let question = format!("let {fingerprint} ({who}) read the secrets? Compare the fingerprint with its owner first;");
    if !renewed && !cx.yes && !cx.ui.confirm(&question, "--yes")? {
        return Err(Failure::new("nobody is let in"));
    }
    if !opened.vault.exists()? && args.folder == Path::new("") {
        opened.create(cx, &certificate)?;
        if opened.vault.keys().owns(&[fingerprint]).is_none() {
            cx.ui.warning("that is no key of yours: you can write secrets, but not read them");
        }
        return Ok(());
    }
    let done = opened.vault.add_recipient(&args.folder, &certificate)?;
    opened.let_in(cx, &args.folder, &fingerprint)?;
    report(cx, "added", &fingerprint, &done, None);
    left_out(cx, &done);
    cx.ui.progress(format!(
        "{fingerprint} ({who}) can read {} now",
        names::counted(done.names.len() + done.untouched, "secret")
    ));
    Ok(())
}

/// The certificate that is meant by a fingerprint, a file, or `-`.
///
/// # Errors
/// When there is none.
pub(in crate::cli) fn certificate(vault: &Vault, who: &str) -> Result<Certificate, Failure> {
    if let Ok(fingerprint @ (Fingerprint::V4(_) | Fingerprint::V6(_))) = who.parse::<Fingerprint>() {
        return Ok(vault.certificate(&fingerprint)?);
    }
    if who == "-" {
        let given = input::all(resilmesh_vault::DEFAULT_LARGEST)?;
        return Ok(Certificate::parse(given.expose(), "standard input")?);
    }
    let bytes = std::fs::read(who).map_err(|error| {
        Failure::new(format!("`{who}` is no fingerprint, and no file that can be read: {error}"))
            .hint("`resilmesh secret recipients list` shows who asks for access, `gpg --list-keys` whom GnuPG knows")
    })?;
    Ok(Certificate::parse(&bytes, who)?)
}

fn remove(cx: &Context, args: &RemoveArgs) -> Result<(), Failure> {
    let opened = cx.secrets()?;
    let vault = &opened.vault;
    let fingerprint: Fingerprint = match args.fingerprint.parse() {
        Ok(fingerprint @ (Fingerprint::V4(_) | Fingerprint::V6(_))) => fingerprint,
        _ => {
            return Err(Failure::usage(format!("`{}` is no fingerprint", args.fingerprint))
                .hint("`resilmesh secret recipients list` shows them"));
        }
    };
    let lists = lists_with(vault, &args.folder, &fingerprint)?;
    if lists.is_empty() && stale(vault, &fingerprint)?.is_empty() {
        return Err(no_recipient(vault, &fingerprint)?);
    }
    if !args.myself && vault.keys().owns(std::slice::from_ref(&fingerprint)).is_some() {
        return Err(Failure::new(format!("{fingerprint} is your own key: you could not read the secrets any more"))
            .hint("`--myself` takes it out all the same"));
    }
    let touched = if lists.is_empty() {
        vault.lists()?.iter().filter_map(|(file, _)| file.parent().map(Path::to_owned)).collect()
    } else {
        lists.clone()
    };
    opened.permit(cx, Scope::Folders(&touched, &fingerprint))?;
    let known = known_to(&opened, &args.folder, &fingerprint)?;
    let mut all = Reencrypted { names: Vec::new(), untouched: 0, left_out: Vec::new() };
    let mut still_in = Vec::new();
    for folder in &lists {
        match vault.remove_recipient(folder, &fingerprint) {
            Ok(done) => join(&mut all, done),
            // Others keep secrets that this user cannot read: what can be done is.
            Err(error) if lists.len() > 1 => still_in.push((folder, error)),
            Err(error) => return Err(error.into()),
        }
    }
    if lists.is_empty() {
        // A removal that was undone half-way by a merge.
        for (file, list) in vault.lists()? {
            join(&mut all, vault.repair_without_lapsed(&file, &list)?);
        }
    }
    opened.taken_out(cx, &lists, &fingerprint)?;
    report(cx, "removed", &fingerprint, &all, Some((vault, &known)));
    left_out(cx, &all);
    match still_in.first() {
        None => {
            cx.ui.progress(format!("{fingerprint} cannot read new values any more"));
            Ok(())
        }
        Some((_, first)) => {
            let why = first.to_string();
            let folders: Vec<String> = still_in.iter().map(|(folder, _)| format!("`{}`", in_words(folder))).collect();
            Err(Failure::new(format!("{fingerprint} still reads {}: {why}", folders.join(", "))).hint(format!(
                "a member who reads them takes it out: `resilmesh secret recipients remove {fingerprint}`"
            )))
        }
    }
}

/// The folders at or below one whose lists name a key. One without a list of its own goes by the list
/// above it, and gets its own when somebody is taken out.
fn lists_with(vault: &Vault, folder: &Path, fingerprint: &Fingerprint) -> Result<Vec<PathBuf>, Failure> {
    let mut found: Vec<PathBuf> = Vec::new();
    if vault.recipients(folder).is_ok_and(|(_, list)| list.contains(fingerprint)) {
        found.push(folder.to_owned());
    }
    for (file, list) in vault.lists()? {
        let own = file.parent().unwrap_or(Path::new(""));
        if own.starts_with(folder) && own != folder && list.contains(fingerprint) {
            found.push(own.to_owned());
        }
    }
    Ok(found)
}

/// That a key is none, and who is.
pub(super) fn no_recipient(vault: &Vault, fingerprint: &Fingerprint) -> Result<Failure, Failure> {
    let failure = Failure::from(VaultError::NotARecipient(fingerprint.clone()));
    let there: Vec<String> = vault.key_reports()?.iter().map(|key| named(&key.id.to_string(), &key.user_ids)).collect();
    Ok(if there.is_empty() {
        failure
    } else {
        Failure { hints: Vec::new(), ..failure }.hint(format!("recipients are {}", there.join(", ")))
    })
}

fn join(all: &mut Reencrypted, done: Reencrypted) {
    all.names.extend(done.names);
    all.untouched += done.untouched;
    for lapsed in done.left_out {
        if !all.left_out.iter().any(|known| known.who == lapsed.who) {
            all.left_out.push(lapsed);
        }
    }
}

/// Warns of members who lost something that they had: their keys can be encrypted to no more.
fn left_out(cx: &Context, done: &Reencrypted) {
    for lapsed in done.left_out.iter().filter(|_| !done.names.is_empty()) {
        cx.ui.warning(&format!(
            "{lapsed}: what was encrypted anew ({}) they cannot read until their key is renewed \
             (`resilmesh secret recipients add FILE`)",
            names::counted(done.names.len(), "secret")
        ));
    }
}

/// The secrets whose files can be read with a key, although it is no recipient.
fn stale(vault: &Vault, fingerprint: &Fingerprint) -> Result<Vec<SecretName>, Failure> {
    let Ok(certificate) = vault.certificate(fingerprint) else { return Ok(Vec::new()) };
    Ok(read_by(vault, std::slice::from_ref(&certificate))?.into_iter().collect())
}

fn read_by(vault: &Vault, certificates: &[Certificate]) -> Result<BTreeSet<SecretName>, Failure> {
    let mut names = BTreeSet::new();
    for name in vault.names()? {
        // What cannot be read by anybody is the matter of `secret check`.
        if vault.handles(&name).is_ok_and(|handles| certificates.iter().any(|one| one.reads(&handles))) {
            names.insert(name);
        }
    }
    Ok(names)
}

/// What the owner of a key could ever read: now, and in any version that git remembers.
fn known_to(opened: &Opened, folder: &Path, fingerprint: &Fingerprint) -> Result<BTreeSet<SecretName>, Failure> {
    let repository = Repository::of(&opened.project)?;
    let mut certificates: Vec<Certificate> = opened.vault.certificate(fingerprint).into_iter().collect();
    if let Some(repository) = &repository {
        certificates.extend(secrets::certificates(repository, fingerprint)?);
    }
    let mut names = if certificates.is_empty() {
        // Without its subkeys nobody can tell: everything.
        opened.vault.names()?.into_iter().collect()
    } else {
        read_by(&opened.vault, &certificates)?
    };
    if let Some(repository) = &repository {
        names.extend(secrets::ever_read_by(repository, &certificates)?);
    }
    names.retain(|name| name.file().starts_with(folder));
    Ok(names)
}

/// Prints what was done, and what must be changed now.
fn report(
    cx: &Context,
    word: &str,
    fingerprint: &Fingerprint,
    done: &Reencrypted,
    known: Option<(&Vault, &BTreeSet<SecretName>)>,
) {
    let exists = |vault: &Vault, name: &SecretName| vault.contains(name).unwrap_or(false);
    if cx.ui.json {
        let names: Vec<&str> = done.names.iter().map(SecretName::as_str).collect();
        let mut document = json!({"schema": 1, word: fingerprint.to_hex(), "reencrypted": names});
        if let Some((vault, known)) = known {
            let row = |name: &SecretName| json!({"name": name.as_str(), "exists": exists(vault, name)});
            document["must_change"] = known.iter().map(row).collect();
        }
        cx.ui.document(&document);
        return;
    }
    let Some((vault, known)) = known.filter(|(_, known)| !known.is_empty()) else { return };
    cx.ui.progress("its owner could read these, in their present or an older version; change each where it is used:");
    for name in known {
        let gone = if exists(vault, name) { "" } else { " (gone from the vault)" };
        cx.ui.line(format!("{name}{gone}"));
    }
}

fn request(cx: &Context) -> Result<(), Failure> {
    let opened = cx.secrets()?;
    let certificate = own_key::find_or_make(cx, &opened.sources)?;
    let fingerprint = certificate.fingerprint();
    if opened.vault.lists()?.iter().any(|(_, list)| list.contains(&fingerprint)) {
        cx.ui.progress(format!("{fingerprint} is a recipient already"));
        return Ok(());
    }
    opened.vault.request(&certificate)?;
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "requested": fingerprint.to_hex()}));
    } else {
        cx.ui.line(fingerprint.to_hex());
    }
    cx.ui.progress(format!("commit and push `{}`; a member then lets you in with", vault::FOLDER));
    cx.ui.progress(format!("  resilmesh secret recipients add {fingerprint}"));
    Ok(())
}
