//! The host's standard streams.
//!
//! Hooks, and programs that they start, write on standard output as they like. So the protocol moves to
//! descriptors that nobody else knows and that programs do not inherit; standard output and error become a pipe
//! that the host reads, standard input becomes empty.

use std::fs::File;
use std::io;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stdin, stdout};

/// The streams, each where it belongs.
pub(super) struct Streams {
    /// What `resilmesh` says.
    pub(super) input: File,
    /// What is said to it.
    pub(super) output: File,
    /// What is written on standard output and error.
    pub(super) prints: File,
}

/// Descriptors below this one are the standard streams.
const FIRST_FREE: i32 = 3;

/// Takes the standard streams away from everybody else.
pub(super) fn take() -> io::Result<Streams> {
    let input = fcntl_dupfd_cloexec(stdin(), FIRST_FREE)?;
    let output = fcntl_dupfd_cloexec(stdout(), FIRST_FREE)?;
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    rustix::fs::fcntl_setfl(&read, OFlags::NONBLOCK)?;
    dup2_stdin(open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)?;
    dup2_stdout(&write)?;
    dup2_stderr(write)?;
    Ok(Streams { input: File::from(input), output: File::from(output), prints: File::from(read) })
}
