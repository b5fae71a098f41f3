//! The process that a crate of hooks becomes: it speaks the protocol of `resilmesh-hook-api`.

mod calls;
mod outbox;
mod panics;
mod questions;
mod session;
mod worker;

use std::io;
use std::process::ExitCode;

#[cfg(feature = "async")]
pub use self::calls::wait_for;

/// What the program is started with to be a module's worker.
const WORKER: &str = "worker";

/// The whole program.
pub fn run() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may lead nowhere any more; then the status has to do.
            let _ = io::Write::write_all(&mut io::stderr(), format!("{error}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    match std::env::args().nth(1).as_deref() {
        None => session::serve(resilmesh_hook_host::take()?),
        Some(WORKER) => worker::serve(resilmesh_hook_host::take()?),
        Some(other) => {
            Err(io::Error::other(format!("it has no option `{other}`: resilmesh starts it, to run the hooks in it")))
        }
    }
}
