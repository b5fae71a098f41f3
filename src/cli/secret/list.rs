//! `resilmesh secret list`: the names of all secrets. No key is needed.

use clap::Args;
use serde_json::json;

use super::note_meshroom;
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::vault::{self, SecretName};

/// Which secrets.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those in this folder of the vault
    pub folder: Option<String>,
}

/// Lists them: as a tree, or as JSON.
///
/// # Errors
/// When there is no project, or the vault cannot be read.
pub(super) fn run(cx: &Context, args: &ListArgs) -> Result<(), Failure> {
    let project = cx.project_folder()?;
    let mut names = vault::open_without_keys(&project)?.names()?;
    note_meshroom(cx, &project);
    if let Some(folder) = &args.folder {
        let start = format!("{}/", folder.trim_end_matches('/'));
        names.retain(|name| name.as_str().starts_with(&start));
    }
    if cx.ui.json {
        let names: Vec<&str> = names.iter().map(SecretName::as_str).collect();
        cx.ui.document(&json!({"schema": 1, "secrets": names}));
    } else if names.is_empty() {
        cx.ui.progress("there are no secrets");
    } else {
        cx.ui.line(tree(&names).join("\n"));
    }
    Ok(())
}

/// One line for each secret, below lines for the folders they are in.
fn tree(names: &[SecretName]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut above: Vec<&str> = Vec::new();
    for name in names {
        let mut parts: Vec<&str> = name.as_str().split('/').collect();
        let Some(last) = parts.pop() else { continue };
        let shared = above.iter().zip(&parts).take_while(|(a, b)| a == b).count();
        for (depth, folder) in parts.iter().enumerate().skip(shared) {
            lines.push(format!("{}{folder}/", "  ".repeat(depth)));
        }
        lines.push(format!("{}{last}", "  ".repeat(parts.len())));
        above = parts;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_named_once() {
        let names: Vec<SecretName> =
            ["a", "b/c/d", "b/c/e", "b/x", "f/c/g"].iter().map(|name| name.parse().expect("a name")).collect();
        assert_eq!(tree(&names), ["a", "b/", "  c/", "    d", "    e", "  x", "f/", "  c/", "    g"]);
    }
}
