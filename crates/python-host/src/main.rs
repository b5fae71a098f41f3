//! The process that runs vendors' Python hooks.
//!
//! It has a Python interpreter inside, so that `resilmesh` itself needs none, and speaks the protocol
//! of `resilmesh-hook-api` on its standard input and output: `docs/specs/hooks.md`. The parts:
//!
//! - `resilmesh-hook-host` moves the protocol away from where hooks print to, as for every language;
//! - [`outbox`] writes to `resilmesh`, [`questions`] waits for its answers;
//! - [`interpreter`] starts Python, [`modules`] has the Python code that is inside this program;
//! - [`channel`] is what that code may call;
//! - [`session`] reads what `resilmesh` says and makes the calls;
//! - [`worker`] runs the hook of a module, for the service that starts the program with this argument:
//!   `docs/specs/modules.md`.

mod channel;
mod interpreter;
mod modules;
mod outbox;
mod questions;
mod session;
mod values;
mod worker;

use std::io::BufReader;
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
    match std::env::args().nth(1).as_deref() {
        Some("--version") => return say(&format!("resilmesh-python-host {}", env!("CARGO_PKG_VERSION"))),
        Some("--runtime") => return say(&interpreter::version()),
        Some("worker") => return worker::run(),
        Some(other) => return Err(format!("it has no option `{other}`: resilmesh starts it without any").into()),
        None => {}
    }
    let streams = resilmesh_hook_host::take()?;
    let outbox = outbox::Outbox::new(streams.output, outbox::Form::Lines);
    let host = Arc::new(session::Host::new(outbox, streams.prints));
    let python = Arc::new(interpreter::start(&host, streams.last_words, streams.private)?);
    host.outbox().send(&python.hello())?;
    session::forward_prints(&host)?;
    session::serve(&host, &python, BufReader::new(streams.input))?;
    Ok(())
}

/// Answers who asks for a version.
fn say(text: &str) -> Result<(), Box<dyn std::error::Error>> {
    std::io::Write::write_all(&mut std::io::stdout(), format!("{text}\n").as_bytes())?;
    Ok(())
}
