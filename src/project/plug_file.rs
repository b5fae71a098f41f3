//! `instances/<product>/<source>/plugs/<destination>/<topic>[_pull].yaml`: a connection.

use std::collections::BTreeMap;

use super::code::Code;
use super::decode::{Fields, Located, Report};
use super::instance_file;
use super::names;
use super::position::{Mark, Position};
use super::schema::tables::PLUG;
use super::yaml::Node;
use crate::mesh::model::{Mode, PlugId};

/// What to do about a plug of every topic.
const ONE_TOPIC: &str = "the name of the file is the one topic that the plug carries; make a file for each";

/// A plug as written. Its place in the tree says what it connects; the keys may repeat it.
#[derive(Debug, Clone, PartialEq)]
pub struct PlugFile {
    /// What names it, as the path says.
    pub id: PlugId,
    /// The product in whose folder the source stands.
    pub source_product: String,
    /// The format asked for.
    pub format: Option<Located<String>>,
    /// Trigger to executor, rather than producer to consumer; none = not said.
    pub kind: Option<Located<String>>,
    /// The instance that is to set up both ends.
    pub owner: Option<Located<String>>,
    /// Meshroom brought it up.
    pub up: bool,
    /// Settings as written, by name.
    pub settings: BTreeMap<String, Located<Node>>,
    /// Where it is declared.
    pub at: Position,
    /// Where its keys have their values.
    places: BTreeMap<&'static str, Mark>,
}

impl PlugFile {
    /// Reads the document of the plug that the path names.
    pub fn decode(node: &Node, source_product: &str, id: PlugId, report: &mut Report) -> Self {
        let at = report.position(node.at);
        if let Err(wrong) = names::check_topic(&id.topic) {
            let found = report.error(Mark::START, wrong);
            let hint = if names::stands_for_all(&id.topic) { ONE_TOPIC } else { names::NAME_HINT };
            (found.code, found.hint) = (Code::BadName, Some(hint.to_owned()));
        }
        let mut file = Self {
            id,
            source_product: source_product.to_owned(),
            format: None,
            kind: None,
            owner: None,
            up: false,
            settings: BTreeMap::new(),
            at,
            places: BTreeMap::new(),
        };
        let Some(mut fields) = Fields::of(node, "the plug", &PLUG, report) else { return file };
        let mode = file.id.mode.word();
        for (key, path) in [
            ("src_instance", file.id.source.as_str()),
            ("dst_instance", &file.id.destination),
            ("topic", &file.id.topic),
            ("mode", mode),
        ] {
            let said = fields.text(key, report);
            file.places.extend(said.iter().map(|said| (key, said.at)));
            if let Some(said) = said.filter(|said| said.value != path) {
                let message = format!("`{key}` is `{}`, but the path of the file says `{path}`", said.value);
                let found = report.error(said.at, message);
                found.code = Code::PathDisagrees;
                found.hint = Some("rename the file or correct the key".to_owned());
            }
        }
        file.format = fields.text("format", report);
        file.kind = fields.text("kind", report);
        file.owner = fields.text("owner", report);
        for (key, said) in [("format", &file.format), ("owner", &file.owner)] {
            file.places.extend(said.iter().map(|said| (key, said.at)));
        }
        file.settings = instance_file::settings(&mut fields, "settings", report);
        for key in ["src_config", "dst_config"] {
            // Here Meshroom keeps what it has asked for; what was set since goes before it.
            for (name, value) in instance_file::settings(&mut fields, key, report) {
                file.settings.entry(name).or_insert(value);
            }
        }
        file.up =
            fields.get("status").is_some() && fields.text("status", report).is_some_and(|said| said.value == "up");
        fields.finish(report);
        file
    }
}

impl PlugFile {
    /// Where `key` has its value, or the start if the file does not say it.
    pub fn place(&self, key: &str) -> Position {
        self.places.get(key).map_or_else(|| self.at.clone(), |at| Position::new(&self.at.file, *at))
    }
}

/// Topic and mode from the stem of a plug's file.
pub fn topic_and_mode(stem: &str) -> (&str, Mode) {
    stem.strip_suffix("_pull").map_or((stem, Mode::Push), |topic| (topic, Mode::Pull))
}

/// The name of the file of a plug.
pub fn file_name(topic: &str, mode: Mode) -> String {
    match mode {
        Mode::Push => format!("{topic}.yaml"),
        Mode::Pull => format!("{topic}_pull.yaml"),
    }
}
