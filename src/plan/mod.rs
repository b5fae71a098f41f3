//! What to do: reconcile the mesh with what is there, apply the plan, keep the journal.

pub mod paths;
pub mod ports;
pub mod render;
pub mod secrets;
