//! What is on disk: documents to types and back, discovery, scaffolding.
//!
//! | kind | file | type |
//! |---|---|---|
//! | project | `resilmesh.yaml` | [`project_file::ProjectFile`] |
//! | profile | `profiles/<name>.yaml` | [`profile_file::ProfileFile`] |
//! | lock | `resilmesh.lock` | [`lock_file::LockFile`] |
//! | product | `products/<product>/definition.yaml` | [`crate::mesh::model::Product`], read by [`definition`] |
//! | integration | `products/<product>/integrations/<target>/...yml` | [`crate::mesh::model::Integration`], read by [`integration_file`] |
//! | instance | `instances/<product>/<instance>/config.yaml` | [`instance_file::InstanceFile`] |
//! | plug | `instances/<product>/<instance>/plugs/<destination>/...yaml` | [`plug_file::PlugFile`] |
//! | tests | `tests/*.yaml`, `products/<product>/tests/*.yaml` | [`test_file::TestFile`] |

pub mod assign;
pub mod catalogue;
pub mod change;
pub mod code;
pub mod content;
pub mod decode;
pub mod definition;
pub mod edit;
pub mod excerpt;
pub mod files;
pub mod git_catalogue;
pub mod instance_file;
pub mod integration_file;
pub mod line_diff;
pub mod load;
pub mod locate;
pub mod lock_file;
pub mod moves;
pub mod names;
pub mod plug_file;
pub mod position;
pub mod printable;
pub mod product_folder;
pub mod profile_file;
pub mod project_file;
pub mod python_hooks;
pub mod replace;
pub mod rust_hooks;
pub mod saved;
pub mod scaffold;
pub mod schema;
mod service;
pub mod setting;
pub mod stamp;
pub mod test_file;
pub mod user_folders;
pub mod write;
pub mod written;
pub mod yaml;
pub mod zone;
