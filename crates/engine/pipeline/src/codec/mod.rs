//! Between bytes and events.

pub mod encode;
pub mod template;
