//! Between bytes and events.
//!
//! | module | what it holds |
//! |---|---|
//! | [`framing`] | cuts a stream of bytes into messages |
//! | [`decode`] | makes events of a message |
//! | [`encode`] | makes bytes of an event |
//! | [`template`] | text with places for fields of an event |

pub mod decode;
pub mod encode;
pub mod framing;
pub mod template;
