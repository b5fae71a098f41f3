//! What a product or an integration lets its users set.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Bounds;
use crate::project::position::Mark;

/// Type of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SettingType {
    /// Text.
    #[default]
    String,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// True or false.
    Boolean,
    /// A list.
    Array,
    /// A map.
    Object,
}

/// A setting that a product or an integration declares.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: SettingType,
    /// What it is when nobody says; null = nothing.
    pub default: Value,
    /// For people.
    pub description: Option<String>,
    /// Kept in the vault, never in YAML.
    pub secret: bool,
    /// Must have a value.
    pub required: bool,
    /// It says that it need not have one. Of a secret that says nothing, one is expected.
    pub optional: bool,
    /// What people call it; none = its name.
    pub title: Option<String>,
    /// The allowed values, of a list those of its items; empty = any.
    pub choices: Vec<Value>,
    /// What the items of a list are; none = anything.
    pub items: Option<Box<Setting>>,
    /// The known entries of a map; it may have others.
    pub properties: Vec<Setting>,
    /// What a value must be beyond its type.
    pub bounds: Bounds,
    /// Where in its file it is declared; none = it is not known.
    pub at: Option<Mark>,
}

impl Setting {
    /// A text with nothing more to say.
    pub fn new(name: impl std::convert::Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: SettingType::default(),
            default: Value::Null,
            description: None,
            secret: false,
            required: false,
            optional: false,
            title: None,
            choices: Vec::new(),
            items: None,
            properties: Vec::new(),
            bounds: Bounds::default(),
            at: None,
        }
    }

    /// Whether a value of it may hold a secret.
    pub fn holds_secret(&self) -> bool {
        self.secret
            || self.items.iter().any(|item| item.holds_secret())
            || self.properties.iter().any(Self::holds_secret)
    }

    /// Whether somebody has to give it as a secret before the product is of use.
    pub fn is_expected_secret(&self) -> bool {
        self.secret && !self.optional
    }
}
