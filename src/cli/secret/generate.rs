//! `resilmesh secret generate`: make up a password and keep it.

use clap::Args;
use resilmesh_vault::generate;

use super::{name, set};
use crate::cli::failure::Failure;
use crate::cli::{Context, completion};
use crate::vault::SecretName;

/// Which secret, and what its value looks like.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// The name
    #[arg(value_parser = name, add = completion::secrets())]
    pub name: SecretName,
    /// How many characters
    #[arg(long, default_value_t = generate::LENGTH)]
    pub length: usize,
    /// Of which characters
    #[arg(long, default_value = generate::ALPHANUMERIC, hide_default_value = true, value_name = "CHARACTERS")]
    pub alphabet: String,
    /// Replace a value that is there
    #[arg(long)]
    pub force: bool,
}

/// Makes it; `secret get` prints it.
///
/// # Errors
/// When there is a value already, or it cannot be written.
pub(super) fn run(cx: &Context, args: &GenerateArgs) -> Result<(), Failure> {
    let opened = cx.secrets()?;
    if !args.force && opened.vault.contains(&args.name)? {
        return Err(Failure::new(format!("`{}` has a value already", args.name)).hint("`--force` replaces it"));
    }
    let value = generate::password(args.length, &args.alphabet)?;
    set::keep(cx, &opened, &args.name, &value)
}
