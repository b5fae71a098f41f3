//! `resilmesh untrust`: what was trusted may no longer run.

use clap::Args;
use serde_json::json;

use super::Context;
use super::failure::Failure;
use super::trust::with_unused;
use crate::project::names;
use crate::trust::Gate;

/// Take trust back; what runs already goes on until `down`
#[derive(Debug, Args)]
pub struct UntrustArgs {
    /// Products, and instances that name a program [default: all]
    pub names: Vec<String>,
}

/// Forgets what was trusted.
///
/// # Errors
/// When something named was not trusted.
pub fn run(cx: &Context, args: &UntrustArgs) -> Result<(), Failure> {
    let mut files = cx.project()?;
    with_unused(&mut files);
    let mut gate = Gate::open(&files)?;
    let remembered = gate.remembered();
    let name = |key: &String| key.split_once('/').map_or(key.clone(), |(_, name)| name.to_owned());
    if let Some(unknown) = args.names.iter().find(|wanted| !remembered.iter().any(|key| name(key) == **wanted)) {
        let failure = Failure::new(format!("`{unknown}` was not trusted on this machine"));
        let known: Vec<String> = remembered.iter().map(name).collect();
        return Err(names::suggest(unknown, known.iter().map(String::as_str)).into_iter().fold(failure, Failure::hint));
    }
    let taken: Vec<String> =
        remembered.into_iter().filter(|key| args.names.is_empty() || args.names.contains(&name(key))).collect();
    if taken.is_empty() {
        cx.ui.done("nothing was trusted", json!({"untrusted": []}));
        return Ok(());
    }
    for key in &taken {
        gate.untrust(key);
    }
    gate.save()?;
    let taken: Vec<String> = taken.iter().map(name).collect();
    cx.ui.done(
        format!("no longer trusted: {}", names::list(taken.iter().map(String::as_str))),
        json!({"untrusted": taken}),
    );
    Ok(())
}
