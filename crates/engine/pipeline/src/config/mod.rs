//! From the files of a configuration folder to components with options.

pub mod error;
pub mod options;

pub use error::{ConfigError, Position, closest};
pub use options::{Options, Section};
