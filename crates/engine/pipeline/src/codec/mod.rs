//! Between bytes and events.
//!
//! | module | what it holds |
//! |---|---|
//! | [`framing`] | cutting a stream into frames |
//! | [`decode`] | turning a frame into records |

pub mod decode;
pub mod framing;
