//! What hosts of hooks share, whatever the language of the hooks: how the protocol is kept apart from what hooks
//! print, and how its lines are read.

mod lines;
mod prints;
mod streams;

pub use lines::read_message;
pub use prints::Prints;
pub use streams::{Streams, take};
