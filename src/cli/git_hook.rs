//! `resilmesh git-hook`: what git calls at certain moments.

use std::io::Read;
use std::path::Path;

use clap::{Args, Subcommand};

use super::Context;
use super::failure::Failure;
use super::leaks;
use crate::git::outgoing;
use crate::git::program::CHECKED;
use crate::git::repository::{Oid, Repository};

/// Called by git
#[derive(Debug, Subcommand)]
pub enum GitHook {
    /// Before a push: refuses it if a secret stands in clear in what would leave
    PrePush(PrePushArgs),
}

/// What git says of a push.
#[derive(Debug, Args)]
pub struct PrePushArgs {
    /// The name of the remote, or its address
    pub remote: String,
    /// The address
    pub url: String,
}

/// Looks through what is pushed; git tells it on standard input.
///
/// # Errors
/// When a secret stands in clear, or that cannot be found out.
pub fn run(cx: &Context, hook: GitHook) -> Result<(), Failure> {
    let GitHook::PrePush(args) = hook;
    let repository = Repository::must(Path::new("."))?;
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::new(format!("what is pushed cannot be read: {error}")))?;
    // Set by `resilmesh share` for its own push, which it has looked through.
    let checked = std::env::var(CHECKED).ok().and_then(|id| Oid::from_str(&id).ok());
    let mut there = outgoing::known_at(&repository, &args.remote)?;
    let mut leaving = Vec::new();
    for pushed in text.lines().filter_map(Pushed::read) {
        there.push(pushed.old);
        // A branch that is deleted there brings nothing.
        if !pushed.tip.is_zero() && Some(pushed.tip) != checked {
            leaving.push(pushed);
        }
    }
    if leaving.is_empty() {
        return Ok(());
    }
    // git has standard input for itself; the user may sit at the terminal all the same.
    let cx = Context { ui: cx.ui.clone().at_session(), ..cx.clone() };
    let scanner = leaks::scanner(&cx, &repository)?;
    let mut found = Vec::new();
    for pushed in leaving {
        found.extend(outgoing::in_pushed(&repository, &scanner, pushed.name, pushed.tip, &there)?);
    }
    found.sort();
    found.dedup();
    leaks::refuse("nothing is pushed", found)
}

/// What a line says is pushed: `<local ref> <local id> <remote ref> <remote id>`.
struct Pushed<'a> {
    tip: Oid,
    /// What it is called there.
    name: &'a str,
    /// What is there now.
    old: Oid,
}

impl<'a> Pushed<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        let [_, tip, name, old] = words[..] else { return None };
        Some(Self { tip: Oid::from_str(tip).ok()?, name, old: Oid::from_str(old).ok()? })
    }
}
