//! From one stream of the bus to another: messages in, results out, nothing lost in between.
//!
//! A message is acknowledged when the stream of results has said that it stored what was made of it, and not
//! before. Until then the message counts against a bounded window; when that is full, no more are asked for.
//! Whatever dies, the message is delivered again, and its results are recognised by their ids.
//!
//! | module | what it holds |
//! |---|---|
//! | [`run`] | the loop: what a service does between the streams is its [`Work`] |
//! | [`RunError`], [`until_signalled`], [`serve_control`] | how such a service begins, and why it ends |
//! | [`config`], [`fields`] | what the services between streams are told, and how their files are read |
//! | [`event`] | events, read and added to as text |
//! | [`delivery`] | a message until it is answered for |
//! | [`publish`] | results, until they are stored |
//! | [`rejected`] | messages that nothing can be made of: kept, with the reason |
//! | [`id`] | what messages are known by |
//! | `connection`, `pull`, `window` | the bus, the durable consumer, how much may be under way |

pub mod config;
mod connection;
pub mod delivery;
mod ends;
pub mod event;
pub mod fields;
pub mod id;
pub mod publish;
mod pull;
pub mod rejected;
mod run;
mod window;

pub use ends::{RunError, serve_control, until_signalled};
pub use run::{Relay, Work, run};
pub use window::Load;
