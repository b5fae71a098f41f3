//! The project's documents as hooks see them: what stands in the YAML file, with what its path says.
//!
//! `document` is the file's content as it stands: keys that it does not have are absent, keys that
//! resilmesh does not know are kept.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// Its name, which is its folder's.
    pub name: String,
    /// Its folder, absolute; it need not be there for a built-in product.
    pub path: String,
    /// `definition.yaml`.
    pub document: Map<String, Value>,
    /// How many integrations it has, generic ones among them.
    pub integrations: usize,
}

/// What a product can do: declared, or known from its setup hooks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Capability {
    /// The topic; none = every topic.
    pub topic: Option<String>,
    /// `consumer`, `producer`, `trigger` or `executor`.
    pub role: String,
    /// `push` or `pull`.
    pub mode: String,
    /// The format; none = any.
    pub format: Option<String>,
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// Its product's name.
    pub product: String,
    /// Its folder, absolute.
    pub path: String,
    /// Its settings as the file has them: no defaults, no secrets.
    pub settings: Map<String, Value>,
}

/// A plug.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plug {
    /// The instance that gives.
    pub src_instance: String,
    /// The product of that instance.
    pub src_product: String,
    /// The instance that takes.
    pub dst_instance: String,
    /// The product of that instance.
    pub dst_product: String,
    /// The topic.
    pub topic: String,
    /// `push` or `pull`.
    pub mode: String,
    /// The format, if one was agreed on.
    pub format: Option<String>,
    /// `up` or `down`.
    pub status: String,
    /// Its file, absolute.
    pub path: String,
    /// The file: `kind`, `owner`, `settings`, `src_config`, `dst_config`, and what else it says.
    pub document: Map<String, Value>,
}

/// An integration, from a file or generic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Integration {
    /// The product that plays the part.
    pub product: String,
    /// The product at the other end.
    pub target_product: String,
    /// The topic.
    pub topic: String,
    /// `consumer`, `producer`, `trigger` or `executor`.
    pub role: String,
    /// `push` or `pull`.
    pub mode: String,
    /// The format; none = any.
    pub format: Option<String>,
    /// It has no file: two capabilities that match.
    pub is_generic: bool,
    /// Its hooks set up both ends.
    pub owns_both: bool,
    /// Its hooks set up its own end.
    pub owns_self: bool,
    /// Its file without extension, absolute; where it would be if it is generic.
    pub path: String,
    /// The file's content.
    pub document: Map<String, Value>,
}
