//! The options of one component, and how a component takes them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_yaml::{Mapping, Value};

use super::error::{ConfigError, Position, closest};
use super::yaml::Place;

/// The three sorts of components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Events enter here.
    Source,
    /// Events are changed here.
    Transform,
    /// Events leave here.
    Sink,
}

impl Section {
    /// All of them, in the order of the flow.
    pub const ALL: [Self; 3] = [Self::Source, Self::Transform, Self::Sink];

    /// The key in a configuration and the name of the folder.
    pub fn key(self) -> &'static str {
        match self {
            Self::Source => "sources",
            Self::Transform => "transforms",
            Self::Sink => "sinks",
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Transform => "transform",
            Self::Sink => "sink",
        })
    }
}

/// The options of one component as written, without `type`, `inputs` and (for sinks)
/// `acknowledgements`, which the topology reads.
#[derive(Debug, Clone)]
pub struct Options {
    /// The file that holds the component.
    pub file: PathBuf,
    /// What sort of component it is.
    pub section: Section,
    /// Its id.
    pub id: String,
    /// Its type, such as `nats`.
    pub kind: String,
    values: Mapping,
    /// Where each option stands; the key is the path below the component, such as `auth.user`.
    places: BTreeMap<String, Place>,
    /// Where the component itself stands, if its file holds more than it.
    own: Option<Position>,
}

impl Options {
    /// The options `values` of a component; `places` by dotted path, `own` that of the component.
    pub fn new(
        file: &Path,
        section: Section,
        id: &str,
        kind: &str,
        values: Mapping,
        places: BTreeMap<String, Place>,
        own: Option<Position>,
    ) -> Self {
        Self { file: file.to_owned(), section, id: id.to_owned(), kind: kind.to_owned(), values, places, own }
    }

    /// The options that `yaml` holds, for tests of one component.
    ///
    /// # Errors
    /// When `yaml` is no mapping.
    #[cfg(test)]
    pub fn from_yaml(section: Section, kind: &str, yaml: &str) -> Result<Self, serde_yaml::Error> {
        let values = serde_yaml::from_str(yaml)?;
        Ok(Self::new(Path::new("test.yaml"), section, "test", kind, values, BTreeMap::new(), None))
    }

    /// Takes all options as `T`, which should be `#[serde(deny_unknown_fields)]`. Options in
    /// `refused` are ones that Vector has and this engine does not: each gets an error of its own.
    ///
    /// # Errors
    /// Every mistake that can be told from the others: all unknown options, then the first value
    /// that has the wrong form.
    pub fn parse<T: DeserializeOwned>(&self, refused: &[&str]) -> Result<T, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let mut values = self.values.clone();
        for name in refused {
            if values.remove(*name).is_some() {
                errors.push(self.refuse(name));
            }
        }
        loop {
            match serde_path_to_error::deserialize::<_, T>(Value::Mapping(values.clone())) {
                Ok(taken) if errors.is_empty() => return Ok(taken),
                Ok(_) => return Err(errors),
                Err(error) => {
                    let path = error.path().to_string();
                    let message = error.into_inner().to_string();
                    let unknown = unknown_field(&message);
                    errors.push(self.mistake(&path, &message, unknown));
                    // Go on without the unknown option, to find the next mistake.
                    let top_level = unknown.and_then(|(name, _)| (path == name || path == ".").then_some(name));
                    if top_level.is_none_or(|name| values.remove(name).is_none()) {
                        return Err(errors);
                    }
                }
            }
        }
    }

    /// A mistake in the value of `option` (a dotted path; empty = the component as a whole).
    pub fn error(&self, option: &str, message: impl Into<String>) -> ConfigError {
        ConfigError::new(&self.file, message).at(self.position(option)).of(self.component())
    }

    /// Where `option` stands in the file.
    pub fn position(&self, option: &str) -> Option<Position> {
        let mut path = option;
        loop {
            if let Some(place) = self.places.get(path) {
                return Some(place.key);
            }
            let Some((above, _)) = path.rsplit_once('.') else { return self.own };
            path = above;
        }
    }

    /// Where the value of `option` stands, for pointing into a text of several lines.
    pub fn place(&self, option: &str) -> Option<Place> {
        self.places.get(option).copied()
    }

    /// The component in words, such as ``sink `out` ``.
    pub fn component(&self) -> String {
        format!("{} `{}`", self.section, self.id)
    }

    /// The value of a top-level option, as written.
    pub fn get(&self, option: &str) -> Option<&Value> {
        self.values.get(option)
    }

    fn refuse(&self, option: &str) -> ConfigError {
        self.error(
            option,
            format!(
                "option `{option}` of `{}` {}s is one of Vector's that this engine does not have",
                self.kind, self.section
            ),
        )
        .hint("take it out, or run the component on the real Vector")
    }

    fn mistake(&self, path: &str, message: &str, unknown: Option<(&str, &str)>) -> ConfigError {
        let Some((name, expected)) = unknown else {
            let message = match path {
                "." => message.to_owned(),
                path => format!("option `{path}`: {message}"),
            };
            return self.error(path, message);
        };
        let full = match path {
            "." => name.to_owned(),
            path if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
            path => format!("{path}.{name}"),
        };
        let error = self.error(&full, format!("unknown option `{full}` of `{}` {}s", self.kind, self.section));
        match closest(name, expected.split('`').skip(1).step_by(2)) {
            Some(close) => error.hint(format!("did you mean `{close}`?")),
            None if expected.is_empty() => error,
            None => error.hint(expected.to_owned()),
        }
    }
}

/// Takes the name and the expectation out of serde's message for an unknown field.
fn unknown_field(message: &str) -> Option<(&str, &str)> {
    let rest =
        message.strip_prefix("unknown field `").or_else(|| message.split_once(": unknown field `").map(|s| s.1))?;
    let (name, rest) = rest.split_once('`')?;
    Some((name, rest.strip_prefix(", ").unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        address: String,
        #[serde(default)]
        auth: Option<Auth>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Auth {
        user: String,
    }

    fn messages(yaml: &str) -> Vec<String> {
        let options = Options::from_yaml(Section::Sink, "nats", yaml).unwrap();
        options.parse::<Wanted>(&["tls"]).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn takes_what_is_there() {
        let options = Options::from_yaml(Section::Sink, "nats", "{address: a, auth: {user: u}}").unwrap();
        let wanted = options.parse::<Wanted>(&["tls"]).unwrap();
        assert_eq!((wanted.address.as_str(), wanted.auth.unwrap().user.as_str()), ("a", "u"));
    }

    #[test]
    fn names_every_unknown_and_every_refused_option() {
        let messages = messages("{adress: a, tls: {}, zzzzz: 1, address: b}");
        assert_eq!(messages.len(), 3, "{messages:#?}");
        assert!(messages[0].contains("option `tls` of `nats` sinks is one of Vector's"), "{}", messages[0]);
        assert!(
            messages[1].contains("unknown option `adress` of `nats` sinks (did you mean `address`?)"),
            "{}",
            messages[1]
        );
        assert!(messages[2].contains("unknown option `zzzzz`"), "{}", messages[2]);
    }

    #[test]
    fn names_a_nested_option_by_its_path() {
        assert!(messages("{address: a, auth: {usr: u}}")[0].contains("unknown option `auth.usr`"));
        assert!(messages("{address: a, auth: {user: [1]}}")[0].contains("option `auth.user`: invalid type"));
    }

    #[test]
    fn names_a_missing_option() {
        assert!(messages("{}")[0].contains("missing field `address`"));
    }
}
