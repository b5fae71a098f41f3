//! The process that runs vendors' Python hooks.
//!
//! It has a Python interpreter inside, so that `resilmesh` itself needs none, and speaks the protocol
//! of `resilmesh-hook-api` on its standard input and output: `docs/specs/hooks.md`. The parts:
//!
//! - [`streams`] moves the protocol away from where hooks print to;
//! - [`outbox`] writes to `resilmesh`, [`questions`] waits for its answers;
//! - [`interpreter`] starts Python, [`modules`] has the Python code that is inside this program;
//! - [`channel`] is what that code may call;
//! - [`session`] reads what `resilmesh` says and makes the calls.

mod channel;
mod interpreter;
mod modules;
mod outbox;
mod prints;
mod questions;
mod session;
mod streams;
mod values;

use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may lead nowhere any more; then the status has to do.
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("resilmesh-python-host: {error}\n").as_bytes(),
            );
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == "--version") {
        let text = format!("resilmesh-python-host {}\n", env!("CARGO_PKG_VERSION"));
        std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())?;
        return Ok(());
    }
    let streams = streams::take()?;
    let host = Arc::new(session::Host::new(streams.outbox, streams.prints));
    let python = Arc::new(interpreter::start(&host, streams.last_words, streams.private)?);
    host.outbox().send(&python.hello())?;
    prints::forward(&host)?;
    session::serve(&host, &python, streams.input)?;
    Ok(())
}
