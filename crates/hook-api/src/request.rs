//! What a hook, or a program that uses the package, asks of `resilmesh`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Names an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceName {
    /// Its product; none = whichever has an instance of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Its name.
    pub name: String,
}

/// Names a plug.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlugName {
    /// The instance that gives.
    pub src_instance: String,
    /// The instance that takes.
    pub dst_instance: String,
    /// The topic.
    pub topic: String,
    /// `push` or `pull`; none = push if there is one, else pull.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

/// Names an integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrationName {
    /// The product that plays the part.
    pub product: String,
    /// The product at the other end.
    pub target_product: String,
    /// The topic.
    pub topic: String,
    /// `consumer`, `producer`, `trigger` or `executor`.
    pub role: String,
    /// `push` (if none is said) or `pull`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

/// Whose secret is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretOwner {
    /// An instance's.
    Instance(InstanceName),
    /// A plug's.
    Plug(PlugName),
    /// Nobody's: `key` is the whole name.
    Free,
}

/// A question. The comment of each says what the answer's value is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Request {
    /// Text typed by the user; refused if nobody can be asked.
    Prompt {
        /// The question.
        message: String,
        /// The text is not shown while it is typed.
        #[serde(default)]
        hidden: bool,
    },
    /// `null` once the user has pressed Enter; at once if there is no terminal.
    WaitForEnter,

    /// [`Product`](crate::Product)s of the project, sorted by name.
    ListProducts {
        /// Only those with one of these tags; empty = all.
        #[serde(default)]
        tags: Vec<String>,
        /// Only those whose name has this part.
        #[serde(default)]
        search: Option<String>,
    },
    /// The [`Product`](crate::Product), or `null`. Built-in ones are found too.
    GetProduct {
        /// Its name.
        name: String,
    },
    /// Writes `definition.yaml`, whole or not at all; makes the folder. The [`Product`](crate::Product).
    SaveProduct {
        /// Its name.
        name: String,
        /// The new content; keys with empty values are left out.
        document: Map<String, Value>,
    },
    /// Fills a product's folder from a template; existing files are kept. The
    /// [`Product`](crate::Product).
    ScaffoldProduct {
        /// Its name.
        name: String,
        /// The template; none = a bare definition.
        #[serde(default)]
        template: Option<String>,
    },
    /// Adds a capability to a product's definition, if it is not there. The
    /// [`Product`](crate::Product).
    ScaffoldCapability {
        /// The product.
        product: String,
        /// The topic.
        topic: String,
        /// `consumer`, `producer`, `trigger` or `executor`.
        role: String,
        /// `push` or `pull`.
        mode: String,
        /// The format; none = any.
        #[serde(default)]
        format: Option<String>,
    },
    /// [`Capability`](crate::Capability)s of a product, declared and from hooks.
    ListCapabilities {
        /// The product.
        product: String,
        /// Only this topic.
        #[serde(default)]
        topic: Option<String>,
        /// Only this role.
        #[serde(default)]
        role: Option<String>,
        /// Only this mode.
        #[serde(default)]
        mode: Option<String>,
        /// Only this format.
        #[serde(default)]
        format: Option<String>,
    },
    /// Calls the pull hooks of a product. `null`.
    PullProduct {
        /// The product.
        name: String,
    },

    /// [`Integration`](crate::Integration)s, explicit and generic.
    ListIntegrations {
        /// Only those of this product.
        #[serde(default)]
        product: Option<String>,
        /// Only those towards this product.
        #[serde(default)]
        target_product: Option<String>,
        /// Only this topic.
        #[serde(default)]
        topic: Option<String>,
        /// Only this role.
        #[serde(default)]
        role: Option<String>,
        /// Only this mode.
        #[serde(default)]
        mode: Option<String>,
        /// Only this format.
        #[serde(default)]
        format: Option<String>,
    },
    /// The [`Integration`](crate::Integration), or `null`.
    GetIntegration(IntegrationName),
    /// Writes the integration's file. The [`Integration`](crate::Integration).
    SaveIntegration {
        /// Which.
        integration: IntegrationName,
        /// The new content.
        document: Map<String, Value>,
    },
    /// What `create integration` does. The [`Integration`](crate::Integration).
    ScaffoldIntegration {
        /// Which.
        integration: IntegrationName,
        /// The format; none = any.
        #[serde(default)]
        format: Option<String>,
    },
    /// Calls publish hooks. `null`.
    Publish {
        /// Only of this product.
        #[serde(default)]
        product: Option<String>,
        /// Only towards this product.
        #[serde(default)]
        target_product: Option<String>,
        /// Only this topic.
        #[serde(default)]
        topic: Option<String>,
        /// Only this role.
        #[serde(default)]
        role: Option<String>,
        /// Only this mode.
        #[serde(default)]
        mode: Option<String>,
    },

    /// [`Instance`](crate::Instance)s, sorted by product and name.
    ListInstances {
        /// Only those of this product.
        #[serde(default)]
        product: Option<String>,
        /// Only those whose name has this part.
        #[serde(default)]
        search: Option<String>,
    },
    /// The [`Instance`](crate::Instance), or `null`.
    GetInstance(InstanceName),
    /// Puts a product into use. The [`Instance`](crate::Instance).
    CreateInstance {
        /// The product.
        product: String,
        /// The instance's name; none = the product's.
        #[serde(default)]
        name: Option<String>,
    },
    /// Writes the instance's file. The [`Instance`](crate::Instance).
    SaveInstance {
        /// Which.
        instance: InstanceName,
        /// The new settings.
        settings: Map<String, Value>,
    },
    /// Deletes an instance with its outgoing plugs. `null`.
    DeleteInstance(InstanceName),
    /// The settings that an instance's product declares: a list of maps as in YAML.
    SettingsSchema(InstanceName),

    /// [`Plug`](crate::Plug)s, sorted by source, destination and topic.
    ListPlugs {
        /// Only those from this instance.
        #[serde(default)]
        src_instance: Option<String>,
        /// Only those to this instance.
        #[serde(default)]
        dst_instance: Option<String>,
        /// Only this topic.
        #[serde(default)]
        topic: Option<String>,
        /// Only this mode.
        #[serde(default)]
        mode: Option<String>,
    },
    /// The [`Plug`](crate::Plug), or `null`.
    GetPlug(PlugName),
    /// Connects two instances. The [`Plug`](crate::Plug).
    CreatePlug {
        /// Which.
        plug: PlugName,
        /// The format; none = the best that matches.
        #[serde(default)]
        format: Option<String>,
        /// The instance that sets up both ends.
        #[serde(default)]
        owner: Option<String>,
    },
    /// Writes the plug's file. The [`Plug`](crate::Plug).
    SavePlug {
        /// Which.
        plug: PlugName,
        /// The new content.
        document: Map<String, Value>,
    },
    /// Deletes a plug's file. `null`.
    DeletePlug(PlugName),
    /// The two [`Integration`](crate::Integration)s of a plug: source's, then destination's; `null` for
    /// one that has none.
    MatchingIntegrations(PlugName),
    /// Settings of a plug's integrations that have no value yet: a list of maps as in YAML.
    UnconfiguredSettings(PlugName),

    /// The secret's text, or `null`.
    GetSecret {
        /// Whose.
        owner: SecretOwner,
        /// Its key.
        key: String,
        /// Asked of the user and kept if there is none.
        #[serde(default)]
        prompt: Option<String>,
    },
    /// Keeps a secret. `null`.
    SetSecret {
        /// Whose.
        owner: SecretOwner,
        /// Its key.
        key: String,
        /// Its value: text, or any JSON.
        value: Value,
    },
    /// Deletes a secret; nothing happens if there is none. `null`.
    DeleteSecret {
        /// Whose.
        owner: SecretOwner,
        /// Its key.
        key: String,
    },
    /// All secrets by name. Refused to hooks: they get those of what they are called for.
    ReadSecrets,

    /// Brings plugs up or takes them down, as the commands do. Refused while an `up` or `down` runs,
    /// and so to setup and teardown hooks. `null`.
    BringUp(PlugFilter),
    /// See [`Request::BringUp`].
    TakeDown(PlugFilter),
    /// Calls a `produce`, `trigger` or `execute` hook. What it returns.
    CallHook {
        /// `produce`, `trigger`, `execute` or `watch`.
        kind: crate::HookKind,
        /// The topic.
        topic: String,
        /// The instance, or the source of a plug.
        instance: InstanceName,
        /// The destination of the plug; none = on the instance alone.
        #[serde(default)]
        dst_instance: Option<String>,
        /// The plug's mode.
        #[serde(default)]
        mode: Option<String>,
        /// `data`.
        #[serde(default)]
        data: Value,
    },
    /// Every mistake of the project, as text; an empty list if there is none.
    Validate,
    /// Makes a project in a folder. `null`.
    InitProject {
        /// The folder, absolute.
        path: String,
    },
}

/// Some plugs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlugFilter {
    /// Only those from this instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub src_instance: Option<String>,
    /// Only those to this instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dst_instance: Option<String>,
    /// Only this topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Only this mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

/// Why something could not be done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Failure {
    /// What went wrong and why, one line.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The exception's class: `RuntimeError`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The vendor's own lines of the traceback, outermost first: `setup.py:12 in inlet: call()`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traceback: Vec<String>,
    /// The whole traceback, for `--verbose`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<String>,
}
