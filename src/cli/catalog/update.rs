//! `resilmesh catalog update`.

use std::collections::BTreeSet;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::add::pins;
use super::{chosen, save, short, sound};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::trust::print_change;
use crate::git::catalogue::layout::{Products, lay_out};
use crate::git::catalogue::mirror::Mirror;
use crate::project::content::Content;
use crate::project::load::ProjectFiles;
use crate::trust::review::{Change, FileChange, changes};

/// Show what is new in catalogues, and use it
#[derive(Debug, Args)]
pub(super) struct UpdateArgs {
    /// Which ones [default: all]
    names: Vec<String>,
    /// Show what would change, and change nothing
    #[arg(long)]
    plan: bool,
}

/// What is new in a catalogue.
#[derive(Serialize)]
struct News {
    name: String,
    from: String,
    to: String,
    products: Vec<ProductNews>,
}

#[derive(Serialize)]
struct ProductNews {
    name: String,
    change: Change,
    files: Vec<FileChange>,
}

pub(super) fn run(cx: &Context, mut files: ProjectFiles, args: &UpdateArgs) -> Result<(), Failure> {
    sound(&files)?;
    let mut all = Vec::new();
    let mut lock = files.lock.clone();
    for (name, locked) in chosen(&files, &args.names)? {
        let mirror = Mirror::of(&locked.url)?;
        cx.ui.progress(format!("fetching {}", locked.url));
        mirror.fetch()?;
        let commit = mirror.resolve(locked.rev.as_deref())?;
        let now = lay_out(&mirror, &commit, name)?;
        // A commit that is gone there and was never here cannot be compared with.
        let before = mirror.resolve(Some(&locked.commit)).ok().map(|old| lay_out(&mirror, &old, name)).transpose()?;
        let news = News {
            name: name.clone(),
            from: locked.commit.clone(),
            to: commit.id().to_string(),
            products: compare(&before.unwrap_or_default(), &now),
        };
        if !cx.ui.json {
            print(cx, &news, &short(&commit));
        }
        all.push(news);
        if let Some(pinned) = lock.catalogues.get_mut(name) {
            pinned.commit = commit.id().to_string();
            pinned.products = pins(&now);
        }
    }
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "catalogues": all}));
    }
    if !args.plan && lock != files.lock {
        files.lock = lock;
        save(&files)?;
    }
    Ok(())
}

fn compare(old: &Products, new: &Products) -> Vec<ProductNews> {
    let nothing = Content::default();
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let news = names.into_iter().filter_map(|name| {
        let change = match (old.get(name), new.get(name)) {
            (old, new) if old == new => return None,
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            _ => Change::Changed,
        };
        let files = changes(old.get(name).unwrap_or(&nothing), new.get(name).unwrap_or(&nothing));
        Some(ProductNews { name: name.clone(), change, files })
    });
    news.collect()
}

fn print(cx: &Context, news: &News, now: &str) {
    let then = &news.from[..news.from.len().min(10)];
    if news.from == news.to {
        return cx.ui.progress(format!("catalogue `{}` is up to date at {now}", news.name));
    }
    cx.ui.progress(format!("catalogue `{}`: {then} -> {now}", news.name));
    for product in &news.products {
        let word = match product.change {
            Change::Added => "new",
            Change::Changed => "changed",
            Change::Removed => "removed",
        };
        cx.ui.line(format!("product `{}`: {word}", product.name));
        match product.change {
            Change::Changed => product.files.iter().for_each(|file| print_change(cx, file)),
            _ => product.files.iter().for_each(|file| cx.ui.line(format!("  {}  {}", file.path, file.now))),
        }
    }
}
