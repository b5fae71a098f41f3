//! What the files of a project stand for.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use serde::{Serialize, Serializer};

use super::model::{Mode, PlugId};
use crate::project::load::{CONFIG, INSTANCES, PRODUCTS};
use crate::project::names;
use crate::project::plug_file::topic_and_mode;
use crate::project::position::one_line;
use crate::project::profile_file::PROFILES;
use crate::project::project_file;
use crate::project::test_file::{TESTS, is_test_file};

/// The folder of the vault.
const SECRETS: &str = "secrets";
/// The folder of their certificates.
const PUBLIC_KEYS: &str = ".public-keys";
/// The file that lists whom secrets are encrypted to.
const RECIPIENTS: &str = ".gpg-id";

/// A part of a project that has a file or folder of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Subject {
    /// `resilmesh.yaml`.
    Mesh,
    /// What is different in one environment.
    Profile {
        /// Its name.
        profile: String,
    },
    /// A product of the project.
    Product {
        /// Its name.
        product: String,
    },
    /// An instance.
    Instance {
        /// Its name.
        instance: String,
        /// Its product.
        product: String,
    },
    /// A plug.
    Plug {
        /// What it connects.
        #[serde(flatten)]
        plug: PlugId,
    },
    /// Test cases of the mesh.
    Tests {
        /// The name of their file.
        tests: String,
    },
    /// A secret of the vault.
    Secret {
        /// Its name.
        secret: String,
    },
    /// Several secrets that changed at once. No single file stands for them.
    Secrets {
        /// Their names.
        secrets: Vec<String>,
    },
    /// Who may read the secrets, or those below a folder of the vault.
    Recipients {
        /// The folder, empty for the whole vault.
        folder: String,
    },
    /// The public key of a recipient, or of somebody who asks for access.
    PublicKey {
        /// Its fingerprint.
        key: String,
    },
    /// Any other file.
    File {
        /// Its path.
        #[serde(serialize_with = "as_text")]
        path: PathBuf,
    },
}

fn as_text<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}

impl Subject {
    /// What the file at `path` (relative to the project) belongs to.
    pub fn of(path: &Path) -> Self {
        let parts: Option<Vec<&str>> = path
            .components()
            .map(|part| match part {
                Component::Normal(name) => name.to_str(),
                _ => None,
            })
            .collect();
        let file = || Self::File { path: path.to_owned() };
        match parts.as_deref() {
            Some([project_file::FILE_NAME]) => Self::Mesh,
            Some([PROFILES, file_name]) if file_name.ends_with(".yaml") => {
                Self::Profile { profile: file_name.trim_end_matches(".yaml").to_owned() }
            }
            Some([TESTS, file_name]) if is_test_file(file_name) => Self::Tests { tests: (*file_name).to_owned() },
            Some([PRODUCTS, product, _, ..]) => Self::Product { product: (*product).to_owned() },
            Some([INSTANCES, product, instance, CONFIG]) => {
                Self::Instance { instance: (*instance).to_owned(), product: (*product).to_owned() }
            }
            Some([INSTANCES, _, source, "plugs", destination, file_name]) => {
                let Some(stem) = file_name.strip_suffix(".yaml") else { return file() };
                let (topic, mode) = topic_and_mode(stem);
                let [source, destination, topic] = [source, destination, topic].map(ToString::to_string);
                Self::Plug { plug: PlugId { source, destination, topic, mode } }
            }
            Some([SECRETS, folder @ .., RECIPIENTS]) => Self::Recipients { folder: folder.join("/") },
            Some([SECRETS, folder @ .., name]) if name.ends_with(".gpg") && !folder.contains(&PUBLIC_KEYS) => {
                let name = name.trim_end_matches(".gpg");
                Self::Secret { secret: folder.iter().copied().chain([name]).collect::<Vec<_>>().join("/") }
            }
            Some([SECRETS, PUBLIC_KEYS, key]) => Self::PublicKey { key: (*key).to_owned() },
            _ => file(),
        }
    }

    /// Whether what stands in its file matters, or only that it changed.
    pub fn has_content(&self) -> bool {
        let is_document = matches!(self, Self::Mesh | Self::Instance { .. } | Self::Plug { .. });
        is_document || matches!(self, Self::Profile { .. } | Self::Tests { .. } | Self::Recipients { .. })
    }

    /// Whether its file is a document of ours whose keys can be merged one by one.
    pub fn is_document(&self, path: &Path) -> bool {
        let yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        yaml && matches!(self, Self::Mesh | Self::Instance { .. } | Self::Plug { .. } | Self::Product { .. })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Mesh => "the mesh".to_owned(),
            Self::Profile { profile } => format!("profile {profile}"),
            Self::Tests { tests } => format!("tests in {tests}"),
            Self::Product { product } => format!("product {product}"),
            Self::Instance { instance, .. } => format!("instance {instance}"),
            Self::Plug { plug } => {
                let mode = if plug.mode == Mode::Pull { " (pull)" } else { "" };
                format!("plug {} {} -> {}{mode}", plug.topic, plug.source, plug.destination)
            }
            Self::Secret { secret } => format!("secret {secret}"),
            Self::Secrets { secrets } => names::counted(secrets.len(), "secret"),
            Self::Recipients { folder } if folder.is_empty() => "recipients of the secrets".to_owned(),
            Self::Recipients { folder } => format!("recipients of the secrets in {folder}"),
            Self::PublicKey { key } => format!("public key {key} for the secrets"),
            Self::File { path } => format!("file {}", path.to_string_lossy()),
        };
        // Names come from others as well.
        f.write_str(&one_line(&text))
    }
}
