//! The embedded runtime: supervised processes on this machine.
