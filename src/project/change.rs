//! Changes of a project's files: tried on what was read, then made on disk.

use std::io;
use std::path::{Path, PathBuf};

use super::instance_file::InstanceFile;
use super::load::{CONFIG, INSTANCES, ProjectFiles};
use super::plug_file::{self, PlugFile};
use super::product_folder;
use super::write;
use crate::mesh::model::PlugId;

/// One file to be written or deleted; paths are relative to the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// `config.yaml` of an instance becomes `text`.
    WriteInstance {
        /// The product.
        product: String,
        /// The instance.
        name: String,
        /// The whole file.
        text: String,
    },
    /// The instance and all that lies in its folder goes.
    DeleteInstance {
        /// The product.
        product: String,
        /// The instance.
        name: String,
    },
    /// The file of a plug becomes `text`.
    WritePlug {
        /// The product of the source.
        product: String,
        /// The plug.
        id: PlugId,
        /// The whole file.
        text: String,
    },
    /// A plug goes, with the folders that it leaves empty.
    DeletePlug {
        /// The product of the source.
        product: String,
        /// The plug.
        id: PlugId,
    },
}

/// The folder of an instance, relative to the project.
pub fn instance_folder(product: &str, name: &str) -> PathBuf {
    Path::new(INSTANCES).join(product).join(name)
}

/// The file of a plug, relative to the project.
pub fn plug_path(product: &str, id: &PlugId) -> PathBuf {
    let name = plug_file::file_name(&id.topic, id.mode);
    instance_folder(product, &id.source).join("plugs").join(&id.destination).join(name)
}

impl Change {
    /// Makes the change in what was read of the project.
    pub fn preview(&self, files: &mut ProjectFiles) {
        let stale: PathBuf = match self {
            Self::WriteInstance { product, name, .. } => instance_folder(product, name).join(CONFIG),
            Self::DeleteInstance { product, name } => instance_folder(product, name),
            Self::WritePlug { product, id, .. } | Self::DeletePlug { product, id } => plug_path(product, id),
        };
        files.found.retain(|found| !found.at.as_ref().is_some_and(|at| at.file.starts_with(&stale)));
        let mut found = Vec::new();
        match self {
            Self::WriteInstance { product, name, text } => {
                files.instances.retain(|own| own.product != *product || own.name != *name);
                files.unreadable.remove(name);
                files.texts.note(&stale, text);
                product_folder::read(&stale, text, &mut found, |node, report| {
                    files.instances.push(InstanceFile::decode(node, product, name, report));
                });
                files.instances.sort_by(|one, other| (&one.product, &one.name).cmp(&(&other.product, &other.name)));
            }
            Self::DeleteInstance { product, name } => {
                files.instances.retain(|own| own.product != *product || own.name != *name);
                files.plugs.retain(|plug| plug.source_product != *product || plug.id.source != *name);
                files.unreadable.remove(name);
            }
            Self::WritePlug { product, id, text } => {
                files.plugs.retain(|plug| plug.source_product != *product || plug.id != *id);
                files.texts.note(&stale, text);
                product_folder::read(&stale, text, &mut found, |node, report| {
                    files.plugs.push(PlugFile::decode(node, product, id.clone(), report));
                });
            }
            Self::DeletePlug { product, id } => {
                files.plugs.retain(|plug| plug.source_product != *product || plug.id != *id);
            }
        }
        files.texts.put_into(&mut found);
        files.found.append(&mut found);
    }

    /// Makes the change on disk, in the project at `root`.
    ///
    /// # Errors
    /// When the disk refuses, or a link leads out of the project; the file is then as it was.
    pub fn make(&self, root: &Path) -> io::Result<()> {
        let folder = match self {
            Self::WriteInstance { product, name, .. } | Self::DeleteInstance { product, name } => {
                instance_folder(product, name)
            }
            Self::WritePlug { product, id, .. } | Self::DeletePlug { product, id } => plug_path(product, id),
        };
        stays_inside(root, &root.join(folder))?;
        match self {
            Self::WriteInstance { product, name, text } => {
                write::replace(&root.join(instance_folder(product, name)).join(CONFIG), text)
            }
            Self::DeleteInstance { product, name } => {
                let folder = root.join(instance_folder(product, name));
                std::fs::remove_dir_all(&folder)?;
                remove_if_empty(folder.parent());
                Ok(())
            }
            Self::WritePlug { product, id, text } => write::replace(&root.join(plug_path(product, id)), text),
            Self::DeletePlug { product, id } => {
                let path = root.join(plug_path(product, id));
                std::fs::remove_file(&path)?;
                remove_if_empty(path.parent());
                remove_if_empty(path.parent().and_then(Path::parent));
                Ok(())
            }
        }
    }
}

/// What is there of the way to `path` must not lead out of `root`.
pub(super) fn stays_inside(root: &Path, path: &Path) -> io::Result<()> {
    let there = path.ancestors().find_map(|part| part.canonicalize().ok());
    match there {
        Some(real) if real.starts_with(root.canonicalize()?) => Ok(()),
        _ => Err(io::Error::other(format!("a symbolic link leads out of the project at `{}`", path.display()))),
    }
}

/// A folder that still holds something stays; that is no failure.
fn remove_if_empty(folder: Option<&Path>) {
    if let Some(folder) = folder {
        let _ = std::fs::remove_dir(folder);
    }
}

/// The text of a new plug's file.
pub fn plug_text(id: &PlugId, format: Option<&str>, trigger: bool) -> String {
    let mut entries = std::collections::BTreeMap::from([
        ("src_instance".to_owned(), id.source.as_str().into()),
        ("dst_instance".to_owned(), id.destination.as_str().into()),
        ("topic".to_owned(), id.topic.as_str().into()),
        ("mode".to_owned(), id.mode.word().into()),
    ]);
    if let Some(format) = format {
        entries.insert("format".to_owned(), format.into());
    }
    if trigger {
        entries.insert("kind".to_owned(), "trigger".into());
    }
    write::to_yaml(&entries)
}
