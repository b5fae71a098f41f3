//! What resilmesh does on a NATS server: streams, durable consumers, and a look at both.
//!
//! All of it as the user `resilmesh`, whose password is generated. The users of the instances are
//! not made here but in `nats.conf`; a setup waits until the server lets the other end in.
//!
//! The bus takes a topic: its stream. It gives a topic: a durable consumer.

mod connection;
mod consumer;
mod produce;
mod stats;
mod stream;
mod watch;
