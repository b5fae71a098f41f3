//! The `resilmesh` command.
fn main() {}
