//! `resilmesh hooks list`.

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::{Context, completion, edit};
use crate::mesh::model::{DeclaredHook, HookKind, HookOrder, Mode, Product, Role};

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those of this product [default: all products of the project]
    #[arg(add = completion::products())]
    product: Option<String>,
}

/// A hook as listed.
#[derive(Serialize)]
struct Entry<'a> {
    product: &'a str,
    kind: HookKind,
    target: Option<&'a str>,
    role: Option<Role>,
    topic: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    into: Option<&'a str>,
    mode: Option<Mode>,
    format: Option<&'a str>,
    order: String,
    title: &'a str,
    owns_both: bool,
    keep_when_overloaded: bool,
    function: Option<&'a str>,
    at: String,
}

impl<'a> Entry<'a> {
    fn new(product: &'a Product, target: Option<&'a str>, hook: &'a DeclaredHook) -> Self {
        Self {
            product: &product.name,
            kind: hook.kind,
            target,
            role: hook.role,
            topic: hook.topic.as_deref(),
            into: hook.into.as_deref(),
            mode: hook.mode,
            format: hook.format.as_deref(),
            order: match hook.order {
                HookOrder::First => "first".to_owned(),
                HookOrder::At(number) => number.to_string(),
                HookOrder::Unordered => String::new(),
                HookOrder::Last => "last".to_owned(),
            },
            title: &hook.title,
            owns_both: hook.owns_both,
            keep_when_overloaded: hook.keep_when_overloaded,
            function: hook.code.function(),
            at: hook.at.to_string(),
        }
    }
}

pub(super) fn run(cx: &Context, args: &ListArgs) -> Result<(), Failure> {
    let mut files = cx.project()?;
    if let Some(name) = &args.product {
        edit::product(&mut files, name)?;
    }
    files.found.iter().for_each(|found| cx.ui.diagnostic(found));
    let products = files.products.values().filter(|own| args.product.as_ref().is_none_or(|name| own.name == *name));
    let entries: Vec<Entry<'_>> = products
        .flat_map(|product| {
            let general = product.hooks.iter().map(move |hook| Entry::new(product, None, hook));
            let own = product.integrations.iter().flat_map(move |integration| {
                integration.hooks.iter().map(move |hook| Entry::new(product, Some(&integration.target), hook))
            });
            general.chain(own)
        })
        .collect();
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "hooks": entries}));
        return Ok(());
    }
    let or_any = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let row = |own: &Entry<'_>| {
        vec![
            own.product.to_owned(),
            serde_json::to_value(own.kind).ok().and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default(),
            or_any(own.role.map(Role::word)),
            or_any(topics(own).as_deref()),
            or_any(own.mode.map(Mode::word)),
            or_any(own.format),
            or_any(own.target),
            if own.order.is_empty() { "-".to_owned() } else { own.order.clone() },
            own.title.to_owned(),
            own.at.clone(),
        ]
    };
    let titles = ["Product", "Hook", "Role", "Topic", "Mode", "Format", "Target", "Order", "Title", "Where"];
    cx.ui.table(&titles, &entries.iter().map(row).collect::<Vec<_>>());
    Ok(())
}

/// The topic; of a `process` hook, from which topic to which.
fn topics(entry: &Entry<'_>) -> Option<String> {
    match (entry.topic, entry.into) {
        (from, Some(into)) => Some(format!("{} -> {into}", from.unwrap_or("*"))),
        (from, None) => from.map(str::to_owned),
    }
}
