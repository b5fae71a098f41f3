//! Between bytes and events.
