//! Runs a Vector configuration folder: sources, VRL transforms, sinks, acknowledged end to end.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | files to components with options; every mistake with file and place |
//! | [`event`] | events, and the share each has in the fate of what it was made from |
//! | [`codec`] | between bytes and events |
//! | [`source`] | where events enter |
//! | [`transform`] | what happens to them |
//! | [`sink`] | where they leave |
//! | [`topology`] | how components are connected, started, watched and stopped |
//! | [`readiness`] | who is ready, and what the others wait for |

pub mod codec;
pub mod config;
pub mod event;
pub mod readiness;
pub mod sink;
pub mod source;
pub mod topology;
pub mod transform;
