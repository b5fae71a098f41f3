//! From event to an operation of a bulk request: action, index, id, document.

use std::borrow::Cow;
use std::str::FromStr;

use vrl::path::OwnedValuePath;
use vrl::value::Value;

use crate::codec::encode::{self, Fields};
use crate::codec::template::Template;
use crate::event::Event;
use crate::sink::confine::{Route, RouteError};

/// What is done with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// It is stored, in place of another one with its id.
    Index,
    /// It is stored if there is none with its id.
    Create,
    /// The one with its id is changed.
    Update,
}

impl Action {
    /// As the bulk API calls it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Create => "create",
            Self::Update => "update",
        }
    }
}

impl FromStr for Action {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        [Self::Index, Self::Create, Self::Update].into_iter().find(|action| action.as_str() == word).ok_or(())
    }
}

/// The action of each event.
pub(super) enum ActionTemplate {
    Always(Action),
    Each(Template),
}

/// The version of each document, given from outside.
pub(super) struct Version {
    pub(super) template: Template,
    pub(super) kind: VersionType,
}

/// What versions from outside are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VersionType {
    External,
    ExternalGte,
}

impl VersionType {
    fn as_str(self) -> &'static str {
        match self {
            Self::External => "external",
            Self::ExternalGte => "external_gte",
        }
    }
}

/// Makes operations of events.
pub(super) struct Operations {
    action: ActionTemplate,
    index: Route,
    fallback_index: Option<String>,
    id_key: Option<OwnedValuePath>,
    version: Option<Version>,
    /// The type of documents, which servers before 7 want to be told.
    doc_type: Option<String>,
    fields: Fields,
}

/// An event that can be made no operation.
#[derive(Debug)]
pub(super) struct Impossible {
    /// What to count it under.
    pub(super) reason: &'static str,
    /// What stands in the way.
    pub(super) message: String,
}

/// Where the parts of an operation end in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) action: Action,
    /// The document begins here.
    pub(super) document: usize,
}

impl Operations {
    pub(super) fn new(
        action: ActionTemplate,
        index: Route,
        fallback_index: Option<String>,
        id_key: Option<OwnedValuePath>,
        version: Option<Version>,
        doc_type: String,
        fields: Fields,
    ) -> Self {
        Self { action, index, fallback_index, id_key, version, doc_type: Some(doc_type), fields }
    }

    /// The server wants no types.
    pub(super) fn without_types(&mut self) {
        self.doc_type = None;
    }

    /// Where the id of a document stands in its event.
    pub(super) fn id_key(&self) -> Option<&OwnedValuePath> {
        self.id_key.as_ref()
    }

    /// Where the document of an event goes.
    pub(super) fn index_of(&self, event: &Event) -> Result<String, Impossible> {
        self.index(event).map(Cow::into_owned)
    }

    /// Appends the operation for `event` to `body`, and takes the id out of the event.
    pub(super) fn write(&self, event: &mut Event, body: &mut Vec<u8>) -> Result<Written, Impossible> {
        let action = self.action(event)?;
        let index = self.index(event)?.into_owned();
        let version = self.version(event);
        let id = self.id_key.as_ref().and_then(|key| event.value.remove(key, false)).and_then(|id| match &id {
            Value::Bytes(_) | Value::String(_) => Some(id.to_string_lossy().into_owned()),
            _ => None,
        });
        self.write_head(action, &index, id.as_deref(), version, body);
        let document = body.len();
        encode::json(&self.fields.apply(&event.value), body);
        body.push(b'\n');
        Ok(Written { action, document })
    }

    fn action(&self, event: &Event) -> Result<Action, Impossible> {
        let template = match &self.action {
            ActionTemplate::Always(action) => return Ok(*action),
            ActionTemplate::Each(template) => template,
        };
        let word = template
            .render(event)
            .map_err(|error| Impossible { reason: "bulk action lacks fields", message: error.to_string() })?;
        word.parse()
            .map_err(|()| Impossible { reason: "unknown bulk action", message: format!("`{word}` is no bulk action") })
    }

    fn index(&self, event: &Event) -> Result<Cow<'_, str>, Impossible> {
        self.index.render(event).or_else(|error| match (&error, &self.fallback_index) {
            (RouteError::Missing(_), Some(fallback)) => Ok(Cow::Borrowed(fallback.as_str())),
            (RouteError::Missing(_), None) => {
                Err(Impossible { reason: "index lacks fields", message: error.to_string() })
            }
            // Nothing falls back here: somebody tried to write where events may not go.
            (RouteError::Outside(..), _) => {
                Err(Impossible { reason: "index outside of its prefix", message: error.to_string() })
            }
        })
    }

    /// An event without a version that is a number goes without one, as with Vector.
    fn version(&self, event: &Event) -> Option<(VersionType, u64)> {
        let Version { template, kind } = self.version.as_ref()?;
        Some((*kind, template.render(event).ok()?.parse().ok()?))
    }

    fn write_head(
        &self,
        action: Action,
        index: &str,
        id: Option<&str>,
        version: Option<(VersionType, u64)>,
        body: &mut Vec<u8>,
    ) {
        body.extend_from_slice(b"{\"");
        body.extend_from_slice(action.as_str().as_bytes());
        body.extend_from_slice(b"\":{");
        let mut members = Members { body, first: true };
        let kind = self.doc_type.as_deref();
        match (id, version) {
            (Some(id), Some((version_type, version))) => {
                members.text("_id", Some(id));
                members.text("_type", kind);
                members.text("_index", Some(index));
                members.text("version_type", Some(version_type.as_str()));
                members.raw("version", &version.to_string());
            }
            (id, _) => {
                members.text("_type", kind);
                members.text("_index", Some(index));
                members.text("_id", id);
            }
        }
        body.extend_from_slice(b"}}\n");
    }
}

/// Writes members of a JSON object.
struct Members<'a> {
    body: &'a mut Vec<u8>,
    first: bool,
}

impl Members<'_> {
    fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.name(name);
            encode::json_text(value, self.body);
        }
    }

    fn raw(&mut self, name: &str, value: &str) {
        self.name(name);
        self.body.extend_from_slice(value.as_bytes());
    }

    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.first) {
            self.body.push(b',');
        }
        encode::json_text(name, self.body);
        self.body.push(b':');
    }
}
