//! `resilmesh create capability`.

use clap::Args;

use super::write::{self, WriteArgs};
use super::{RoleArg, definition};
use crate::cli::Context;
use crate::cli::completion;
use crate::cli::failure::Failure;
use crate::cli::plug::ModeArg;
use crate::mesh::model::Mode;
use crate::project::names;
use crate::project::scaffold::capability::Wanted;
use crate::project::scaffold::draft::Draft;

/// Say that a product can do something
///
/// It goes into the product's definition.
#[derive(Debug, Args)]
pub(super) struct CapabilityArgs {
    /// The product
    #[arg(add = completion::products())]
    product: String,
    /// The topic; `*` for every one
    #[arg(add = completion::topics())]
    topic: String,
    /// The part it plays
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

pub(super) fn run(cx: &Context, args: &CapabilityArgs) -> Result<(), Failure> {
    let mut files = cx.project()?;
    let wanted = Wanted::new(&args.topic, args.role.into(), Mode::from(args.mode), args.format.as_deref())
        .map_err(|wrong| Failure::new(wrong).hint(names::NAME_HINT))?;
    let product = definition::own(&mut files, &args.product)?;
    if wanted.is_declared_by(product) {
        write::there_already(cx, format!("`{}` has capability `{wanted}` already", args.product));
        return Ok(());
    }
    let mut draft = Draft::default();
    definition::add(&files, &args.product, &wanted, &mut draft)?;
    if write::write(cx, &files, &draft, WriteArgs { dry_run: args.dry_run, force: false })? {
        cx.ui.progress(format!("`{}` has capability `{wanted}`", args.product));
    }
    Ok(())
}
