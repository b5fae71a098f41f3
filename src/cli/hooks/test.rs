//! `resilmesh hooks test`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::running::Running;
use crate::cli::{Context, block_on, completion, trust};
use crate::hooks::folder;
use crate::mesh::model::Product;
use crate::mesh::secrets::{self, Owner, Wanted};
use crate::plan::conformance::{self, Patience, Row, Settings, Subject, Terms, Trouble, Verdict};
use crate::plan::journal::PlugState;
use crate::project::load::PRODUCTS;
use crate::project::names;
use crate::project::position::Diagnostic;
use crate::project::printable::one_line;
use crate::vault::VaultError;

/// How long a hook may take to end when it is interrupted; after that, `up` kills its host.
const INTERRUPTED: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub struct TestArgs {
    /// The product
    #[arg(add = completion::products())]
    product: String,
    /// Take settings and secrets of this instance, and reach the product itself with them [default: made-up
    /// ones]
    #[arg(long, value_name = "NAME", add = completion::instances())]
    instance: Option<String>,
    /// How long the hooks of one end of a plug may take
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    patience: u64,
}

pub(super) fn run(cx: &Context, args: &TestArgs) -> Result<(), Failure> {
    let mut files = cx.project()?;
    let product = crate::cli::edit::product(&mut files, &args.product)?.clone();
    let own = Path::new(PRODUCTS).join(&product.name);
    let of_product =
        |found: &Diagnostic| found.is_error() && found.at.as_ref().is_some_and(|at| at.file.starts_with(&own));
    let mistakes: Vec<Diagnostic> = files.found.iter().filter(|found| of_product(found)).cloned().collect();
    if !mistakes.is_empty() {
        let count = names::counted(mistakes.len(), "mistake");
        return Err(Failure::new(format!("product `{}` has {count}", product.name)).found(mistakes));
    }
    let root = files.root.canonicalize().unwrap_or_else(|_| files.root.clone());
    let Some(folder) = folder(&product).map(|folder| root.join(folder)) else {
        return Err(Failure::new(format!("the hooks of product `{}` are built in", product.name))
            .hint("they are tried when resilmesh is built; this is for hooks in files"));
    };
    trust::permit(cx, [product.name.clone()].into())?;
    let (instance, settings, secrets) = match &args.instance {
        Some(name) => of_instance(cx, &product, name)?,
        None => ("tried".to_owned(), Settings::new(), Settings::new()),
    };
    let subject = Subject { product: &product, folder: &folder, instance: &instance, settings };
    let terms = terms(cx, args, &root, secrets)?;
    let rows = block_on(async {
        tokio::select! {
            rows = rows(cx, &subject, &terms) => rows,
            _ = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
        }
    })?;
    end(cx, &product, &rows)
}

fn terms(cx: &Context, args: &TestArgs, root: &Path, secrets: Settings) -> Result<Terms, Failure> {
    let ui = cx.ui.clone();
    let call = Duration::from_secs(args.patience);
    Ok(Terms {
        secrets,
        is_real: args.instance.is_some(),
        needs: cx.needs(root)?,
        patience: Patience { call, interrupted: INTERRUPTED },
        line: Arc::new(move |text| ui.progress(format!("  {text}"))),
    })
}

/// The name, the settings and the secrets of an instance that is not up.
fn of_instance(cx: &Context, product: &Product, name: &str) -> Result<(String, Settings, Settings), Failure> {
    let running = Running::open(cx)?;
    let instance = running.instance(name)?;
    if instance.product != product.name {
        return Err(Failure::usage(format!(
            "`{name}` is of product `{}`, not of `{}`",
            instance.product, product.name
        )));
    }
    let plugs = running.mesh.plugs_of(name);
    if let Some(up) = plugs.into_iter().find(|plug| running.journal.plug_state(&plug.id) != PlugState::Down) {
        return Err(Failure::new(format!("plug `{}` of `{name}` is up, and would be taken down", up.id))
            .hint("try an instance with a tenant of its own, or take this one down first"));
    }
    let secrets = secrets_of(cx, &running, name)?;
    let settings: Settings = instance.settings.clone().into_iter().filter(|(_, value)| !value.is_null()).collect();
    Ok((name.to_owned(), settings, secrets))
}

/// The secrets of an instance that are in the vault, by name.
fn secrets_of(cx: &Context, running: &Running, instance: &str) -> Result<Settings, Failure> {
    let opened = cx.secrets()?;
    let of_instance = |wanted: &Wanted| matches!(&wanted.owner, Owner::Instance(name) if name == instance);
    let mut found = Settings::new();
    for wanted in secrets::wanted(&running.mesh).into_iter().filter(of_instance) {
        let name = wanted.name.parse().map_err(|error: VaultError| Failure::from(error))?;
        match opened.get(&name) {
            Ok(secret) => found.extend(secret.to_json().map(|value| (wanted.name, value))),
            Err(VaultError::NoSecret(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

async fn rows(cx: &Context, subject: &Subject<'_>, terms: &Terms) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let mut tell = |row: Row| {
        if !cx.ui.json {
            show(cx, &row);
        }
        rows.push(row);
    };
    conformance::run(subject, terms, &mut tell).await.map_err(|trouble| match trouble {
        Trouble::Mistakes(found) => Failure::new(Trouble::Mistakes(Vec::new()).to_string()).found(found),
        Trouble::Needs(error) => error.into(),
        other @ Trouble::Files(_) => Failure::new(other.to_string()),
    })?;
    Ok(rows)
}

fn show(cx: &Context, row: &Row) {
    let (word, why, hint) = match &row.verdict {
        Verdict::Kept => ("ok", None, None),
        Verdict::Broken { why, hint } => ("broken", Some(why), hint.as_ref()),
        Verdict::NotTried { why } => ("-", Some(why), None),
    };
    let role = row.role.map(|role| format!(" ({role})")).unwrap_or_default();
    let why = why.map(|why| format!("  {}", one_line(why))).unwrap_or_default();
    cx.ui.line(format!("{word:<6}  {:<15}  {}{role}{why}", row.case.word(), row.at));
    if let Some(hint) = hint {
        cx.ui.line(format!("{:25}hint: {}", "", one_line(hint)));
    }
}

fn end(cx: &Context, product: &Product, rows: &[Row]) -> Result<(), Failure> {
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "product": product.name, "cases": rows}));
    }
    if rows.is_empty() {
        return Err(Failure::new(format!("product `{}` has no setup hooks in files", product.name))
            .hint(format!("`resilmesh create hook {} setup TOPIC ROLE` starts one", product.name)));
    }
    let broken = rows.iter().filter(|row| matches!(row.verdict, Verdict::Broken { .. })).count();
    if broken > 0 {
        return Err(Failure::new(format!(
            "product `{}` breaks {} of what hooks must keep",
            product.name,
            names::counted(broken, "case")
        )));
    }
    let kept = rows.iter().filter(|row| row.verdict == Verdict::Kept).count();
    cx.ui.progress(format!("product `{}` keeps {}", product.name, names::counted(kept, "case")));
    Ok(())
}
