//! `resilmesh check`: every mistake of the project at once. Runs no code of products, opens no vault,
//! asks neither this machine nor the network, and changes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::failure::Failure;
use super::{Context, block_on};
use crate::mesh::cautions::without_effect;
use crate::mesh::compile::compile;
use crate::mesh::model::Mesh;
use crate::mesh::secrets::{Wanted, wanted};
use crate::plan::anywhere::{Anywhere, anywhere};
use crate::plan::validate;
use crate::project::code::Code;
use crate::project::load::{self, ProjectFiles};
use crate::project::locate;
use crate::project::names;
use crate::project::position::{Diagnostic, Severity};
use crate::vault::{self, MESHROOM_FILE, VaultError};

mod guarantees;

/// Find every mistake of the project at once
///
/// Runs no code of products, opens no secret, and changes nothing. Exits with 1 when there is a
/// mistake.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Only what is found in these files and folders
    pub paths: Vec<PathBuf>,
    /// Fail on warnings, too
    #[arg(long)]
    pub strict: bool,
    /// Have the engine read every pipeline that would be rendered, as `up` does before it starts one
    #[arg(long)]
    pub pipelines: bool,
    /// Show what delivery each plug promises, and the weakest hop of each way through the mesh
    #[arg(long)]
    pub guarantees: bool,
    /// Say why findings with this code are findings; without CODE, of all codes
    #[arg(long, value_name = "CODE", num_args = 0..=1, conflicts_with_all = ["paths", "guarantees", "strict", "pipelines"])]
    #[allow(clippy::option_option, reason = "clap's way to tell a flag without value from none")]
    pub explain: Option<Option<String>>,
}

/// Checks.
///
/// # Errors
/// When there is no project, or something is wrong with it.
pub fn run(cx: &Context, args: &CheckArgs) -> Result<(), Failure> {
    if let Some(code) = &args.explain {
        let Some(code) = code else {
            explain_all(cx);
            return Ok(());
        };
        return explain(cx, code);
    }
    let (root, only) = scope(cx, &args.paths)?;
    let mut files = load::load(&root)
        .map_err(|error| Failure::new(format!("project `{}` cannot be opened: {error}", root.display())))?;
    files.profile = cx.profile_of(&files)?;
    let (mesh, mut found) = match compile(&files) {
        Ok((mesh, mut found)) => {
            found.extend(beyond_compiling(&files, &mesh, args.pipelines)?);
            (Some(mesh), found)
        }
        Err(found) => (None, found),
    };
    files.texts.put_into(&mut found);
    found.retain(|found| is_within(found, &only));
    found.sort();
    found.dedup();
    show(cx, args, mesh.as_ref(), &found);
    verdict(cx, args, mesh.as_ref(), &found)
}

/// Prints what is found, or what the mesh promises.
fn show(cx: &Context, args: &CheckArgs, mesh: Option<&Mesh>, found: &[Diagnostic]) {
    let promises = mesh.filter(|_| args.guarantees);
    if cx.ui.json {
        let mut document = document(found);
        if let (Some(mesh), Some(entries)) = (promises, document.as_object_mut()) {
            entries.insert("guarantees".to_owned(), guarantees::document(mesh));
        }
        cx.ui.document(&document);
    } else if let Some(mesh) = promises {
        found.iter().for_each(|found| cx.ui.diagnostic(found));
        guarantees::show(cx, mesh);
    } else {
        found.iter().for_each(|found| cx.ui.finding(found));
    }
}

/// Says how it is, and fails if that is not good enough.
fn verdict(cx: &Context, args: &CheckArgs, mesh: Option<&Mesh>, found: &[Diagnostic]) -> Result<(), Failure> {
    let mistakes = found.iter().filter(|found| found.is_error()).count();
    let warnings = found.len() - mistakes;
    let and_warnings = if warnings > 0 { format!(", {}", names::counted(warnings, "warning")) } else { String::new() };
    if mistakes > 0 {
        let failure = Failure::new(format!("the project has {}{and_warnings}", names::counted(mistakes, "mistake")));
        return Err(failure.hint("`resilmesh check --explain CODE` says why one of a code in brackets is one"));
    }
    if args.strict && warnings > 0 {
        return Err(Failure::new(format!(
            "the project has {}, which `--strict` does not allow",
            names::counted(warnings, "warning")
        )));
    }
    let Some(mesh) = mesh else { return Ok(()) };
    let (instances, plugs) = (mesh.instances.len(), mesh.plugs.len());
    cx.ui.progress(format!(
        "no mistakes in {} and {}{and_warnings}",
        names::counted(instances, "instance"),
        names::counted(plugs, "plug")
    ));
    if !args.guarantees {
        guarantees::note(cx, mesh);
    }
    Ok(())
}

/// The project, and which of its files are meant; none = all.
fn scope(cx: &Context, paths: &[PathBuf]) -> Result<(PathBuf, Vec<PathBuf>), Failure> {
    let Some(first) = paths.first() else { return Ok((cx.project_folder()?, Vec::new())) };
    let real = |path: &Path| {
        let whole = cx.directory.join(path);
        whole.canonicalize().map_err(|error| {
            Failure::usage(format!("`{}` cannot be opened: {error}", path.display()))
                .hint("PATH is a file or folder of the project, as it is called from here")
        })
    };
    let start = real(first)?;
    let folder = if start.is_dir() { start.as_path() } else { start.parent().unwrap_or(&start) };
    // A `products` folder makes a project of Meshroom's only where one stands in it.
    let root = match locate::find(folder).ok().flatten() {
        Some(root) => root,
        None => cx.project_folder()?,
    };
    let mut only = Vec::new();
    for path in paths {
        let below = real(path)?;
        let below = below.strip_prefix(&root).map_err(|_| {
            Failure::usage(format!("`{}` is not in the project `{}`", path.display(), root.display()))
                .hint("check one project at a time")
        })?;
        only.push(below.to_owned());
    }
    Ok((root, only))
}

fn is_within(found: &Diagnostic, only: &[PathBuf]) -> bool {
    let Some(at) = &found.at else { return true };
    only.is_empty() || only.iter().any(|path| at.file.starts_with(path))
}

/// What is found in a mesh that has no mistakes in its files.
fn beyond_compiling(files: &ProjectFiles, mesh: &Mesh, pipelines: bool) -> Result<Vec<Diagnostic>, Failure> {
    // A vault that cannot be looked into is one more mistake.
    let unreadable = |error: VaultError| vec![Diagnostic::nowhere(error.to_string()).coded(Code::Unreadable)];
    let mut found = missing_secrets(&files.root, mesh).unwrap_or_else(unreadable);
    found.extend(without_effect(mesh));
    match anywhere(&files.root, mesh) {
        Ok(rehearsal) => {
            if pipelines {
                found.extend(wrong_pipelines(mesh, &rehearsal)?);
            }
            found.extend(rehearsal.found);
        }
        Err(wrong) => found.extend(wrong),
    }
    Ok(found)
}

/// Secrets that are wanted and not in the vault, by their names: nothing is opened.
fn missing_secrets(root: &Path, mesh: &Mesh) -> Result<Vec<Diagnostic>, VaultError> {
    // What Meshroom's vault holds is not known before it is opened.
    if root.join(MESHROOM_FILE).exists() {
        return Ok(Vec::new());
    }
    let there = vault::open_without_keys(root)?.names()?;
    let is_there = |name: &str| there.iter().any(|own| own.as_str() == name);
    let lacking = wanted(mesh).into_iter().filter(|one| (one.required || one.expected) && !is_there(&one.name));
    let warning = |one: Wanted| {
        let what = format!("{} needs secret `{}`, which the vault does not have", one.owner, one.key);
        let hint = format!("`resilmesh secret set {}` puts it there", one.name);
        Diagnostic::warning(one.at, what).coded(Code::MissingSecret).with_hint(hint)
    };
    Ok(lacking.map(warning).collect())
}

/// What the engine would say of the pipelines.
fn wrong_pipelines(mesh: &Mesh, rehearsal: &Anywhere) -> Result<Vec<Diagnostic>, Failure> {
    let wrong = block_on(async {
        validate::rehearsed(rehearsal)
            .await
            .map_err(|error| Failure::new(format!("a temporary folder cannot be written: {error}")))
    })?;
    let finding = |wrong: &validate::Wrong| {
        let said = wrong.to_string().replace('\n', "; ").replacen(":; ", ": ", 1);
        let Some(instance) = mesh.instances.get(&wrong.instance) else {
            return Diagnostic::nowhere(said).coded(Code::Configuration);
        };
        if let (Some(at), Some(_)) = (&instance.replicas.at, wrong.replicas) {
            return Diagnostic::error(at.clone(), said).coded(Code::Replicas).with_hint("take `replicas` out");
        }
        let found = Diagnostic::error(instance.at.clone(), said);
        found.coded(Code::Configuration).with_hint("mend the setting or the template that it comes from")
    };
    Ok(wrong.iter().map(finding).collect())
}

/// The findings as JSON.
fn document(found: &[Diagnostic]) -> Value {
    let one = |found: &Diagnostic| {
        let at = found.at.as_ref();
        json!({
            "severity": match found.severity { Severity::Error => "error", Severity::Warning => "warning" },
            "code": found.code.word(),
            "file": at.map(|at| at.file.to_string_lossy()),
            "line": at.map(|at| at.line),
            "column": at.map(|at| at.column),
            "what": found.message,
            "why": found.code.why(),
            "hint": found.hint,
        })
    };
    json!({"schema": 1, "findings": found.iter().map(one).collect::<Vec<_>>()})
}

fn explain_all(cx: &Context) {
    if cx.ui.json {
        let codes: Vec<_> = Code::ALL.iter().map(|code| json!({"code": code.word(), "why": code.why()})).collect();
        cx.ui.document(&json!({"schema": 1, "codes": codes}));
    } else {
        Code::ALL.iter().for_each(|code| cx.ui.line(format!("{}: {}", code.word(), code.why())));
    }
}

fn explain(cx: &Context, word: &str) -> Result<(), Failure> {
    let Some(code) = Code::of_word(word) else {
        let hint = names::suggest(word, Code::ALL.iter().map(|code| code.word()));
        let failure = Failure::usage(format!("no finding has the code `{word}`"));
        return Err(hint.into_iter().fold(failure, Failure::hint));
    };
    if cx.ui.json {
        cx.ui.document(&BTreeMap::from([("schema", json!(1)), ("code", json!(word)), ("why", json!(code.why()))]));
    } else {
        cx.ui.line(format!("{word}: {}", code.why()));
    }
    Ok(())
}
