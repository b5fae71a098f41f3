//! Modules by themselves, without a mesh around them: events in, what the code makes of them out.

use std::path::Path;

use resilmesh_service::rehearsal::{Answer, Request};
use serde_json::{Map, Value as Json, json};

use super::engine::Engine;
use super::{Outcome, Rejected, events};
use crate::hooks::HookError;
use crate::hooks::host::Needs;
use crate::mesh::model::{DeclaredHook, HookCode, Product};
use crate::plan::paths;
use crate::plan::render::module;
use crate::project::names;
use crate::project::test_file::Given;

/// Where its events come in, and where they leave.
const INPUT: &str = "input";
const OUTPUT: &str = "output";

/// The module's hook, if this file of its product holds it.
pub(super) fn hook<'p>(product: &'p Product, file: &str) -> Option<&'p DeclaredHook> {
    product.module().filter(|hook| match &hook.code {
        HookCode::Python { file: own, .. } | HookCode::Rust { file: own, .. } | HookCode::Vrl { file: own } => {
            own == file
        }
        HookCode::Own { .. } | HookCode::Builtin => false,
    })
}

/// Starts a module with the settings that it has if nothing is said.
pub(super) async fn start(state: &Path, product: &Product, needs: &Needs) -> Result<Engine, String> {
    // As deep as a rendered folder: the way to the virtual environments is the same.
    let folder = state.join("modules").join(names::id(&product.name));
    let given = product.settings.iter().filter(|setting| !setting.default.is_null());
    let settings: Map<String, Json> = given.map(|own| (own.name.clone(), own.default.clone())).collect();
    let config = json!({
        "name": product.name,
        "input": {"url": "nats://nowhere", "stream": INPUT, "consumer": names::id(&product.name)},
        "output": {"subject": OUTPUT, "rejected": format!("{OUTPUT}.rejected")},
        "code": module::code_of(product),
        "settings": settings,
    });
    let files = module::files(product).into_iter().chain([("module.yaml".to_owned(), config.to_string())]);
    for (path, content) in files {
        paths::write_file(&folder.join(path), content.as_bytes())
            .map_err(|error| format!("`{}` cannot be written for the engine: {error}", product.name))?;
    }
    make(state, &folder, &names::id(&product.name), product, needs).await?;
    let config = folder.join("module.yaml").display().to_string();
    let args = ["engine", "module", "--config", &config, "--rehearse"].map(str::to_owned);
    let own = format!("{}/", folder.join(module::folder(product)).display());
    let started = Engine::start(&args, &folder).await;
    started.map_err(|wrong| wrong.replace(&own, &format!("products/{}/", product.name)))
}

/// Makes what the code in a rendered folder needs, for the instance with this id: packages, or a program.
pub(super) async fn make(
    state: &Path,
    folder: &Path,
    id: &str,
    product: &Product,
    needs: &Needs,
) -> Result<(), String> {
    let said = |error: HookError| match error.hint {
        Some(hint) => format!("{} ({hint})", error.what),
        None => error.what,
    };
    let code = module::folder(product);
    let own = folder.join(&code);
    match product.module().map(|hook| &hook.code) {
        Some(HookCode::Python { .. }) => needs.packages.of(&product.name, &own).await.map(drop).map_err(said),
        Some(HookCode::Rust { .. }) => {
            let built = needs.programs.of(&product.name, &own).await.map_err(said)?;
            let name = code.rsplit('/').next().unwrap_or_default();
            let target = state.join(module::program(id, name));
            paths::copy_program(&built, &target)
                .map_err(|error| format!("`{}` cannot be written: {error}", target.display()))
        }
        _ => Ok(()),
    }
}

/// What it makes of events.
pub(super) async fn run(engine: &mut Engine, given: &[Given]) -> Result<Outcome, String> {
    let payloads = events(given).iter().map(Json::to_string).collect();
    let passed = match engine.ask(&Request::Feed { at: INPUT.to_owned(), payloads }).await? {
        Answer::Passed(passed) => passed,
        other => return Err(format!("the engine answered {other:?}")),
    };
    let mut outcome = Outcome { lost: passed.lost, ..Outcome::default() };
    for left in passed.left {
        if left.at == OUTPUT {
            let event = serde_json::from_str(&left.payload);
            outcome.events.push(event.map_err(|error| format!("what came out is no JSON: {error}"))?);
        } else {
            outcome.rejected.push(Rejected::of(&left.payload));
        }
    }
    Ok(outcome)
}
