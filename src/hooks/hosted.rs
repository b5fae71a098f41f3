//! Hooks in files of a product: what the plan knows of them, and the call that a host is given.

use std::path::{Path, PathBuf};

use resilmesh_hook_api as api;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Call, documents};
use crate::mesh::model::{DeclaredHook, HookKind, Product, ProductSource};
use crate::project::load::PRODUCTS;

/// A hook whose code is in a file of its product.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostedHook {
    /// When it is called.
    pub kind: HookKind,
    /// The product's folder: below the project's, or absolute.
    pub folder: PathBuf,
    /// The file below it.
    pub file: String,
    /// The function.
    pub function: String,
    /// The line of its first decorator, or of its attribute.
    pub line: u32,
    /// It sets up both ends.
    pub owns_both: bool,
    /// Its product has setup hooks for its own end.
    #[serde(default)]
    pub owns_self: bool,
}

/// What is handed to a hook besides what it is about.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Given {
    /// `data`.
    pub data: Value,
    /// `path`: the folder to work in.
    pub path: Option<PathBuf>,
    /// The plug is up.
    pub up: bool,
    /// Somebody else has set the plug up: its settings are those of the call.
    pub told: bool,
}

impl HostedHook {
    /// The hook of a product, if its code is in a file.
    pub fn of(product: &Product, hook: &DeclaredHook) -> Option<Self> {
        let (file, function, line) = hook.code.place()?;
        Some(Self {
            kind: hook.kind,
            folder: folder(product)?,
            file: file.to_owned(),
            function: function.to_owned(),
            line,
            owns_both: hook.owns_both,
            owns_self: !hook.owns_both && sets_up(product, hook),
        })
    }

    /// The call for a host. Documents are read as they are now: an earlier hook may have changed them.
    pub fn call(&self, project: &Path, call: &Call, given: Given) -> api::Call {
        self.call_with(&documents::Reader::default(), project, call, given)
    }

    /// As [`HostedHook::call`], one of many.
    pub fn call_with(&self, reader: &documents::Reader, project: &Path, call: &Call, given: Given) -> api::Call {
        let word = |mode: crate::mesh::model::Mode| mode.word().to_owned();
        let integration = self.integration(reader, project, call);
        api::Call {
            hook: api::HookRef {
                product: call.own.product.clone(),
                folder: project.join(&self.folder).to_string_lossy().into_owned(),
                file: self.file.clone(),
                function: self.function.clone(),
                line: self.line,
            },
            kind: self.kind,
            instance: (!call.own.name.is_empty()).then(|| documents::instance(reader, project, &call.own)),
            plug: documents::plug(reader, project, call, given.up, given.told),
            integration,
            topic: call.topic.clone(),
            mode: call.mode.map(word),
            data: given.data,
            path: given.path.map(|path| path.to_string_lossy().into_owned()),
            deadline: None,
        }
    }

    fn integration(&self, reader: &documents::Reader, project: &Path, call: &Call) -> Option<api::Integration> {
        let target = &call.peer.as_ref()?.product;
        let (topic, role, mode) = (call.topic.clone()?, call.role?, call.mode?);
        let owns = documents::Owns { both: self.owns_both, own: self.owns_self };
        let key = documents::IntegrationKey { product: &call.own.product, target, topic: &topic, role, mode };
        let folder = project.join(&self.folder);
        Some(documents::integration(reader, &folder, &key, call.format.clone(), owns))
    }
}

/// Whether a product has a setup hook for the part that another of its hooks is about.
fn sets_up(product: &Product, hook: &DeclaredHook) -> bool {
    let agree = |one: Option<&str>, other: Option<&str>| one.is_none() || other.is_none() || one == other;
    let own = product.integrations.iter().flat_map(|integration| &integration.hooks);
    let mut setups = product.hooks.iter().chain(own).filter(|other| other.kind == HookKind::Setup);
    setups.any(|setup| {
        (setup.role.is_none() || hook.role.is_none() || setup.role == hook.role)
            && agree(setup.topic.as_deref(), hook.topic.as_deref())
    })
}

/// Where the folder of a product is; built-in ones have none.
pub fn folder(product: &Product) -> Option<PathBuf> {
    match &product.source {
        ProductSource::Builtin => None,
        ProductSource::Project => Some(Path::new(PRODUCTS).join(&product.name)),
        ProductSource::Catalogue { root, .. } => Some(root.join(PRODUCTS).join(&product.name)),
    }
}
