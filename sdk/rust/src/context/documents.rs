//! Instances, plugs and integrations, with what a hook may do with them.

use std::path::PathBuf;

use resilmesh_hook_api as api;
use resilmesh_hook_api::{InstanceName, IntegrationName, PlugName, Request, SecretOwner};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Context;
use crate::error::{Error, Result};

/// An instance: a product in use.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// Its product's name.
    pub product: String,
    /// Its folder.
    pub path: PathBuf,
    /// Its settings as the file has them: no defaults, no secrets.
    pub values: Map<String, Value>,
    context: Context,
}

impl Instance {
    pub(crate) fn new(own: api::Instance, context: Context) -> Self {
        let api::Instance { name, product, path, settings } = own;
        Self { name, product, path: path.into(), values: settings, context }
    }

    /// Its settings, as the vendor's own type.
    ///
    /// # Errors
    /// Which setting is missing or wrong.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T> {
        typed("setting", &self.name, Value::Object(self.values.clone()))
            .map_err(|error| error.hint(format!("`resilmesh configure {}` sets it", self.name)))
    }

    /// Writes these settings into its file; those that are not named stay.
    ///
    /// # Errors
    /// When it is refused.
    pub fn save(&self, settings: &impl Serialize) -> Result<()> {
        let settings = merged(self.values.clone(), settings)?;
        self.context.ask(Request::SaveInstance { instance: self.named(), settings }).map(drop)
    }

    fn named(&self) -> InstanceName {
        InstanceName { product: Some(self.product.clone()), name: self.name.clone() }
    }
}

/// A plug: one topic from one instance to another.
#[derive(Debug, Clone)]
pub struct Plug {
    /// The instance that gives.
    pub src_instance: String,
    /// Its product.
    pub src_product: String,
    /// The instance that takes.
    pub dst_instance: String,
    /// Its product.
    pub dst_product: String,
    /// The topic.
    pub topic: String,
    /// `push` or `pull`.
    pub mode: String,
    /// The format, if one was agreed on.
    pub format: Option<String>,
    /// Whether it is up.
    pub is_up: bool,
    /// Its file's content.
    pub document: Map<String, Value>,
    context: Context,
}

impl Plug {
    pub(crate) fn new(own: api::Plug, context: Context) -> Self {
        Self {
            src_instance: own.src_instance,
            src_product: own.src_product,
            dst_instance: own.dst_instance,
            dst_product: own.dst_product,
            topic: own.topic,
            mode: own.mode,
            format: own.format,
            is_up: own.status == "up",
            document: own.document,
            context,
        }
    }

    /// Its settings, as the vendor's own type.
    ///
    /// # Errors
    /// Which setting is missing or wrong.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T> {
        typed(
            "setting",
            &format!("plug {}/{}/{}", self.topic, self.src_instance, self.dst_instance),
            self.values().into(),
        )
    }

    /// Writes these settings into its file; those that are not named stay.
    ///
    /// # Errors
    /// When it is refused.
    pub fn save(&self, settings: &impl Serialize) -> Result<()> {
        let mut document = self.document.clone();
        document.insert("settings".to_owned(), merged(self.values(), settings)?.into());
        self.context.ask(Request::SavePlug { plug: self.named(), document }).map(drop)
    }

    fn values(&self) -> Map<String, Value> {
        self.document.get("settings").and_then(Value::as_object).cloned().unwrap_or_default()
    }

    fn named(&self) -> PlugName {
        PlugName {
            src_instance: self.src_instance.clone(),
            dst_instance: self.dst_instance.clone(),
            topic: self.topic.clone(),
            mode: Some(self.mode.clone()),
        }
    }
}

/// Secrets of an instance or a plug, kept in the project's vault.
macro_rules! secrets {
    ($name:ident, $owner:ident) => {
        impl $name {
            /// A secret; none if there is none of that key.
            ///
            /// # Errors
            /// When it is refused, or the vault cannot be opened.
            pub fn secret(&self, key: &str) -> Result<Option<String>> {
                let request = Request::GetSecret { owner: self.owner(), key: key.to_owned(), prompt: None };
                Ok(text(self.context.ask(request)?))
            }

            /// A secret that must be there.
            ///
            /// # Errors
            /// When it is not there.
            pub fn need_secret(&self, key: &str) -> Result<String> {
                self.secret(key)?.ok_or_else(|| Error::new(format!("secret `{key}` has no value")))
            }

            /// A secret; the user is asked for it, and it is kept, if there is none.
            ///
            /// # Errors
            /// When nobody can be asked.
            pub fn secret_or_ask(&self, key: &str, prompt: &str) -> Result<String> {
                let request =
                    Request::GetSecret { owner: self.owner(), key: key.to_owned(), prompt: Some(prompt.to_owned()) };
                text(self.context.ask(request)?).ok_or_else(|| Error::new(format!("secret `{key}` has no value")))
            }

            /// Keeps a secret.
            ///
            /// # Errors
            /// When it is refused.
            pub fn set_secret(&self, key: &str, value: impl Into<Value>) -> Result<()> {
                let request = Request::SetSecret { owner: self.owner(), key: key.to_owned(), value: value.into() };
                self.context.ask(request).map(drop)
            }

            /// Deletes a secret; nothing happens if there is none.
            ///
            /// # Errors
            /// When it is refused.
            pub fn delete_secret(&self, key: &str) -> Result<()> {
                self.context.ask(Request::DeleteSecret { owner: self.owner(), key: key.to_owned() }).map(drop)
            }

            fn owner(&self) -> SecretOwner {
                SecretOwner::$owner(self.named())
            }
        }
    };
}

secrets!(Instance, Instance);
secrets!(Plug, Plug);

/// How a product plays a part towards another.
#[derive(Debug, Clone)]
pub struct Integration {
    /// The integration.
    pub own: api::Integration,
    context: Context,
}

impl std::ops::Deref for Integration {
    type Target = api::Integration;
    fn deref(&self) -> &api::Integration {
        &self.own
    }
}

impl Integration {
    pub(crate) fn new(own: api::Integration, context: Context) -> Self {
        Self { own, context }
    }

    /// Writes its file; keys that are not named stay.
    ///
    /// # Errors
    /// When it is refused.
    pub fn save(&self, document: &impl Serialize) -> Result<()> {
        let document = merged(self.own.document.clone(), document)?;
        let integration = IntegrationName {
            product: self.own.product.clone(),
            target_product: self.own.target_product.clone(),
            topic: self.own.topic.clone(),
            role: self.own.role.clone(),
            mode: Some(self.own.mode.clone()),
        };
        self.context.ask(Request::SaveIntegration { integration, document }).map(drop)
    }
}

/// A map with what another says laid over it.
fn merged(mut onto: Map<String, Value>, with: &impl Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(with)? {
        Value::Object(with) => {
            onto.extend(with);
            Ok(onto)
        }
        _ => Err(Error::new("what is saved must have names: a struct or a map")),
    }
}

/// Reads values into the vendor's own type; an error names which one it is about.
pub(crate) fn typed<T: DeserializeOwned>(what: &str, of: &str, value: Value) -> Result<T> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let why = error.inner().to_string();
        Error::new(match (path.as_str(), why.strip_prefix("missing field ")) {
            (".", Some(missing)) => format!("{what} {missing} of {of} has no value"),
            (".", None) => format!("the {what}s of {of}: {why}"),
            (path, _) => format!("{what} `{path}` of {of}: {why}"),
        })
    })
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}
