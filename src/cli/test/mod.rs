//! `resilmesh test`: what the mesh and the programs of products make of events, against what was
//! expected. Nothing is brought up, and what is up is not touched.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use self::report::{Ran, Report};
use super::failure::Failure;
use super::{Context, trust};
use crate::hooks::packages;
use crate::mesh::model::{HookCode, Mesh, Product};
use crate::plan::paths::StateFolder;
use crate::plan::rehearsal::Rehearsal;
use crate::plan::rehearsal::update::update;
use crate::plan::rehearsal::verdict::{Miss, judge};
use crate::project::load::ProjectFiles;
use crate::project::names;
use crate::project::position::Diagnostic;
use crate::project::test_file::{Case, Owner, TestFile, load};
use crate::project::write;

mod junit;
mod report;

/// Run the test cases of the mesh and its products
///
/// They are in `tests/*.yaml` and `products/<product>/tests/*.yaml`. Nothing is brought up, and what is up
/// is not touched: the engine runs the rendered configuration in processes that listen on nothing.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// A test file, a folder of them, or a product [default: all]
    #[arg(value_name = "PATH|PRODUCT")]
    pub what: Vec<String>,
    /// Only cases with this in their name
    #[arg(short, long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Write into the files what comes out, where something else is expected or nothing is said
    #[arg(long)]
    pub update: bool,
    /// Write a report in JUnit's XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// Runs the cases.
///
/// # Errors
/// When a file has mistakes, or a case fails.
pub fn run(cx: &Context, args: TestArgs) -> Result<(), Failure> {
    let mut project = cx.project()?;
    let files = files(&project, &args)?;
    for file in &files {
        if let Owner::Product(name) = &file.owner {
            project.need_product(name);
        }
    }
    let of_mesh = files.iter().any(|file| file.owner == Owner::Project && !file.cases.is_empty());
    let mesh = if of_mesh { Some(cx.mesh()?.1) } else { None };
    permit_modules(cx, &project, mesh.as_ref(), &files)?;
    let report = super::block_on(all(cx, &project, mesh.as_ref(), files, &args))?;
    if let Some(path) = &args.junit {
        let text = junit::xml(&report);
        let text = text.map_err(|error| Failure::new(format!("the report cannot be made: {error}")))?;
        write::replace(path, text)
            .map_err(|error| Failure::new(format!("`{}` cannot be written: {error}", path.display())))?;
    }
    report::end(cx, &report)
}

/// The code of modules runs in tests as it does in a mesh: only if it is trusted.
fn permit_modules(
    cx: &Context,
    project: &ProjectFiles,
    mesh: Option<&Mesh>,
    files: &[TestFile],
) -> Result<(), Failure> {
    let tested = files.iter().filter_map(|file| match &file.owner {
        Owner::Product(name) => project.products.get(name),
        Owner::Project => None,
    });
    let in_mesh = mesh.iter().flat_map(|mesh| mesh.instances.values().map(|instance| mesh.product_of(instance)));
    let runs = |product: &&Product| {
        product.module().is_some_and(|hook| !matches!(hook.code, HookCode::Vrl { .. } | HookCode::Builtin))
    };
    let modules: BTreeSet<String> = tested.chain(in_mesh).filter(runs).map(|product| product.name.clone()).collect();
    if modules.is_empty() { Ok(()) } else { trust::permit(cx, modules).map(drop) }
}

/// The test files that are asked for.
fn files(project: &ProjectFiles, args: &TestArgs) -> Result<Vec<TestFile>, Failure> {
    let root = project.root.canonicalize().unwrap_or_else(|_| project.root.clone());
    let paths: Vec<Option<PathBuf>> = args.what.iter().map(|what| below(&root, what)).collect();
    let wanted = |path: &Path, owner: &Owner| {
        let is = |(what, place): (&String, &Option<PathBuf>)| match place {
            Some(place) => path.starts_with(place),
            None => *owner == Owner::Product(what.clone()),
        };
        args.what.is_empty() || args.what.iter().zip(&paths).any(is)
    };
    let opened = load::load(&project.root, wanted);
    let (mut files, found) = opened.map_err(|error| Failure::new(format!("the project cannot be opened: {error}")))?;
    refuse(found)?;
    for (what, place) in args.what.iter().zip(&paths) {
        let is = |file: &&TestFile| match place {
            Some(place) => file.path.starts_with(place),
            None => file.owner == Owner::Product(what.clone()),
        };
        if files.iter().find(is).is_none() {
            let failure = Failure::new(format!("there are no tests in `{what}`"));
            let known = project.products.keys().map(String::as_str);
            return Err(match names::closest(what, known).filter(|near| near != what) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint("tests are in `tests/*.yaml` and `products/<product>/tests/*.yaml`"),
            });
        }
    }
    if let Some(part) = &args.filter {
        files.iter_mut().for_each(|file| file.cases.retain(|case| case.name.contains(part)));
    }
    Ok(files)
}

/// What was given, as a path below the project; none = it is a name.
fn below(root: &Path, what: &str) -> Option<PathBuf> {
    let real = Path::new(what).canonicalize().or_else(|_| root.join(what).canonicalize()).ok()?;
    real.strip_prefix(root).ok().map(Path::to_owned)
}

fn refuse(found: Vec<Diagnostic>) -> Result<(), Failure> {
    if found.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("the tests have {}", names::counted(found.len(), "mistake"))).found(found))
}

async fn all(
    cx: &Context,
    project: &ProjectFiles,
    mesh: Option<&Mesh>,
    files: Vec<TestFile>,
    args: &TestArgs,
) -> Result<Report, Failure> {
    let environments = StateFolder::of(&project.root.canonicalize().unwrap_or_else(|_| project.root.clone()))
        .root()
        .join(packages::FOLDER);
    let mut rehearsal = Rehearsal::new(mesh, &project.products)?.with_environments(&environments)?;
    let mut found = Vec::new();
    for file in &files {
        found.extend(rehearsal.check(file, mesh).await?);
    }
    refuse(found)?;
    let mut report = Report::default();
    for mut file in files {
        let before = file.text.clone();
        for case in file.cases.clone() {
            let ran = one(&mut rehearsal, &mut file, &case, args.update).await?;
            report::case(cx, &ran);
            report.ran.push(ran);
        }
        if file.text != before {
            let path = project.root.join(&file.path);
            write::replace(&path, &file.text)
                .map_err(|error| Failure::new(format!("`{}` cannot be written: {error}", path.display())))?;
            cx.ui.progress(format!("updated `{}`", file.path.display()));
        }
    }
    Ok(report)
}

/// Runs one case, and with `updates` writes into the text of its file what came out.
async fn one(rehearsal: &mut Rehearsal<'_>, file: &mut TestFile, case: &Case, updates: bool) -> Result<Ran, Failure> {
    let start = Instant::now();
    let outcome = match rehearsal.run(file, case).await {
        Ok(outcome) => outcome,
        Err(why) => return Ok(Ran::broken(file, case, start.elapsed(), why)),
    };
    let mut misses = judge(case, &outcome);
    let expected = case.expect.iter().flatten().zip(&outcome.events).enumerate();
    for (event, (expected, got)) in expected {
        for condition in &expected.conditions {
            if let Some(why) = rehearsal.broken(&condition.value, got).await? {
                misses.push(Miss::Condition { event, condition, why });
            }
        }
    }
    let mut ran = Ran::new(file, case, start.elapsed(), &misses, &outcome);
    if updates && !misses.is_empty() {
        let again = rehearsal.run(file, case).await.map_err(Failure::new)?;
        let updated = update(&file.text, case, &misses, &outcome, &again);
        file.text = updated.text;
        ran.updated(updated.changed, updated.left);
    }
    Ok(ran)
}
