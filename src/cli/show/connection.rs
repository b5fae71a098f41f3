//! `resilmesh show` for what connects: plugs between instances, integrations between products.

use serde_json::json;

use super::{say, setting};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::mesh::matching::{general, meets};
use crate::mesh::model::{Integration, Mode, PlugId, Product, Role};
use crate::plan::journal::PlugState;
use crate::project::integration_file::{parse_stem, stem};
use crate::project::load::ProjectFiles;
use crate::project::setting::show;

/// What the stem of an integration's file says.
type Means = (Option<String>, Role, Mode);

/// The name of a plug, as `show` takes it.
pub(super) fn plug_name(id: &PlugId) -> String {
    let pull = if id.mode == Mode::Pull { "_pull" } else { "" };
    format!("{}/{}/{}{pull}", id.topic, id.source, id.destination)
}

/// The names of a product's own integrations, as `show` takes them.
pub(super) fn integration_names(product: &Product) -> impl Iterator<Item = String> + '_ {
    product
        .integrations
        .iter()
        .map(|own| format!("{}/{}/{}", product.name, own.target, stem(own.topic.as_deref(), own.role, own.mode)))
}

/// Prints a plug, which must be there.
pub(super) fn plug(cx: &Context, files: &ProjectFiles, id: &PlugId) -> Result<(), Failure> {
    let Some(plug) = files.plugs.iter().find(|plug| plug.id == *id) else {
        return Err(Failure::new(format!("there is no plug `{id}`")));
    };
    let state = cx.journal(&files.root).plug_state(id);
    let format = plug.format.as_ref().map(|format| &format.value);
    let owner = plug.owner.as_ref().map(|owner| &owner.value);
    let settings = plug.settings.iter().map(|(name, given)| (name, given.value.to_json()));
    let [from, to] = [&id.source, &id.destination].map(|end| zone(files, end));
    if cx.ui.json {
        let settings: serde_json::Map<String, _> = settings.map(|(name, value)| (name.clone(), value)).collect();
        cx.ui.document(&json!({"schema": 1, "plug": {
            "source": id.source, "destination": id.destination, "topic": id.topic, "mode": id.mode,
            "format": format, "owner": owner, "state": state, "settings": settings, "file": plug.at.file,
            "source_zone": from, "destination_zone": to,
        }}));
        return Ok(());
    }
    say(cx, &format!("{id} (plug)"));
    let mode = match id.mode {
        Mode::Push => "the source sends",
        Mode::Pull => "the destination fetches",
    };
    say(cx, &format!("  mode: {} ({mode})", id.mode.word()));
    for (what, value) in [("format", format), ("set up on both ends by", owner)] {
        if let Some(value) = value {
            say(cx, &format!("  {what}: {value}"));
        }
    }
    if let (Some(from), Some(to)) = (from, to)
        && from != to
    {
        say(cx, &format!("  crosses: from zone {from} to zone {to}"));
    }
    let state = match state {
        PlugState::Up => "up",
        PlugState::Partial => "partial",
        PlugState::Down => "down",
    };
    say(cx, &format!("  state: {state}"));
    for (name, value) in settings {
        say(cx, &format!("  {name}: {}", show(&value)));
    }
    say(cx, &format!("  file: {}", plug.at.file.display()));
    Ok(())
}

/// The zone that an instance says it is in.
fn zone<'a>(files: &'a ProjectFiles, instance: &str) -> Option<&'a str> {
    let own = files.instances.iter().find(|own| own.name == instance)?;
    own.zone.as_ref().map(|zone| zone.value.as_str())
}

/// Whether two products, which must be at hand, connect that way.
pub(super) fn can(files: &ProjectFiles, product: &str, target: &str, means: &Means) -> bool {
    let (own, other) = (&files.products[product], &files.products[target]);
    explicit(own, target, means).is_some() || !formats(own, other, means).is_empty()
}

fn explicit<'a>(product: &'a Product, target: &str, (topic, role, mode): &Means) -> Option<&'a Integration> {
    product
        .integrations
        .iter()
        .find(|own| own.target == target && (&own.topic, own.role, own.mode) == (topic, *role, *mode))
}

/// The formats in which capabilities of both match; none = any.
fn formats(product: &Product, target: &Product, (topic, role, mode): &Means) -> Vec<Option<String>> {
    let topic = topic.as_deref().unwrap_or("*");
    let theirs = general(target, role.counterpart(), topic);
    let own = general(product, *role, topic).into_iter().filter(|(own, _)| own.mode == *mode);
    let meeting = own.flat_map(|(own, _)| {
        let others = theirs.iter().filter(|(their, _)| their.mode == own.mode);
        let met = others.filter(|(their, _)| meets(their.format.as_deref(), own.format.as_deref()));
        met.map(|(their, _)| own.format.clone().or_else(|| their.format.clone())).collect::<Vec<_>>()
    });
    let mut formats: Vec<Option<String>> = meeting.collect();
    formats.sort();
    formats.dedup();
    formats
}

/// Prints the integration of that name, whose products must be at hand.
///
/// # Errors
/// When the name says no topic and role.
pub(super) fn integration(cx: &Context, files: &ProjectFiles, name: &str) -> Result<(), Failure> {
    let parts: Vec<&str> = name.split('/').collect();
    let [product, target, stem] = parts[..] else { return Err(Failure::new(format!("`{name}` is no integration"))) };
    let means = parse_stem(stem).map_err(Failure::new)?;
    let (own, other) = (&files.products[product], &files.products[target]);
    let explicit = explicit(own, target, &means);
    let formats = match explicit.and_then(|own| own.format.clone()) {
        Some(format) => vec![Some(format)],
        None => formats(own, other, &means),
    };
    let (topic, role, mode) = &means;
    let topic = topic.as_deref().unwrap_or("*");
    let settings = explicit.map_or(&[][..], |own| &own.settings);
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "integration": {
            "product": product, "target": target, "topic": topic, "role": role, "mode": mode,
            "formats": formats, "explicit": explicit.is_some(),
            "owns_both": explicit.and_then(|own| own.owns_both),
            "description": explicit.and_then(|own| own.description.as_ref()),
            "documentation_url": explicit.and_then(|own| own.documentation_url.as_ref()),
            "settings": setting::data(settings), "file": explicit.map(|own| &own.at.file),
        }}));
        return Ok(());
    }
    say(cx, &format!("{name} (integration)"));
    if let Some(description) = explicit.and_then(|own| own.description.as_ref()) {
        say(cx, &format!("  {description}"));
    }
    say(cx, &format!("  `{product}` {} {topic} towards `{target}`, by {}", role.verb(), mode.word()));
    let formats: Vec<&str> = formats.iter().map(|format| format.as_deref().unwrap_or("any")).collect();
    if !formats.is_empty() {
        say(cx, &format!("  format: {}", formats.join(", ")));
    }
    if let Some(url) = explicit.and_then(|own| own.documentation_url.as_ref()) {
        say(cx, &format!("  documentation: {url}"));
    }
    setting::lines(cx, settings);
    match explicit {
        Some(own) => say(cx, &format!("  file: {}", own.at.file.display())),
        None => say(cx, "  no file: it follows from what both can do"),
    }
    Ok(())
}
