//! The catalogue and the examples are built in: a change of their files is a change of the program.

#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

fn main() {
    println!("cargo:rerun-if-changed=products");
    println!("cargo:rerun-if-changed=examples");
}
