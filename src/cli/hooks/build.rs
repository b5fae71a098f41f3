//! `resilmesh hooks build`.

use clap::Args;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::{Context, block_on, completion, edit, hosts, trust};
use crate::hooks;
use crate::mesh::model::{HookCode, Product};

#[derive(Debug, Args)]
pub struct BuildArgs {
    /// Only those of this product [default: all products of the project]
    #[arg(add = completion::products())]
    product: Option<String>,
}

pub(super) fn run(cx: &Context, args: &BuildArgs) -> Result<(), Failure> {
    let mut files = cx.project()?;
    if let Some(name) = &args.product {
        edit::product(&mut files, name)?;
    }
    let named = |product: &&Product| args.product.as_ref().is_none_or(|name| product.name == *name);
    let in_rust: Vec<&Product> = files.products.values().filter(named).filter(|own| is_in_rust(own)).collect();
    if in_rust.is_empty() {
        let failure = Failure::new("there are no hooks in Rust to build");
        return Err(failure.hint("`resilmesh create hook PRODUCT MOMENT ... --lang rust` starts one"));
    }
    trust::permit(cx, in_rust.iter().map(|product| product.name.clone()).collect())?;
    hosts::unpack_sdk(&files.root)?;
    let built = block_on(async {
        let hosts = cx.hosts(&files.root)?;
        let work = async {
            let mut built = Vec::new();
            for product in in_rust {
                if let Some(folder) = hooks::folder(product) {
                    let program = hosts.build(&product.name, &files.root.join(folder)).await?;
                    built.push((product.name.clone(), program));
                }
            }
            Ok(built)
        };
        tokio::select! {
            built = work => built,
            _ = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
        }
    })?;
    if cx.ui.json {
        let rows: Vec<_> =
            built.iter().map(|(product, program)| json!({"product": product, "program": program})).collect();
        cx.ui.document(&json!({"schema": 1, "programs": rows}));
    } else {
        let rows: Vec<_> =
            built.iter().map(|(product, program)| vec![product.clone(), program.display().to_string()]).collect();
        cx.ui.table(&["Product", "Program"], &rows);
    }
    Ok(())
}

fn is_in_rust(product: &Product) -> bool {
    let of_integrations = product.integrations.iter().flat_map(|integration| &integration.hooks);
    product.hooks.iter().chain(of_integrations).any(|hook| matches!(hook.code, HookCode::Rust { .. }))
}
