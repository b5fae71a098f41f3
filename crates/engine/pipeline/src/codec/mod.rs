//! Between bytes and events.
//!
//! | module | what it holds |
//! |---|---|
//! | [`framing`] | cutting a stream into frames |
//! | [`decode`] | turning a frame into records |
//! | [`encode`] | turning an event into bytes |
//! | [`template`] | texts with fields of the event in them |

pub mod decode;
pub mod encode;
pub mod framing;
pub mod template;
