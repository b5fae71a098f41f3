//! `resilmesh show INSTANCE --resolved` and `--origin KEY`: which values are in force, and who says so.

use serde_json::{Value, json};

use super::say;
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::mesh::origins::{Layer, LayerKind, Origin, of_instance, of_replicas};
use crate::mesh::secrets::name_of_instance;
use crate::project::instance_file::InstanceFile;
use crate::project::load::ProjectFiles;
use crate::project::names;
use crate::project::setting::show;

/// Prints every setting of an instance with the value that counts, and where that comes from.
///
/// # Errors
/// When the project has mistakes: values are those of a mesh that can be brought up.
pub(super) fn all(cx: &Context, files: &ProjectFiles, name: &str) -> Result<(), Failure> {
    cx.mesh()?;
    let written = instance(files, name)?;
    let origins = of_instance(files, written);
    if cx.ui.json {
        let settings: Vec<Value> = origins.iter().map(|origin| data(origin, written)).collect();
        cx.ui.document(&json!({
            "schema": 1, "instance": name, "product": written.product, "profile": files.profile, "settings": settings,
            "replicas": of_replicas(files, written).map(|origin| data(&origin, written)),
        }));
        return Ok(());
    }
    let profile = files.profile.as_ref().map(|profile| format!(", profile {profile}")).unwrap_or_default();
    say(cx, &format!("{name} ({}{profile})", written.product));
    let replicas = of_replicas(files, written);
    let rows = origins
        .iter()
        .chain(&replicas)
        .map(|origin| (format!("{}: {}", origin.setting, value(origin)), place(origin, written)));
    let rows: Vec<(String, String)> = rows.collect();
    let width = rows.iter().map(|(value, _)| value.chars().count()).max().unwrap_or(0);
    rows.iter().for_each(|(value, place)| say(cx, &format!("  {value:<width$}  {place}")));
    Ok(())
}

/// Prints everything that is said about one setting, the strongest first.
///
/// # Errors
/// When the instance has no such setting, or the project has mistakes.
pub(super) fn one(cx: &Context, files: &ProjectFiles, name: &str, key: &str) -> Result<(), Failure> {
    cx.mesh()?;
    let written = instance(files, name)?;
    let mut origins = of_instance(files, written);
    origins.extend(of_replicas(files, written));
    // A setting that is called like a key of the instance goes before it.
    let Some(origin) = origins.iter().find(|origin| origin.setting == key) else {
        let hint = names::suggest(key, origins.iter().map(|origin| origin.setting.as_str()));
        let failure = Failure::new(format!("`{name}` has no setting `{key}`"));
        return Err(hint.into_iter().fold(failure, Failure::hint));
    };
    if cx.ui.json {
        cx.ui.document(
            &json!({"schema": 1, "instance": name, "profile": files.profile, "setting": data(origin, written)}),
        );
        return Ok(());
    }
    say(cx, &format!("{key}: {}", value(origin)));
    if origin.secret {
        say(cx, &format!("  {}", place(origin, written)));
    }
    for layer in &origin.layers {
        let counts = if origin.counts() == Some(layer) { "  <- counts" } else { "" };
        say(cx, &format!("  {}: {}{counts}", said_by(layer), show(&layer.value)));
    }
    Ok(())
}

fn instance<'f>(files: &'f ProjectFiles, name: &str) -> Result<&'f InstanceFile, Failure> {
    let found = files.instances.iter().find(|own| own.name == name);
    found.ok_or_else(|| Failure::new(format!("there is no instance `{name}`")))
}

/// The value that counts; of a secret nothing.
fn value(origin: &Origin) -> String {
    match origin.counts() {
        _ if origin.secret => "(secret)".to_owned(),
        Some(layer) if !layer.value.is_null() => show(&layer.value),
        _ => "(nothing)".to_owned(),
    }
}

fn place(origin: &Origin, written: &InstanceFile) -> String {
    if origin.secret {
        let name = name_of_instance(&written.product, &written.name, &origin.setting);
        return format!("in the vault, as `{name}`");
    }
    origin.counts().map(said_by).unwrap_or_default()
}

fn said_by(layer: &Layer) -> String {
    match layer.kind {
        LayerKind::Default => format!("default, {}", layer.at),
        LayerKind::Profile | LayerKind::Instance => layer.at.to_string(),
    }
}

fn data(origin: &Origin, written: &InstanceFile) -> Value {
    let layer = |layer: &Layer| {
        json!({
            "from": layer.kind.word(), "value": layer.value, "file": layer.at.file.display().to_string(),
            "line": layer.at.line, "column": layer.at.column,
        })
    };
    let secret = origin.secret.then(|| name_of_instance(&written.product, &written.name, &origin.setting));
    let counts = origin.counts();
    json!({
        "name": origin.setting, "value": counts.map(|layer| &layer.value), "from": counts.map(|layer| layer.kind.word()),
        "secret": secret, "layers": origin.layers.iter().map(layer).collect::<Vec<_>>(),
    })
}
