//! `resilmesh reference`: the pages of `docs/reference/`, made of what the program itself goes by.

use clap::{Args, ValueEnum};

use super::Context;
use super::failure::Failure;
use crate::project::schema;
use crate::project::{python_hooks, rust_hooks};

mod commands;

/// Print a page of the reference, as Markdown
#[derive(Debug, Args)]
pub struct ReferenceArgs {
    /// The page
    page: Page,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Page {
    /// Every command with its options
    Commands,
    /// Every document with its keys
    Files,
    /// Every decorator with its arguments
    Hooks,
}

/// Prints the page.
///
/// # Errors
/// None; every command may have some.
#[allow(clippy::unnecessary_wraps, reason = "as every command")]
pub fn run(cx: &Context, args: &ReferenceArgs) -> Result<(), Failure> {
    let page = match args.page {
        Page::Commands => commands::markdown(super::command()),
        Page::Files => schema::page::markdown(),
        Page::Hooks => python_hooks::page::markdown() + &rust_hooks::page::markdown(),
    };
    cx.ui.line(page.trim_end());
    Ok(())
}
