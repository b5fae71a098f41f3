//! Why a hook could not do its work.

use std::fmt;
use std::panic::Location;

use resilmesh_hook_api::Failure;

/// What hooks return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a hook could not do its work.
///
/// Any error becomes one with `?`, and knows the line that it happened in.
///
/// ```
/// # use resilmesh_sdk::{Error, Explain, Result};
/// fn port(text: &str) -> Result<u16> {
///     text.parse().explain("the port of the console")
/// }
/// assert_eq!(port("x").unwrap_err().to_string(), "the port of the console: invalid digit found in string");
///
/// let refused = Error::new("the console refuses the token").hint("`resilmesh configure edr` takes another");
/// assert!(!refused.is_cancelled());
/// ```
pub struct Error {
    message: String,
    hint: Option<String>,
    /// Where it was made, if that is code of the vendor.
    at: Option<&'static Location<'static>>,
    class: Option<String>,
    cancelled: bool,
}

impl Error {
    /// An error that says this: what went wrong and why, on one line.
    #[track_caller]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, at: Some(Location::caller()), class: None, cancelled: false }
    }

    /// Of a `process` hook: the event can perhaps be worked on a little later, so it is tried again.
    #[track_caller]
    pub fn retry(message: impl Into<String>) -> Self {
        Self { class: Some("Retry".to_owned()), ..Self::new(message) }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says in front of it what was being done.
    #[must_use]
    pub fn explain(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// Whether it only says that the call is no longer wanted.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled
    }

    /// The call is not wanted any more.
    #[track_caller]
    pub(crate) fn cancelled(why: String) -> Self {
        Self { cancelled: true, ..Self::new(why) }
    }

    /// What `resilmesh` has refused.
    #[track_caller]
    pub(crate) fn refused(failure: Failure) -> Self {
        Self { hint: failure.hint, class: failure.class, ..Self::new(failure.message) }
    }

    /// As it is told to `resilmesh`: with the line in the vendor's own files, in this function.
    pub(crate) fn failure(&self, function: &str) -> Failure {
        let at = self.at.filter(|at| is_own(at.file()));
        let traceback = at.map(|at| format!("hooks/{}:{}:{} in {function}", at.file(), at.line(), at.column()));
        Failure {
            message: one_line(&self.message),
            hint: self.hint.clone(),
            class: self.class.clone(),
            traceback: traceback.into_iter().collect(),
            full: None,
        }
    }
}

/// Whether a file belongs to the vendor's crate: others are absolute, or lead out of it.
pub(crate) fn is_own(file: &str) -> bool {
    !file.starts_with('/') && !file.starts_with("..")
}

/// Messages are one line.
pub(crate) fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hint.iter().try_for_each(|hint| write!(f, " ({hint})"))
    }
}

/// As `Error` is no `std::error::Error` itself, this does not stand in its own way.
impl<E: std::error::Error> From<E> for Error {
    #[track_caller]
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            let inner_says = inner.to_string();
            if !message.contains(&inner_says) {
                message = format!("{message}: {inner_says}");
            }
            source = inner.source();
        }
        Self::new(message)
    }
}

/// Says what was being done when something failed.
pub trait Explain<T> {
    /// Puts this in front of the error.
    ///
    /// # Errors
    /// The same, explained.
    fn explain(self, doing: impl fmt::Display) -> Result<T>;
}

impl<T, E: Into<Error>> Explain<T> for std::result::Result<T, E> {
    #[track_caller]
    fn explain(self, doing: impl fmt::Display) -> Result<T> {
        match self {
            Ok(value) => Ok(value),
            Err(error) => {
                let mut error: Error = error.into().explain(doing);
                error.at = Some(Location::caller());
                Err(error)
            }
        }
    }
}

impl<T> Explain<T> for Option<T> {
    #[track_caller]
    fn explain(self, doing: impl fmt::Display) -> Result<T> {
        match self {
            Some(value) => Ok(value),
            None => Err(Error::new(doing.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_knows_the_line_of_its_question_mark() {
        let line = line!() + 1;
        let failing = || -> Result<u8> { Ok("x".parse::<u8>()?) };
        let failure = failing().expect_err("no number").failure("f");
        assert_eq!(failure.message, "invalid digit found in string");
        let [own] = failure.traceback.as_slice() else { panic!("{failure:?}") };
        assert!(
            own.starts_with("hooks/") && own.contains(&format!("error.rs:{line}:")) && own.ends_with(" in f"),
            "{own}"
        );
    }

    #[test]
    fn one_that_may_pass_says_so() {
        assert_eq!(Error::retry("the list is not there yet").failure("f").class.as_deref(), Some("Retry"));
    }

    #[test]
    fn causes_are_told_once_and_in_one_line() {
        let inner = std::io::Error::other("no\n  route");
        let error = Error::from(std::io::Error::other(inner));
        assert_eq!(error.failure("f").message, "no; route");
    }
}
