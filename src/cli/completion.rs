//! `resilmesh completion`: completion for shells, names of the project included.

use clap::{Args, ValueEnum};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use super::Context;
use super::failure::Failure;
use super::show;
use crate::project::catalogue;
use crate::project::load::{self, ProjectFiles};
use crate::project::locate;
use crate::project::profile_file::NONE;
use crate::project::scaffold::{product, project};
use crate::vault;

/// Print the completion script for a shell
///
/// For bash: `source <(resilmesh completion bash)` in ~/.bashrc. The script asks this program, so
/// that it also completes products, instances and topics of the project in the current folder.
#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// The shell
    pub shell: Shell,
}

/// A shell that can complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU Bash
    Bash,
    /// Z shell
    Zsh,
    /// The friendly interactive shell
    Fish,
}

/// The variable by which the shell asks.
const VARIABLE: &str = "COMPLETE";

/// Prints the script.
///
/// # Errors
/// When it cannot be made.
pub fn run(cx: &Context, args: CompletionArgs) -> Result<(), Failure> {
    let shell: &dyn EnvCompleter = match args.shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    let mut script = Vec::new();
    shell
        .write_registration(VARIABLE, "resilmesh", "resilmesh", "resilmesh", &mut script)
        .map_err(|error| Failure::new(format!("the completion script cannot be made: {error}")))?;
    cx.ui.line(String::from_utf8_lossy(&script).trim_end());
    Ok(())
}

/// Completes products.
pub(super) fn products() -> ArgValueCompleter {
    completer(|files| {
        let own =
            files.iter().flat_map(|files| files.product_names().into_iter().map(str::to_owned).collect::<Vec<_>>());
        own.chain(catalogue::names().into_iter().map(str::to_owned)).collect()
    })
}

/// Completes instances.
pub(super) fn instances() -> ArgValueCompleter {
    completer(|files| files.iter().flat_map(|files| files.instances.iter().map(|own| own.name.clone())).collect())
}

/// Completes network zones.
pub(super) fn zones() -> ArgValueCompleter {
    completer(|files| files.into_iter().flat_map(|files| files.project.zones.into_keys()).collect())
}

/// Completes topics: of plugs, and those that the products in use name.
pub(super) fn topics() -> ArgValueCompleter {
    completer(|files| {
        let plugs = files.iter().flat_map(|files| files.plugs.iter().map(|plug| plug.id.topic.clone()));
        let products = files.iter().flat_map(|files| files.products.values());
        plugs.chain(products.flat_map(|own| own.capabilities.iter().filter_map(|own| own.topic.clone()))).collect()
    })
}

/// Completes the examples of `init --from`.
pub(super) fn examples() -> ArgValueCompleter {
    completer(|_| project::examples().into_iter().map(str::to_owned).collect())
}

/// Completes the templates of products.
pub(super) fn templates() -> ArgValueCompleter {
    completer(|_| product::names().into_iter().map(str::to_owned).collect())
}

/// Completes the hooks of the product that is named before.
pub(super) fn hooks() -> ArgValueCompleter {
    completer(|files| {
        let typed = typed();
        let products = files.iter().flat_map(|files| files.products.values());
        let named: Vec<_> = products.filter(|own| typed.contains(&own.name)).collect();
        let hooks = named.iter().flat_map(|own| {
            let of_integrations = own.integrations.iter().flat_map(|integration| &integration.hooks);
            own.hooks.iter().chain(of_integrations)
        });
        let functions = hooks.filter_map(|hook| hook.code.function().map(str::to_owned));
        functions.collect()
    })
}

/// The words of the command line that is being completed: the shell gives them behind `--`.
fn typed() -> Vec<String> {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    words.skip_while(|word| word != "--").skip(1).collect()
}

/// Completes whatever `show` can show.
pub(super) fn anything() -> ArgValueCompleter {
    completer(|files| files.as_ref().map(show::all_names).unwrap_or_default())
}

/// Completes the names of profiles.
pub(super) fn profiles() -> ArgValueCompleter {
    completer(|files| {
        let names = files.into_iter().flat_map(|files| files.profiles.into_keys());
        names.chain([NONE.to_owned()]).collect()
    })
}

/// Completes the names of secrets.
pub(super) fn secrets() -> ArgValueCompleter {
    completer(|files| {
        let vault = files.and_then(|files| vault::open_without_keys(&files.root).ok());
        let names = vault.and_then(|vault| vault.names().ok()).unwrap_or_default();
        names.iter().map(ToString::to_string).collect()
    })
}

/// The project is looked for in the current folder: the shell does not say what `-C` is.
fn completer(names: fn(Option<ProjectFiles>) -> Vec<String>) -> ArgValueCompleter {
    ArgValueCompleter::new(move |typed: &std::ffi::OsStr| {
        let typed = typed.to_string_lossy();
        let here = locate::find(std::path::Path::new(".")).ok().flatten();
        let mut names = names(here.and_then(|root| load::load(&root).ok()));
        names.retain(|name| name.starts_with(&*typed));
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(CompletionCandidate::new).collect()
    })
}
