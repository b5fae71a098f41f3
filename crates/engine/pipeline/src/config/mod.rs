//! From the files of a configuration folder to components with options.
//!
//! | module | what it holds |
//! |---|---|
//! | [`load`] | finding and reading the files |
//! | [`globals`] | settings of the whole pipeline, `engine.yaml` |
//! | [`options`] | the options of one component |
//! | [`secrets`] | `SECRET[backend.key]` |
//! | [`yaml`] | YAML with the place of every key |
//! | [`error`] | what is wrong, and where |

pub mod error;
pub mod globals;
pub mod load;
pub mod options;
pub mod secrets;
#[cfg(test)]
mod tests;
pub mod yaml;

pub use error::{ConfigError, Position, closest};
pub use load::{Component, Config, SecretMode, load};
pub use options::{Options, Section};
