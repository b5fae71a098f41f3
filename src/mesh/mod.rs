//! What the project means. Pure: no I/O, no clock.

pub mod model;
