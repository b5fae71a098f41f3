//! Zones and conduits (IEC 62443): what goes from one network zone to another goes through a conduit that
//! the project declares.
//!
//! Judged by what is written rather than by the compiled mesh, so that a plug with another mistake is
//! judged as well. The direction is that of what a plug carries, from its source to its destination: who
//! opens the connection is a matter of its mode.

use std::collections::{BTreeMap, BTreeSet};

use super::model::PlugId;
use crate::project::code::Code;
use crate::project::decode::Located;
use crate::project::instance_file::InstanceFile;
use crate::project::load::ProjectFiles;
use crate::project::names;
use crate::project::plug_file::PlugFile;
use crate::project::position::{Diagnostic, Mark, Position};
use crate::project::project_file::FILE_NAME;
use crate::project::zone::{Conduit, Zone};

/// The rule that is broken.
const RULE: &str = "IEC 62443-3-3 SR 5.2, zone boundary protection";

/// Finds plugs that cross a boundary where no conduit does, and what is wrong with zones.
pub(super) fn check(files: &ProjectFiles, found: &mut Vec<Diagnostic>) {
    let zones = &files.project.zones;
    if zones.is_empty() {
        found.extend(files.instances.iter().filter_map(without_effect));
        return;
    }
    let mut members = Members::new();
    for instance in &files.instances {
        if !members.contains_key(instance.name.as_str()) {
            let place = Place::of(instance, zones);
            found.extend(place.mistake(instance, zones));
            members.insert(&instance.name, place);
        }
    }
    found.extend(conduits_to_nowhere(zones));
    let mut used = Used::default();
    for plug in &files.plugs {
        found.extend(judge(plug, &members, zones, &mut used));
    }
    if !used.unsure {
        found.extend(unused(zones, &used));
    }
}

type Zones = BTreeMap<String, Zone>;
type Members<'a> = BTreeMap<&'a str, Place<'a>>;

/// Where an instance is.
enum Place<'a> {
    /// In a zone; said there.
    In(&'a str, Position),
    /// In none.
    Outside,
    /// In one that the project does not have; said there.
    Unknown(&'a Located<String>),
}

impl<'a> Place<'a> {
    fn of(instance: &'a InstanceFile, zones: &Zones) -> Self {
        match &instance.zone {
            None => Self::Outside,
            Some(said) if zones.contains_key(&said.value) => {
                Self::In(&said.value, Position::new(&instance.at.file, said.at))
            }
            Some(said) => Self::Unknown(said),
        }
    }

    fn mistake(&self, instance: &InstanceFile, zones: &Zones) -> Option<Diagnostic> {
        let name = &instance.name;
        match self {
            Self::In(..) => None,
            Self::Outside => {
                let message = format!("`{name}` is in no zone, so that it can be plugged to nothing that is in one");
                let hint = format!("`resilmesh configure {name} --zone ZONE`; there is {}", listed(zones));
                Some(Diagnostic::warning(instance.at.clone(), message).coded(Code::NoZone).with_hint(hint))
            }
            Self::Unknown(said) => {
                let at = Position::new(&instance.at.file, said.at);
                let message = format!("`{name}` is in zone `{}`, which this project does not have", said.value);
                let unknown = Diagnostic::error(at, message).coded(Code::UnknownZone);
                Some(unknown.with_hint_if(names::suggest(&said.value, zones.keys().map(String::as_str))))
            }
        }
    }
}

fn listed(zones: &Zones) -> String {
    names::list(zones.keys().map(String::as_str))
}

/// A place in `resilmesh.yaml`.
fn place(at: Mark) -> Position {
    Position::new(FILE_NAME, at)
}

/// Of an instance that says its zone in a project that has none.
fn without_effect(instance: &InstanceFile) -> Option<Diagnostic> {
    let said = instance.zone.as_ref()?;
    let at = Position::new(&instance.at.file, said.at);
    let message = format!("zone `{}` of `{}` has no effect: the project has no zones", said.value, instance.name);
    let hint = format!("`zones` of `{FILE_NAME}` lists them, and the conduits between them");
    Some(Diagnostic::warning(at, message).coded(Code::UnknownZone).with_hint(hint))
}

/// Conduits that lead to no other zone of the project.
fn conduits_to_nowhere(zones: &Zones) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (from, zone) in zones {
        for (to, conduit) in &zone.conduits {
            if from == to {
                let message = format!("zone `{from}` has a conduit to itself: within a zone everything may pass");
                found.push(Diagnostic::warning(place(conduit.at), message).coded(Code::UnusedConduit));
            } else if !zones.contains_key(to) {
                let message = format!("zone `{from}` has a conduit to `{to}`, which this project does not have");
                let others = zones.keys().map(String::as_str).filter(|other| other != from);
                let unknown = Diagnostic::error(place(conduit.at), message).coded(Code::UnknownZone);
                found.push(unknown.with_hint_if(names::suggest(to, others)));
            }
        }
    }
    found
}

/// What has passed between zones.
#[derive(Default)]
struct Used<'a> {
    /// The topics, by where they come from and where they go.
    passed: BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>>,
    /// Some plug does not pass, or could not be judged: what becomes of it may need a conduit that seems to be
    /// unused.
    unsure: bool,
}

/// What is wrong with where a plug goes.
fn judge<'a>(plug: &'a PlugFile, members: &Members<'a>, zones: &Zones, used: &mut Used<'a>) -> Option<Diagnostic> {
    let ends = [&plug.id.source, &plug.id.destination].map(|name| members.get(name.as_str()));
    match ends {
        [Some(Place::In(from, said_from)), Some(Place::In(to, said_to))] if from != to => {
            used.passed.entry((from, to)).or_default().insert(&plug.id.topic);
            let hint = Crossing { id: &plug.id, from, to }.refused(zones)?;
            used.unsure = true;
            let message = format!(
                "plug `{}` goes from zone `{from}` ({said_from}) to zone `{to}` ({said_to}) where no conduit does ({RULE})",
                plug.id
            );
            Some(Diagnostic::error(plug.at.clone(), message).coded(Code::NoConduit).with_hint(hint))
        }
        [Some(Place::In(from, _)), Some(Place::Outside)] => {
            used.unsure = true;
            Some(boundary(plug, "out of", from, &plug.id.destination, zones))
        }
        [Some(Place::Outside), Some(Place::In(to, _))] => {
            used.unsure = true;
            Some(boundary(plug, "into", to, &plug.id.source, zones))
        }
        [Some(Place::Unknown(_)) | None, _] | [_, Some(Place::Unknown(_)) | None] => {
            used.unsure = true;
            None
        }
        [Some(_), Some(_)] => None,
    }
}

/// Of a plug between a zone and an instance that is in none.
fn boundary(plug: &PlugFile, way: &str, zone: &str, outsider: &str, zones: &Zones) -> Diagnostic {
    let message = format!(
        "plug `{}` goes {way} zone `{zone}`, but `{outsider}` at its other end is in no zone ({RULE})",
        plug.id
    );
    let hint = format!("`resilmesh configure {outsider} --zone ZONE`; there is {}", listed(zones));
    Diagnostic::error(plug.at.clone(), message).coded(Code::NoConduit).with_hint(hint)
}

/// A plug from one zone to another.
struct Crossing<'a> {
    id: &'a PlugId,
    from: &'a str,
    to: &'a str,
}

impl Crossing<'_> {
    /// What to do about it, unless a conduit lets it pass.
    fn refused(&self, zones: &Zones) -> Option<String> {
        let (from, to, topic) = (self.from, self.to, self.id.topic.as_str());
        let zone = zones.get(from)?;
        let Some(conduit) = zone.conduits.get(to) else {
            let line = format!("`{to}: [{topic}]` below `conduits` of zone `{from}` ({})", place(zone.at));
            let back = zones.get(to).and_then(|other| other.conduits.get(from));
            let back = back.filter(|back| back.topics.iter().any(|known| lets_pass(known, topic)));
            let back = back.map(|back| format!("; the one at {} leads the other way", place(back.at)));
            return Some(format!("if it is to pass, add {line}{}", back.unwrap_or_default()));
        };
        if conduit.topics.iter().any(|known| lets_pass(known, topic)) {
            return None;
        }
        let near = conduit.topics.iter().find(|known| names::is_slip(topic, &known.value));
        Some(match near {
            Some(near) => format!("did you mean `{topic}` where {} has `{}`?", place(near.at), near.value),
            None => format!("if it is to pass, add `{topic}` to the topics at {}", place(conduit.at)),
        })
    }
}

fn lets_pass(said: &Located<String>, topic: &str) -> bool {
    said.value == topic || names::stands_for_all(&said.value)
}

/// Conduits, and topics of conduits, that no plug needs.
fn unused(zones: &Zones, used: &Used<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (from, zone) in zones {
        let others = zone.conduits.iter().filter(|(to, _)| *to != from && zones.contains_key(*to));
        for (to, conduit) in others {
            found.extend(unused_of(from, to, conduit, used));
        }
    }
    found
}

fn unused_of(from: &str, to: &str, conduit: &Conduit, used: &Used<'_>) -> Vec<Diagnostic> {
    let passing = used.passed.get(&(from, to));
    let is_used = |said: &&Located<String>| passing.into_iter().flatten().any(|topic| lets_pass(said, topic));
    let (needed, idle): (Vec<_>, Vec<_>) = conduit.topics.iter().partition(is_used);
    let warning = |at: Mark, message: String| {
        let hint = "take it out, unless a plug for it is on its way";
        Diagnostic::warning(place(at), message).coded(Code::UnusedConduit).with_hint(hint)
    };
    if needed.is_empty() && !idle.is_empty() {
        return vec![warning(conduit.at, format!("no plug goes through the conduit from `{from}` to `{to}`"))];
    }
    let of_topic = |said: &Located<String>| {
        warning(said.at, format!("no plug carries `{}` through the conduit from `{from}` to `{to}`", said.value))
    };
    idle.into_iter().map(of_topic).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::mesh::model::Mode;
    use crate::project::decode::Report;
    use crate::project::project_file::ProjectFile;
    use crate::project::yaml;

    fn zones(text: &str) -> Zones {
        let node = yaml::parse(&format!("version: 1\nzones:\n{text}"), Path::new(FILE_NAME)).expect("YAML");
        let mut report = Report::new(Path::new(FILE_NAME));
        let project = ProjectFile::decode(&node, &mut report);
        assert_eq!(report.found, []);
        project.zones
    }

    /// What is to be done about a plug of `logs` from `a` to `b`.
    fn refused(text: &str) -> Option<String> {
        let id = PlugId { source: "x".into(), destination: "y".into(), topic: "logs".into(), mode: Mode::Pull };
        Crossing { id: &id, from: "a", to: "b" }.refused(&zones(text))
    }

    #[test]
    fn a_conduit_lets_pass_what_it_lists_in_its_direction() {
        for passes in ["[logs]", "logs", "[alerts, logs]", "'*'", "any", "[alerts, '*']"] {
            assert_eq!(refused(&format!("  a: {{conduits: {{b: {passes}}}}}\n  b:\n")), None, "{passes}");
        }
        assert!(refused("  a:\n  b: {conduits: {a: [logs]}}\n").is_some_and(|hint| hint.ends_with("the other way")));
    }

    #[test]
    fn the_line_that_is_lacking_is_told() {
        let told = |text: &str| refused(text).expect("a hint");
        let add = "if it is to pass, add `b: [logs]` below `conduits` of zone `a` (resilmesh.yaml:3:3)";
        assert_eq!(told("  a:\n  b:\n"), add);
        assert_eq!(told("  a:\n  b: {conduits: {a: [alerts]}}\n"), add, "that one is about something else");
        let topics = "if it is to pass, add `logs` to the topics at resilmesh.yaml:3:18";
        assert_eq!(told("  a: {conduits: {b: [alerts]}}\n  b:\n"), topics);
        let slip = "did you mean `logs` where resilmesh.yaml:3:22 has `log`?";
        assert_eq!(told("  a: {conduits: {b: [log]}}\n  b:\n"), slip);
    }
}
