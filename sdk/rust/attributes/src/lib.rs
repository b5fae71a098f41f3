//! What the attributes of Rust hooks may say.
//!
//! The macros read them when a crate is compiled, `resilmesh` when it looks for hooks without compiling or
//! running anything. Both do it with [`read`], so that they never disagree.

mod closest;
mod said;
mod signature;

pub use closest::closest;
pub use said::{Order, Said, Wrong, read};
pub use signature::{ALL, Signature};
