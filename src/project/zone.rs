//! `zones` of `resilmesh.yaml`: the network zones of the mesh, and the conduits between them in the sense
//! of IEC 62443.
//!
//! A conduit stands with the zone that gives, below it the zone that gets: who adds one touches a line of
//! their own, so that two people who do it at once are in nobody's way. It says which topics may pass, and
//! "every topic" must be said (`'*'`): a list that lost its last topic must not open the boundary.

use std::collections::BTreeMap;

use super::code::Code;
use super::decode::{self, Fields, Located, Report};
use super::names;
use super::position::Mark;
use super::schema::tables::ZONE;
use super::yaml::Node;

/// A zone as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    /// Where its name stands.
    pub at: Mark,
    /// For people.
    pub description: Option<String>,
    /// What may leave it, by the zone that gets it.
    pub conduits: BTreeMap<String, Conduit>,
}

/// What may go from one zone to another, as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Conduit {
    /// Where the name of the zone stands that gets it.
    pub at: Mark,
    /// The topics; one that stands for all may be among them.
    pub topics: Vec<Located<String>>,
}

/// Reads the zones of a project.
pub(super) fn decode(fields: &mut Fields<'_>, report: &mut Report) -> BTreeMap<String, Zone> {
    let mut zones = BTreeMap::new();
    for (name, node) in fields.map("zones", report) {
        if let Err(wrong) = names::check_zone(&name.text) {
            let found = report.error(name.at, wrong);
            (found.code, found.hint) = (Code::BadName, Some(names::NAME_HINT.to_owned()));
        }
        let mut zone = Zone { at: name.at, description: None, conduits: BTreeMap::new() };
        if let Some(mut fields) = Fields::of(node, format!("zone `{}`", name.text), &ZONE, report) {
            zone.description = fields.text("description", report).map(|said| said.value);
            for (to, node) in fields.map("conduits", report) {
                let conduit = Conduit { at: to.at, topics: topics(&name.text, &to.text, node, report) };
                zone.conduits.insert(to.text.clone(), conduit);
            }
            fields.finish(report);
        }
        zones.insert(name.text.clone(), zone);
    }
    zones
}

fn topics(from: &str, to: &str, node: &Node, report: &mut Report) -> Vec<Located<String>> {
    let what = format!("the conduit from `{from}` to `{to}`");
    let mistakes = report.found.len();
    let topics = decode::texts(node, &what, report);
    if topics.is_empty() && report.found.len() == mistakes {
        report.error(node.at, format!("{what} names no topic"));
    }
    for found in &mut report.found[mistakes..] {
        let hint = "it lists the topics that may pass: `[logs, ecs_events]`; `'*'` stands for every topic";
        found.hint.get_or_insert_with(|| hint.to_owned());
    }
    topics
}
