//! The whole mesh with real programs: what a user sees of `up`, of a flow of logs, and of faults.
//! Each test reads as intent, step, observable state.

mod clients;
mod delivery;
mod faults;
mod lifecycle;
mod mesh;
