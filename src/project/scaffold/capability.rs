//! Entries of a product's definition: what it can do.

use serde_json::{Map, Value as Json};

use crate::mesh::model::{Capability, Mode, Product, Role};
use crate::project::definition::SECTIONS;
use crate::project::edit::{append_item, set_key};
use crate::project::names;

/// A capability as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The topic; none = every topic.
    pub topic: Option<String>,
    /// The part that is played.
    pub role: Role,
    /// Which end is active.
    pub mode: Mode,
    /// The format; none = any.
    pub format: Option<String>,
}

impl Wanted {
    /// A capability from the words of a command line; `*` and `any` stand for every topic.
    ///
    /// # Errors
    /// When the topic is none.
    pub fn new(topic: &str, role: Role, mode: Mode, format: Option<&str>) -> Result<Self, String> {
        let every = topic == "*" || topic == "any";
        if !every {
            names::check_topic(topic)?;
        }
        let format = format.filter(|format| !format.is_empty()).map(str::to_owned);
        Ok(Self { topic: (!every).then(|| topic.to_owned()), role, mode, format })
    }

    /// What the product at the other end has to do.
    #[must_use]
    pub fn counterpart(&self) -> Self {
        Self { role: self.role.counterpart(), ..self.clone() }
    }

    /// Whether the definition says just this.
    pub fn is_declared_by(&self, product: &Product) -> bool {
        product.capabilities.iter().any(|own| self.is(own))
    }

    fn is(&self, own: &Capability) -> bool {
        (&own.topic, own.role, own.mode, &own.format) == (&self.topic, self.role, self.mode, &self.format)
    }

    /// The text of a definition with it.
    pub fn add_to(&self, definition: &str) -> String {
        let mut entry = Map::new();
        if self.mode == Mode::Pull {
            entry.insert("mode".to_owned(), self.mode.word().into());
        }
        if let Some(format) = &self.format {
            entry.insert("format".to_owned(), format.as_str().into());
        }
        append_item(definition, section(self.role), self.topic.as_deref().unwrap_or("*"), &Json::Object(entry))
    }
}

/// Meshroom's words: `TOPIC ROLE`, then mode and format in brackets if they are not the usual ones.
impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.topic.as_deref().unwrap_or("*"), self.role.word())?;
        match (self.mode, &self.format) {
            (Mode::Push, None) => Ok(()),
            (Mode::Push, Some(format)) => write!(f, " ({format})"),
            (Mode::Pull, None) => write!(f, " (pull)"),
            (Mode::Pull, Some(format)) => write!(f, " (pull {format})"),
        }
    }
}

/// The section of a definition for a role.
fn section(role: Role) -> &'static str {
    match role {
        Role::Consumer => SECTIONS[0].0,
        Role::Producer => SECTIONS[1].0,
        Role::Trigger => SECTIONS[2].0,
        Role::Executor => SECTIONS[3].0,
    }
}

/// The definition of a product of which only the name is known.
pub fn bare_definition(product: &str) -> String {
    set_key("", None, "name", Some(&product.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_its_section() {
        for (name, role) in SECTIONS {
            assert_eq!(section(role), name);
        }
    }

    #[test]
    fn words_are_meshrooms() {
        let wanted =
            |topic, mode, format| Wanted::new(topic, Role::Consumer, mode, format).expect("a topic").to_string();
        assert_eq!(wanted("alerts", Mode::Push, None), "alerts consumer");
        assert_eq!(wanted("any", Mode::Pull, Some("json")), "* consumer (pull json)");
        assert!(Wanted::new("a b", Role::Consumer, Mode::Push, None).is_err());
    }
}
