//! How components are connected, started and stopped.

mod output;

pub use output::Output;
