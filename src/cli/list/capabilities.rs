//! `resilmesh list capabilities`.

use std::collections::BTreeSet;
use std::fmt;

use clap::Args;
use serde::Serialize;

use super::{cell, document, need_catalogue};
use crate::cli::completion;
use crate::cli::create::RoleArg;
use crate::cli::failure::Failure;
use crate::cli::plug::ModeArg;
use crate::cli::{Context, edit};
use crate::mesh::integrations::topics;
use crate::mesh::matching::general;
use crate::mesh::model::{Mode, Product, Role};
use crate::project::load::ProjectFiles;

/// What products can do
///
/// As their definitions say, and their setup hooks.
#[derive(Debug, Args)]
pub(super) struct CapabilitiesArgs {
    /// Only those of this product
    #[arg(add = completion::products())]
    product: Option<String>,
    /// Only those for this topic
    #[arg(short, long, add = completion::topics())]
    topic: Option<String>,
    /// Only those in this part
    #[arg(short, long)]
    role: Option<RoleArg>,
    /// Only those in this mode
    #[arg(short, long)]
    mode: Option<ModeArg>,
}

/// A capability as listed; ordered as shown.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(in crate::cli) struct Row {
    product: String,
    topic: String,
    role: Role,
    mode: Mode,
    format: Option<String>,
}

pub(super) fn run(cx: &Context, mut files: ProjectFiles, args: &CapabilitiesArgs) -> Result<(), Failure> {
    match &args.product {
        Some(name) => drop(edit::product(&mut files, name)?),
        None => need_catalogue(&mut files),
    }
    let role = args.role.map(Role::from);
    let mode = args.mode.map(Mode::from);
    let rows: BTreeSet<Row> = files
        .products
        .values()
        .filter(|own| args.product.as_ref().is_none_or(|name| own.name == *name))
        .flat_map(rows)
        .filter(|row| args.topic.as_ref().is_none_or(|topic| row.topic == *topic))
        .filter(|row| role.is_none_or(|role| row.role == role) && mode.is_none_or(|mode| row.mode == mode))
        .collect();
    if cx.ui.json {
        document(cx, "capabilities", &rows);
        return Ok(());
    }
    let cells = |row: &Row| {
        vec![
            row.product.clone(),
            row.topic.clone(),
            row.role.word().to_owned(),
            row.mode.word().to_owned(),
            cell(row.format.as_deref().unwrap_or_default()),
        ]
    };
    cx.ui.table(&["Product", "Topic", "Role", "Mode", "Format"], &rows.iter().map(cells).collect::<Vec<_>>());
    Ok(())
}

/// Meshroom's words: `TOPIC ROLE`, then mode and format in brackets if they are not the usual ones.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.topic, self.role.word())?;
        let pull = (self.mode == Mode::Pull).then_some("pull");
        let more: Vec<&str> = pull.into_iter().chain(self.format.as_deref()).collect();
        if more.is_empty() { Ok(()) } else { write!(f, " ({})", more.join(" ")) }
    }
}

/// What a product can do; `*` stands for every topic.
pub(in crate::cli) fn rows(product: &Product) -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    for topic in topics(product) {
        for role in [Role::Consumer, Role::Producer, Role::Trigger, Role::Executor] {
            let own = general(product, role, topic).into_iter();
            rows.extend(own.filter(|(_, named)| *named || topic == "*").map(|(own, _)| Row {
                product: product.name.clone(),
                topic: topic.to_owned(),
                role,
                mode: own.mode,
                format: own.format,
            }));
        }
    }
    rows
}
