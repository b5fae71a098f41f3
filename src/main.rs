//! The `resilmesh` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    resilmesh::cli::main()
}
