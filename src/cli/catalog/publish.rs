//! `resilmesh catalog publish`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::chosen;
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::leaks;
use crate::git::catalogue::mirror::Mirror;
use crate::git::catalogue::publish::{self, Contribution};
use crate::git::repository::Repository;
use crate::mesh::model::{Product, ProductSource};
use crate::mesh::product_check;
use crate::project::content::Content;
use crate::project::load::{PRODUCTS, ProjectFiles};
use crate::project::lock_file::Locked;
use crate::project::{names, write};

/// Contribute a product of the project to a catalogue
///
/// The product is checked, committed on top of what the catalogue has, and written as a patch to be
/// sent, or pushed as a branch.
#[derive(Debug, Args)]
pub(super) struct PublishArgs {
    /// The product
    #[arg(add = crate::cli::completion::products())]
    product: String,
    /// The catalogue [default: the only one]
    #[arg(long, value_name = "CATALOGUE")]
    to: Option<String>,
    /// Where to write the patch [default: PRODUCT.patch]
    #[arg(long, value_name = "FILE", conflicts_with = "push")]
    patch: Option<PathBuf>,
    /// Push it as this branch of the catalogue instead
    #[arg(long, value_name = "BRANCH")]
    push: Option<String>,
    /// What to say of the change [default: `Add PRODUCT` or `Update PRODUCT`]
    #[arg(short, long)]
    message: Option<String>,
}

pub(super) fn run(cx: &Context, files: &ProjectFiles, args: PublishArgs) -> Result<(), Failure> {
    let (name, locked) = target(files, args.to)?;
    let product = own(files, &args.product)?;
    let content = checked(files, product)?;
    let verb = if locked.products.contains_key(&product.name) { "Update" } else { "Add" };
    let message = args.message.unwrap_or_else(|| format!("{verb} {}", product.name));
    without_secrets(cx, files, product, &content, &message)?;
    let mirror = Mirror::of(&locked.url)?;
    cx.ui.progress(format!("fetching {}", locked.url));
    mirror.fetch()?;
    let rev = locked.rev.as_deref();
    let contribution = publish::commit(&mirror, rev, &files.root, &product.name, &content, &message)?;
    match args.push {
        Some(branch) => {
            contribution.push(&branch)?;
            done(
                cx,
                &contribution,
                &json!({"branch": branch}),
                &format!("pushed `{}` as branch `{branch}` of `{name}`", product.name),
            );
        }
        None => {
            let file = args.patch.unwrap_or_else(|| PathBuf::from(format!("{}.patch", product.name)));
            let path = cx.directory.join(&file);
            if path.exists() && !cx.yes {
                return Err(Failure::new(format!("file `{}` is there already", file.display()))
                    .hint("`--patch FILE` names another one; `--yes` replaces it"));
            }
            write::replace(&path, &contribution.patch()?)
                .map_err(|error| Failure::new(format!("`{}` cannot be written: {error}", file.display())))?;
            let said =
                format!("wrote `{}`: send it to those who keep `{name}`, who apply it with `git am`", file.display());
            done(cx, &contribution, &json!({"patch": file}), &said);
        }
    }
    Ok(())
}

/// Refuses to publish what has a secret in clear, as `share` does. The message goes out too.
fn without_secrets(
    cx: &Context,
    files: &ProjectFiles,
    product: &Product,
    content: &Content,
    message: &str,
) -> Result<(), Failure> {
    let repository = Repository::of(&files.root)?;
    let repository = repository.as_ref();
    let scanner = leaks::scanner_of_project(cx, &files.root, repository)?;
    let mut found = scanner.message(message.as_bytes());
    found.extend(publish::secrets_in(repository, &scanner, &files.root, &product.name, content)?);
    leaks::refuse(&format!("`{}` is not published", product.name), found)
}

fn done(cx: &Context, contribution: &Contribution<'_>, what: &serde_json::Value, said: &str) {
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "commit": contribution.id(), "published": what}));
    }
    cx.ui.progress(said);
}

fn target(files: &ProjectFiles, to: Option<String>) -> Result<(&String, &Locked), Failure> {
    let all = chosen(files, to.map_or_else(Vec::new, |to| vec![to]).as_slice())?;
    match all[..] {
        [one] => Ok(one),
        [] => Err(Failure::new("the project uses no catalogue")
            .hint("`resilmesh catalog add URL` adds the one to contribute to")),
        _ => Err(Failure::usage(format!(
            "there are several catalogues: {}",
            names::list(all.iter().map(|(name, _)| name.as_str()))
        ))
        .hint("`--to CATALOGUE` says which")),
    }
}

fn own<'f>(files: &'f ProjectFiles, name: &str) -> Result<&'f Product, Failure> {
    let own = |product: &&Product| product.source == ProductSource::Project;
    if let Some(product) = files.products.get(name).filter(own) {
        return Ok(product);
    }
    let failure = Failure::new(format!("the project has no product `{name}` of its own"));
    let hint = names::suggest(name, files.products.values().filter(own).map(|product| product.name.as_str()));
    Err(hint.into_iter().fold(failure, Failure::hint))
}

/// The content of a product that has no mistakes and says what it is.
fn checked(files: &ProjectFiles, product: &Product) -> Result<Content, Failure> {
    let shown = Path::new(PRODUCTS).join(&product.name);
    let of_it = |at: &crate::project::position::Position| at.file.starts_with(&shown);
    let mut found: Vec<_> = files.found.iter().filter(|found| found.at.as_ref().is_some_and(of_it)).cloned().collect();
    found.extend(product_check::check(product));
    let content = Content::of(&files.root, &files.root.join(&shown), &shown).map_err(|mut broken| {
        found.append(&mut broken);
    });
    if product.description.is_none() {
        let lacks = crate::project::position::Diagnostic::error(
            product.at.clone(),
            "a product of a catalogue needs a `description`",
        );
        found.push(lacks.coded(crate::project::code::Code::MissingKey).with_hint("one sentence that says what it is"));
    }
    let mistakes = found.iter().any(crate::project::position::Diagnostic::is_error);
    match content {
        Ok(content) if !mistakes => Ok(content),
        _ => Err(Failure::new(format!("`{}` is not published: it has mistakes", product.name)).found(found)),
    }
}
