//! How commands change a project: tried first, and made only if nothing new is wrong then.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::{Context, editors};
use crate::mesh::compile::{compile, compile_used};
use crate::mesh::model::Product;
use crate::project::assign::Wrong;
use crate::project::change::Change;
use crate::project::code::Code;
use crate::project::load::{PRODUCTS, ProjectFiles};
use crate::project::names;
use crate::project::position::Diagnostic;

/// What to do with changes that make new mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NewMistakes {
    /// Make no change.
    Refuse,
    /// Make the changes, and say what is wrong then.
    Allow,
    /// Make the changes if nothing is wrong then but plugs that cross the boundary of a zone: in which zone
    /// something stands is a fact, and a mesh gets its zones one instance after the other.
    AllowCrossings,
}

impl NewMistakes {
    fn allows(self, mistake: &Diagnostic) -> bool {
        match self {
            Self::Refuse => false,
            Self::Allow => true,
            Self::AllowCrossings => mistake.code == Code::NoConduit,
        }
    }
}

impl Context {
    /// Makes the changes, if the project has no new mistakes with them; new warnings are printed.
    ///
    /// # Errors
    /// The new mistakes, or that the disk refuses.
    pub(super) fn change(&self, files: &ProjectFiles, changes: &[Change], new: NewMistakes) -> Result<(), Failure> {
        let mut after = files.clone();
        for change in changes {
            change.preview(&mut after);
        }
        // A product that nobody has used yet may have mistakes that matter now.
        let found = new_by(files, &after, used_findings);
        if found.iter().any(|found| found.is_error() && !new.allows(found)) {
            let mistakes: Vec<Diagnostic> = found.into_iter().filter(Diagnostic::is_error).collect();
            let word = if mistakes.len() == 1 { "a mistake" } else { "mistakes" };
            return Err(
                Failure::new(format!("nothing is changed: the project would have {word} with it")).found(mistakes)
            );
        }
        for change in changes {
            change
                .make(&files.root)
                .map_err(|error| Failure::new(format!("the project cannot be changed: {error}")))?;
        }
        editors::after(self, &after, changes);
        found.iter().for_each(|found| self.ui.diagnostic(found));
        Ok(())
    }
}

/// What is found wrong after, and was not before or only with a product that nobody used; lines may have
/// moved.
pub(super) fn new_findings(before: &ProjectFiles, after: &ProjectFiles) -> Vec<Diagnostic> {
    new_by(before, after, findings)
}

fn new_by(
    before: &ProjectFiles,
    after: &ProjectFiles,
    findings: fn(&ProjectFiles) -> Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    let key = |found: &Diagnostic| (found.at.as_ref().map(|at| at.file.clone()), found.message.clone());
    let known: HashSet<_> = findings(before).iter().map(key).collect();
    let used = |files: &ProjectFiles| files.instances.iter().map(|own| own.product.clone()).collect::<HashSet<_>>();
    let newly_used: Vec<PathBuf> =
        used(after).difference(&used(before)).map(|product| Path::new(PRODUCTS).join(product)).collect();
    let counts_now = |found: &Diagnostic| {
        let file = found.at.as_ref().filter(|_| found.is_error()).map(|at| &at.file);
        file.is_some_and(|file| newly_used.iter().any(|product| file.starts_with(product)))
    };
    findings(after).into_iter().filter(|found| !known.contains(&key(found)) || counts_now(found)).collect()
}

fn used_findings(files: &ProjectFiles) -> Vec<Diagnostic> {
    compile_used(files).map_or_else(|found| found, |(_, warnings)| warnings)
}

fn findings(files: &ProjectFiles) -> Vec<Diagnostic> {
    compile(files).map_or_else(|found| found, |(_, warnings)| warnings)
}

/// The product of that name, from the project or the catalogue.
///
/// # Errors
/// When there is none.
pub(super) fn product<'a>(files: &'a mut ProjectFiles, name: &str) -> Result<&'a Product, Failure> {
    files.need_product(name);
    if let Some(why) = files.unusable.get(name) {
        return Err(Failure::new(format!("product `{name}` cannot be used")).found(vec![why.clone()]));
    }
    if !files.products.contains_key(name) {
        let hint = names::suggest(name, files.product_names().iter().copied());
        let failure = Failure::new(format!("there is no product `{name}`"));
        return Err(hint.into_iter().fold(failure, Failure::hint).hint("`resilmesh list products` shows them all"));
    }
    Ok(&files.products[name])
}

/// The product of an instance, which must be there exactly once.
///
/// # Errors
/// When it is not.
pub(super) fn product_of(files: &ProjectFiles, instance: &str) -> Result<String, Failure> {
    let mut products = files.instances.iter().filter(|own| own.name == instance).map(|own| own.product.as_str());
    match (products.next(), products.next()) {
        (Some(product), None) => Ok(product.to_owned()),
        (Some(one), Some(other)) => {
            Err(Failure::new(format!("instance `{instance}` is there twice, of `{one}` and of `{other}`"))
                .hint("names are unique in a mesh: rename one"))
        }
        (None, _) if files.unreadable.contains(instance) => {
            Err(Failure::new(format!("instance `{instance}` cannot be read"))
                .found(files.found.iter().filter(|found| found.is_error()).cloned().collect()))
        }
        (None, _) => {
            let known = files.instances.iter().map(|own| own.name.as_str());
            let failure = Failure::new(format!("there is no instance `{instance}`"));
            Err(names::suggest(instance, known).into_iter().fold(failure, Failure::hint))
        }
    }
}

/// Several mistakes of a command line as one failure.
pub(super) fn all_wrong(found: Vec<Wrong>) -> Failure {
    let mut found = found.into_iter();
    let Some(first) = found.next() else { return Failure::new("the command line is wrong") };
    let mut failure = Failure::new(first.message);
    failure.hints.extend(first.hint);
    for wrong in found {
        failure.hints.push(format!("also: {}", wrong.message));
        failure.hints.extend(wrong.hint);
    }
    failure
}

/// Tells how to take something out although others build on it.
pub(super) fn suggest_force(failure: Failure, forced: bool) -> Failure {
    if forced || failure.diagnostics.is_empty() {
        return failure;
    }
    failure.hint("take out first what builds on it, or use `--force`")
}
