//! One type for each kind of hook, with what its calls have.

use std::ops::Deref;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Context, Instance, Integration, Plug};
use crate::error::{Error, Result};

/// A type that hooks of one kind are called with.
pub trait Made: Sized {
    /// Of a call.
    ///
    /// # Errors
    /// When the call lacks something.
    fn made(context: Context) -> Result<Self>;
}

/// What a hook is called with.
///
/// # Errors
/// When the call lacks something.
pub fn made<T: Made>(context: Context) -> Result<T> {
    T::made(context)
}

fn lacks(what: &str) -> Error {
    Error::new(format!("the hook is called without {what}"))
}

fn instance(context: &Context) -> Result<Instance> {
    let own = context.call().instance.clone().ok_or_else(|| lacks("an instance"))?;
    Ok(Instance::new(own, context.clone()))
}

fn plug(context: &Context) -> Option<Plug> {
    context.call().plug.clone().map(|plug| Plug::new(plug, context.clone()))
}

fn integration(context: &Context) -> Option<Integration> {
    context.call().integration.clone().map(|own| Integration::new(own, context.clone()))
}

macro_rules! derefs {
    ($($name:ident),*) => {$(
        impl Deref for $name {
            type Target = Context;
            fn deref(&self) -> &Context {
                &self.context
            }
        }
    )*};
}

derefs!(Setup, Teardown, Check, Scaffold, Pull, Publish, Produce, Watch, Trigger, Execute);

macro_rules! ends_of_plugs {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            context: Context,
            instance: Instance,
            plug: Plug,
        }

        impl Made for $name {
            fn made(context: Context) -> Result<Self> {
                let plug = plug(&context).ok_or_else(|| lacks("a plug"))?;
                Ok(Self { instance: instance(&context)?, plug, context })
            }
        }

        impl $name {
            /// The instance of the hook's own product.
            pub fn instance(&self) -> &Instance {
                &self.instance
            }

            /// The plug.
            pub fn plug(&self) -> &Plug {
                &self.plug
            }

            /// How the own product plays its part; none when the call has none.
            pub fn integration(&self) -> Option<Integration> {
                integration(&self.context)
            }

            /// The topic of the plug.
            pub fn topic(&self) -> &str {
                &self.plug.topic
            }

            /// `push` or `pull`.
            pub fn mode(&self) -> &str {
                &self.plug.mode
            }

            /// The settings of the instance, as the vendor's own type.
            ///
            /// # Errors
            /// Which setting is missing or wrong.
            pub fn settings<T: DeserializeOwned>(&self) -> Result<T> {
                self.instance.settings()
            }

            /// The settings of the plug, as the vendor's own type.
            ///
            /// # Errors
            /// Which setting is missing or wrong.
            pub fn plug_settings<T: DeserializeOwned>(&self) -> Result<T> {
                self.plug.settings()
            }
        }
    )*};
}

ends_of_plugs! {
    /// What a `setup` hook is called with.
    Setup
    /// What a `teardown` hook is called with.
    Teardown
    /// What a `check` hook is called with. It may change nothing and ask nobody.
    Check
}

macro_rules! of_integrations {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            context: Context,
            integration: Integration,
        }

        impl Made for $name {
            fn made(context: Context) -> Result<Self> {
                let integration = integration(&context).ok_or_else(|| lacks("an integration"))?;
                Ok(Self { integration, context })
            }
        }

        impl $name {
            /// The integration.
            pub fn integration(&self) -> &Integration {
                &self.integration
            }
        }
    )*};
}

of_integrations! {
    /// What a `scaffold` hook is called with.
    Scaffold
    /// What a `publish` hook is called with.
    Publish
}

/// What a `pull` hook is called with.
#[derive(Debug, Clone)]
pub struct Pull {
    context: Context,
    path: String,
}

impl Made for Pull {
    fn made(context: Context) -> Result<Self> {
        let path = context.call().path.clone().ok_or_else(|| lacks("a folder"))?;
        Ok(Self { path, context })
    }
}

impl Pull {
    /// The folder to work in.
    pub fn path(&self) -> &Path {
        Path::new(&self.path)
    }
}

macro_rules! of_data {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            context: Context,
            instance: Instance,
        }

        impl Made for $name {
            fn made(context: Context) -> Result<Self> {
                Ok(Self { instance: instance(&context)?, context })
            }
        }

        impl $name {
            /// The instance of the hook's own product.
            pub fn instance(&self) -> &Instance {
                &self.instance
            }

            /// The plug, if it is about one.
            pub fn plug(&self) -> Option<Plug> {
                plug(&self.context)
            }

            /// How the own product plays its part in the plug.
            pub fn integration(&self) -> Option<Integration> {
                integration(&self.context)
            }

            /// The topic; empty if none was named.
            pub fn topic(&self) -> &str {
                self.context.call().topic.as_deref().unwrap_or_default()
            }

            /// `push` or `pull`, if that is known.
            pub fn mode(&self) -> Option<&str> {
                self.context.call().mode.as_deref()
            }

            /// The settings of the instance, as the vendor's own type.
            ///
            /// # Errors
            /// Which setting is missing or wrong.
            pub fn settings<T: DeserializeOwned>(&self) -> Result<T> {
                self.instance.settings()
            }
        }
    )*};
}

of_data! {
    /// What a `produce` hook is called with.
    Produce
    /// What a `watch` hook is called with.
    Watch
    /// What a `trigger` hook is called with.
    Trigger
    /// What an `execute` hook is called with.
    Execute
}

impl Produce {
    /// What is to be sent.
    pub fn data(&self) -> &str {
        self.context.call().data.as_str().unwrap_or_default()
    }
}

impl Watch {
    /// Shows this at once.
    ///
    /// # Errors
    /// When nobody looks any more.
    pub fn give(&self, item: impl serde::Serialize) -> Result<()> {
        self.hand_over(item)
    }
}

macro_rules! commands {
    ($($name:ident),*) => {$(
        impl $name {
            /// The parameters of the command.
            pub fn data(&self) -> &Value {
                &self.context.call().data
            }

            /// The parameters of the command, as the vendor's own type.
            ///
            /// # Errors
            /// Which parameter is missing or wrong.
            pub fn parameters<T: DeserializeOwned>(&self) -> Result<T> {
                let data = if self.data().is_null() { Value::Object(serde_json::Map::new()) } else { self.data().clone() };
                super::documents::typed("parameter", "the command", data)
            }
        }
    )*};
}

commands!(Trigger, Execute);
