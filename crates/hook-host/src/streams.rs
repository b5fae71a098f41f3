//! The host's standard streams.
//!
//! Hooks, and programs that they start, write on standard output as they like. So the protocol moves to
//! descriptors that nobody else knows and that programs do not inherit; standard output and error become a pipe
//! that the host reads, standard input becomes empty.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};

use rustix::fs::{Mode, OFlags, fcntl_setfl, open};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stderr, stdin, stdout};

use crate::Prints;

/// The streams, each where it belongs.
#[derive(Debug)]
pub struct Streams {
    /// What `resilmesh` says.
    pub input: File,
    /// What is said to it.
    pub output: File,
    /// What is written on standard output and error.
    pub prints: Prints,
    /// The standard error that the host was started with: for its last words.
    pub last_words: OwnedFd,
    /// The descriptors that no copy of this process may keep.
    pub private: Vec<RawFd>,
}

/// Descriptors below this one are the standard streams.
const FIRST_FREE: i32 = 3;

/// Takes the standard streams away from everybody else.
///
/// # Errors
/// When descriptors cannot be made.
pub fn take() -> io::Result<Streams> {
    let input = fcntl_dupfd_cloexec(stdin(), FIRST_FREE)?;
    let output = fcntl_dupfd_cloexec(stdout(), FIRST_FREE)?;
    let last_words = fcntl_dupfd_cloexec(stderr(), FIRST_FREE)?;
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    fcntl_setfl(&read, OFlags::NONBLOCK)?;
    dup2_stdin(open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)?;
    dup2_stdout(&write)?;
    dup2_stderr(write)?;
    let private = vec![input.as_raw_fd(), output.as_raw_fd(), last_words.as_raw_fd(), read.as_raw_fd()];
    let prints = Prints::new(File::from(read));
    Ok(Streams { input: File::from(input), output: File::from(output), prints, last_words, private })
}
