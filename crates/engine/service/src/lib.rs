//! What every service of the embedded runtime shares: a control socket, counters,
//! and an orderly start and stop.
//!
//! | module | what it holds |
//! |---|---|
//! | [`control`] | JSON lines over a Unix socket: the server a service runs, the client others use |
//! | [`stats`] | counters per component, and the rates made of them |
//! | [`lifecycle`] | readiness and shutdown |
//! | [`bus`] | how our programs connect to NATS |
//! | [`log`] | how a service writes its log |
//! | [`amount`] | amounts with units, such as `30d` |
//! | [`rehearsal`] | what a service would make of something, without its surroundings |

pub mod amount;
pub mod bus;
pub mod control;
pub mod lifecycle;
pub mod log;
pub mod rehearsal;
pub mod stats;

pub use lifecycle::{Lifecycle, RunOptions};
pub use stats::Stats;
