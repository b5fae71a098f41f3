//! What resilmesh does with a running pipeline: send lines into it, look at what flows through.

mod syslog;
mod tap;
