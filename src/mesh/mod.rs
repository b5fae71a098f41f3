//! What the project means. Pure: no I/O, no clock.

pub mod cautions;
mod clashes;
pub mod compile;
pub mod difference;
pub mod guarantees;
pub mod hooks;
pub mod integrations;
pub mod matching;
mod mismatch;
pub mod model;
pub mod origins;
pub mod product_check;
mod replicas;
mod rings;
pub mod route;
pub mod secrets;
mod settings;
pub mod sound;
pub mod subject;
mod topology;
mod zones;
