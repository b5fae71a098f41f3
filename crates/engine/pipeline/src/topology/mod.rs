//! How components are connected, started, watched and stopped.
//!
//! | module | what it holds |
//! |---|---|
//! | [`build`] | a configuration to components, or to all its mistakes |
//! | [`graph`] | who takes events from whom |
//! | [`output`] | the sending end of a component |
//! | [`run`] | start, watching over, stop |
//! | [`single`] | what only one pipeline at a time can do |
//! | [`tap`] | watching what flows by |

pub mod build;
pub mod graph;
pub mod output;
pub mod run;
pub mod single;
pub mod tap;
#[cfg(test)]
mod tests;

pub use output::Output;
