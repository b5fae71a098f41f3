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
    let mut tips = Vec::new();
    for (tip, old) in text.lines().filter_map(pushed) {
        there.push(old);
        // A branch that is deleted there brings nothing.
        if !tip.is_zero() && Some(tip) != checked {
            tips.push(tip);
        }
    }
    if tips.is_empty() {
        return Ok(());
    }
    let scanner = leaks::scanner(cx, &repository)?;
    let mut found = Vec::new();
    for tip in tips {
        let commits = outgoing::commits(&repository, tip, &there)?;
        found.extend(outgoing::in_commits(&repository, &scanner, &commits)?);
    }
    found.sort();
    found.dedup();
    leaks::refuse("nothing is pushed", found)
}

/// What a line says is pushed, and what is there now: `<local ref> <local id> <remote ref> <remote id>`.
fn pushed(line: &str) -> Option<(Oid, Oid)> {
    let words: Vec<&str> = line.split(' ').collect();
    let [_, local, _, remote] = words[..] else { return None };
    Some((Oid::from_str(local).ok()?, Oid::from_str(remote).ok()?))
}
