//! `resilmesh create integration`.

use std::path::Path;

use clap::Args;

use super::write::{self, WriteArgs};
use super::{RoleArg, definition};
use crate::cli::Context;
use crate::cli::completion;
use crate::cli::edit;
use crate::cli::editors;
use crate::cli::failure::Failure;
use crate::cli::file_hooks::call_in_order;
use crate::cli::plug::ModeArg;
use crate::cli::trust::Keeper;
use crate::hooks::{Call, Given, HostedHook};
use crate::mesh::hooks::{Part, in_force};
use crate::mesh::matching::{general, meets};
use crate::mesh::model::{HookKind, Mode, Product, ProductSource};
use crate::project::load::ProjectFiles;
use crate::project::names;
use crate::project::scaffold::capability::Wanted;
use crate::project::scaffold::draft::Draft;
use crate::project::scaffold::integration;

/// Connect two products by an integration of their own
///
/// The product gets a file for it, and both get the capability that it takes, where they lack it.
/// Nothing is written to a product of a catalogue.
#[derive(Debug, Args)]
pub(super) struct IntegrationArgs {
    /// The product that gets the integration
    #[arg(add = completion::products())]
    product: String,
    /// The product at the other end
    #[arg(add = completion::products())]
    target: String,
    /// The topic; `*` for every one
    #[arg(add = completion::topics())]
    topic: String,
    /// The part that the product plays
    role: RoleArg,
    /// Which end is active
    #[arg(short, long, default_value = "push")]
    mode: ModeArg,
    /// The format [default: any]
    #[arg(short, long)]
    format: Option<String>,
    /// Only list what would be written
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(cx: &Context, args: &IntegrationArgs) -> Result<(), Failure> {
    let mut files = cx.project()?;
    let wanted = Wanted::new(&args.topic, args.role.into(), Mode::from(args.mode), args.format.as_deref())
        .map_err(|wrong| Failure::new(wrong).hint(names::NAME_HINT))?;
    definition::own(&mut files, &args.product)?;
    edit::product(&mut files, &args.target)?;
    let path = integration::path(&args.product, &args.target, &wanted);
    let other = integration::other_path(&args.product, &args.target, &wanted);
    if let Some(there) = [&path, &other].into_iter().find(|path| files.root.join(path).exists()) {
        write::there_already(cx, format!("integration `{}` is there already", there.display()));
        return Ok(());
    }
    let mut draft = Draft::default();
    complement(cx, &files, args, &wanted, &mut draft)?;
    let text = integration::text(&args.product, &args.target, &wanted).map_err(Failure::new)?;
    let text = editors::new_document(&files, &path, text);
    draft.put(path.clone(), text.clone());
    let scaffold = Scaffold::of(&files.products[&args.product], &args.target, &wanted);
    // Before the product changes: what has changed is not trusted any more.
    let keeper = match scaffold.hooks.is_empty() || args.dry_run {
        true => Keeper::watch(cx)?,
        false => Keeper::permit(cx, [args.product.clone()].into())?,
    };
    if !write::write(cx, &files, &draft, WriteArgs { dry_run: args.dry_run, force: false })? {
        return Ok(());
    }
    let project = files.root.canonicalize().unwrap_or_else(|_| files.root.clone());
    for path in draft.paths() {
        keeper.written.note(&project.join(path), draft.text(path).unwrap_or_default());
    }
    cx.ui.progress(format!("made the integration of `{}` with `{}`: `{wanted}`", args.product, args.target));
    if scaffold.hooks.is_empty() {
        return keeper.settle(cx);
    }
    call_in_order(cx, &keeper, &project, &scaffold.call, &scaffold.hooks, &Given::default())
        .map_err(|failure| not_scaffolded(failure, &files.root, &path, &text))
}

/// Makes it possible to run the scaffold hooks again: they are only called for an integration that is not there.
fn not_scaffolded(failure: Failure, root: &Path, path: &Path, text: &str) -> Failure {
    let file = root.join(path);
    let untouched = std::fs::read_to_string(&file).is_ok_and(|now| now == text);
    if untouched && std::fs::remove_file(&file).is_ok() {
        return failure.hint(format!("`{}` is deleted again: the same command begins anew", path.display()));
    }
    failure.hint(format!("delete `{}` to have the hooks called again", path.display()))
}

/// Adds the capability to both products, where they lack it.
fn complement(
    cx: &Context,
    files: &ProjectFiles,
    args: &IntegrationArgs,
    wanted: &Wanted,
    draft: &mut Draft,
) -> Result<(), Failure> {
    for (name, wanted) in [(&args.product, wanted.clone()), (&args.target, wanted.counterpart())] {
        let product = &files.products[name];
        if can(product, &wanted) {
            continue;
        }
        if product.source == ProductSource::Project {
            // Towards itself, a product gets both.
            definition::add(files, name, &wanted, draft)?;
        } else {
            cx.ui.warning(&format!(
                "`{name}` comes from a catalogue and cannot do `{wanted}`: the integration is of use only if it owns both ends"
            ));
        }
    }
    Ok(())
}

fn can(product: &Product, wanted: &Wanted) -> bool {
    let Some(topic) = &wanted.topic else { return wanted.is_declared_by(product) };
    general(product, wanted.role, topic)
        .iter()
        .any(|(own, _)| own.mode == wanted.mode && meets(own.format.as_deref(), wanted.format.as_deref()))
}

/// The scaffold hooks of a product, in their order, with the call that each gets.
struct Scaffold {
    hooks: Vec<(String, HostedHook)>,
    call: Call,
}

impl Scaffold {
    fn of(product: &Product, target: &str, wanted: &Wanted) -> Self {
        let topic = wanted.topic.as_deref().unwrap_or("*");
        let part = Part { role: wanted.role, topic, mode: wanted.mode, format: wanted.format.as_deref() };
        let hooks = in_force(product, None, HookKind::Scaffold, part);
        let hosted = hooks.into_iter().filter_map(|hook| Some((hook.title.clone(), HostedHook::of(product, hook)?)));
        let call = Call {
            role: Some(wanted.role),
            topic: Some(topic.to_owned()),
            mode: Some(wanted.mode),
            format: wanted.format.clone(),
            ..Call::of_product(&product.name, Some(target))
        };
        Self { hooks: hosted.collect(), call }
    }
}
