//! `resilmesh secret check`: who can read what, and what is wrong.

use clap::Args;
use resilmesh_vault::{Depth, EntryReport, Finding, KeyReport, Report, Validity, date};
use serde_json::{Value, json};

use super::conflict;
use super::{Beside, Opened, note_meshroom};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::mesh::secrets::wanted;
use crate::project::names;
use crate::vault::{MESHROOM_FILE, Prompting, Vault, state};

/// How far to go.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Open every secret, and ask for a passphrase if need be
    #[arg(long)]
    pub open: bool,
}

/// Checks, and fails if something is wrong.
///
/// # Errors
/// When something is wrong, or there is no vault.
pub(super) fn run(cx: &Context, args: &CheckArgs) -> Result<(), Failure> {
    let opened = cx.secrets()?;
    note_meshroom(cx, &opened.project);
    let vault = &opened.vault;
    if !vault.exists()? && opened.project.join(MESHROOM_FILE).is_file() {
        return check_meshrooms(cx, &opened, args);
    }
    let depth = Depth::Open(if args.open { Prompting::Allowed } else { Prompting::Never });
    let report = vault.check(depth)?;
    let (mut problems, mut warnings) = findings(&report);
    let of_mesh = needs(cx, vault, &beside(&opened, args)?)?;
    problems.extend(of_mesh.0);
    warnings.extend(of_mesh.1);
    if vault.exists()? {
        problems.extend(opened.unaccepted(cx)?.iter().map(|key| {
            format!("recipient {0} is not accepted on this machine: `resilmesh secret recipients accept {0}` if you know whose it is, else `remove`", key.to_hex())
        }));
    }
    problems.extend(
        conflict::names(&opened.project)?
            .into_iter()
            .map(|name| format!("`{name}`: in conflict; `resilmesh secret edit {name}` settles it")),
    );
    if cx.ui.json {
        cx.ui.document(&document(&report, &problems, &warnings));
    } else {
        table(cx, &report);
        problems.iter().chain(&warnings).for_each(|found| cx.ui.line(found));
    }
    let unopened = report.entries.iter().filter(|entry| !entry.opened && !entry.is_unreadable()).count();
    if unopened > 0 {
        cx.ui.progress(format!(
            "{} looked at from outside only: no key at hand opens them",
            names::counted(unopened, "secret")
        ));
    }
    if problems.is_empty() {
        cx.ui.progress(format!("{} checked", names::counted(report.entries.len(), "secret")));
        return Ok(());
    }
    let failure = Failure::new(format!("{} found in the vault", names::counted(problems.len(), "problem")));
    Err(advice(&report).into_iter().fold(failure, Failure::hint))
}

/// Checks what the mesh needs against Meshroom's vault, where there is no other.
fn check_meshrooms(cx: &Context, opened: &Opened, args: &CheckArgs) -> Result<(), Failure> {
    let beside = beside(opened, args)?;
    let (problems, warnings) = needs(cx, &opened.vault, &beside)?;
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "entries": [], "keys": [], "problems": problems, "warnings": warnings}));
    } else {
        problems.iter().chain(&warnings).for_each(|found| cx.ui.line(found));
    }
    if let Beside::Names(names) = &beside {
        cx.ui.progress(format!("{} in Meshroom's `{MESHROOM_FILE}`", names::counted(names.len(), "secret")));
    }
    match problems.len() {
        0 => Ok(()),
        count => Err(Failure::new(format!("{} found", names::counted(count, "problem")))),
    }
}

/// What helps. Nothing is encrypted anew as long as one secret cannot be read.
fn advice(report: &Report) -> Option<&'static str> {
    if report.entries.iter().any(EntryReport::is_unreadable) {
        Some(
            "git may have the file whole (`git checkout -- FILE`); `resilmesh secret set NAME` writes a damaged one anew",
        )
    } else if report.entries.iter().any(|entry| !entry.findings.is_empty()) {
        Some("`resilmesh secret rotate --stale` encrypts to the present recipients what is not")
    } else {
        None
    }
}

/// What is wrong, and what soon will be.
fn findings(report: &Report) -> (Vec<String>, Vec<String>) {
    let mut problems = report.lists.clone();
    let mut warnings = Vec::new();
    for entry in &report.entries {
        let name = &entry.name;
        problems.extend(entry.findings.iter().map(|found| match found {
            Finding::Unreadable(why) => format!("`{name}`: {why}"),
            Finding::Lacks(key) => format!("`{name}`: recipient {key} cannot read it"),
            Finding::Extra(key) => format!("`{name}`: {key} can read it, but is no recipient"),
            Finding::OldSubkey(key) => format!("`{name}`: encrypted to an old subkey of {key}"),
        }));
    }
    problems.extend(report.strays.iter().map(|stray| format!("`{}`: {}", stray.path.display(), stray.why)));
    for key in &report.keys {
        match &key.validity {
            Validity::Good(_) => {}
            Validity::EndsSoon(_) => warnings.push(format!("key {}: {}", key.id, state(key))),
            _ => problems.push(format!("key {}: {}", key.id, state(key))),
        }
    }
    (problems, warnings)
}

/// What the mesh needs and the vault lacks, and what is in the vault and nobody needs.
fn needs(cx: &Context, vault: &Vault, beside: &Beside) -> Result<(Vec<String>, Vec<String>), Failure> {
    let Ok((_, mesh, _)) = cx.compiled() else {
        return Ok((Vec::new(), vec!["the mesh has mistakes: what it needs is not looked at".to_owned()]));
    };
    let wanted = wanted(&mesh);
    let there = vault.names()?;
    let is_there = |name: &str| there.iter().any(|own| own.as_str() == name);
    let lacking = |known| wanted.iter().filter(move |one| one.required && beside.has(&one.name) == known);
    let unknown = lacking(None).filter(|one| !is_there(&one.name)).map(|one| {
        format!(
            "{} needs secret `{}`: whether Meshroom's `{MESHROOM_FILE}` has it is not known before it is opened \
             (`resilmesh secret check --open`)",
            one.owner, one.name
        )
    });
    let lacks = lacking(Some(false))
        .filter(|one| !is_there(&one.name))
        .map(|one| format!("{} needs secret `{}`: `resilmesh secret set {}`", one.owner, one.name, one.name))
        .collect();
    let orphans = there
        .iter()
        .filter(|name| !wanted.iter().any(|one| one.name == name.as_str()))
        .map(|name| format!("`{name}`: no instance and no plug needs it"));
    Ok((lacks, unknown.chain(orphans).collect()))
}

/// Meshroom's vault: opened if all is to be.
fn beside(opened: &Opened, args: &CheckArgs) -> Result<Beside, Failure> {
    Ok(match opened.beside()? {
        Beside::Unopened(meshroom) if args.open => {
            Beside::Names(meshroom.open(opened.vault.keys(), Prompting::Allowed)?.into_keys().collect())
        }
        known => known,
    })
}

fn table(cx: &Context, report: &Report) {
    let rows: Vec<Vec<String>> = report
        .keys
        .iter()
        .map(|key| {
            let id = key.id.to_string();
            let reads = report.entries.iter().filter(|entry| entry.readers.contains(&id)).count();
            let who = key.user_ids.first().cloned().unwrap_or_else(|| "-".to_owned());
            vec![id, who, reads.to_string(), state(key)]
        })
        .collect();
    cx.ui.table(&["Key", "Who", "Reads", "State"], &rows);
}

fn document(report: &Report, problems: &[String], warnings: &[String]) -> Value {
    let secrets: Vec<Value> = report
        .entries
        .iter()
        .map(|entry| {
            json!({"name": entry.name.as_str(), "readers": entry.readers, "opened": entry.opened, "good": entry.findings.is_empty()})
        })
        .collect();
    let keys: Vec<Value> = report.keys.iter().map(key_document).collect();
    json!({"schema": 1, "secrets": secrets, "recipients": keys, "problems": problems, "warnings": warnings})
}

/// A recipient as JSON.
pub(super) fn key_document(key: &KeyReport) -> Value {
    let lists: Vec<String> = key
        .lists
        .iter()
        .map(|list| list.parent().map(|folder| folder.display().to_string()).unwrap_or_default())
        .collect();
    let expires = match key.validity {
        Validity::Good(end) => end,
        Validity::EndsSoon(end) | Validity::Expired(end) => Some(end),
        Validity::Revoked | Validity::Unusable(_) => None,
    };
    let usable = matches!(key.validity, Validity::Good(_) | Validity::EndsSoon(_));
    json!({
        "key": key.id.to_string(), "user_ids": key.user_ids, "folders": lists,
        "usable": usable, "expires": expires.map(date), "state": state(key),
    })
}
