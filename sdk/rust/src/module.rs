//! Hooks that events pass through: `process`.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::answers::Ended;
use crate::context::typed;
use crate::error::{Error, Result};

/// An event as it came: it is read when somebody looks at it, so that one that is only passed on costs nothing.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    bytes: &'a [u8],
}

impl<'a> Event<'a> {
    /// Of its bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// As it came: JSON.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// As a map or whatever it is.
    ///
    /// # Errors
    /// When it is no JSON.
    pub fn value(&self) -> Result<Value> {
        self.read()
    }

    /// As the vendor's own type, which may borrow from it.
    ///
    /// # Errors
    /// When it is something else.
    pub fn read<T: serde::Deserialize<'a>>(&self) -> Result<T> {
        serde_json::from_slice(self.bytes).map_err(|error| Error::new(format!("the event is not as expected: {error}")))
    }
}

/// What becomes of an event.
///
/// A `process` hook may return this, or a value (it goes on in the place of the event), an `Option` (`None`
/// drops it), or a list (all go on).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on as it came.
    Same,
    /// It is dropped.
    Drop,
    /// These go on in its place, each as JSON.
    Events(Vec<Vec<u8>>),
}

impl Outcome {
    /// This goes on in its place.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn event(event: &impl Serialize) -> Result<Self> {
        Ok(Self::Events(vec![serde_json::to_vec(event)?]))
    }

    /// These go on in its place.
    ///
    /// # Errors
    /// When one cannot be written as JSON.
    pub fn events<T: Serialize>(events: impl IntoIterator<Item = T>) -> Result<Self> {
        let written: std::result::Result<Vec<_>, _> =
            events.into_iter().map(|event| serde_json::to_vec(&event)).collect();
        Ok(Self::Events(written?))
    }
}

/// What a `process` hook may return for an event.
#[diagnostic::on_unimplemented(
    message = "a `process` hook returns what becomes of the event, not `{Self}`",
    label = "`Outcome`, `Value`, `Option<Value>` or `Vec<Value>`, or a `Result` of one"
)]
pub trait IntoOutcome {
    /// As an outcome.
    ///
    /// # Errors
    /// When it cannot be sent.
    fn into_outcome(self) -> Result<Outcome>;
}

impl IntoOutcome for Outcome {
    fn into_outcome(self) -> Result<Outcome> {
        Ok(self)
    }
}

impl IntoOutcome for Value {
    fn into_outcome(self) -> Result<Outcome> {
        Outcome::event(&self)
    }
}

impl IntoOutcome for Option<Value> {
    fn into_outcome(self) -> Result<Outcome> {
        self.map_or(Ok(Outcome::Drop), |event| Outcome::event(&event))
    }
}

impl IntoOutcome for Vec<Value> {
    fn into_outcome(self) -> Result<Outcome> {
        Outcome::events(self)
    }
}

impl<T: IntoOutcome, E: Into<Error>> IntoOutcome for std::result::Result<T, E> {
    fn into_outcome(self) -> Result<Outcome> {
        self.map_err(Into::into)?.into_outcome()
    }
}

/// What a module is told before it gets events.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// The instance that it works for.
    pub instance: String,
    /// The settings of the instance, without secret ones.
    pub values: Map<String, Value>,
    pub(crate) secrets: Map<String, Value>,
}

impl Start {
    /// Of an instance with these settings and secret settings: for tests.
    pub fn new(instance: impl Into<String>, values: Map<String, Value>, secrets: Map<String, Value>) -> Self {
        Self { instance: instance.into(), values, secrets }
    }

    /// The settings, as the vendor's own type.
    ///
    /// # Errors
    /// Which setting is missing or wrong.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T> {
        typed("setting", &self.instance, Value::Object(self.values.clone()))
    }

    /// The value of a secret setting.
    pub fn secret(&self, name: &str) -> Option<&str> {
        self.secrets.get(name).and_then(Value::as_str)
    }
}

/// What events pass through, made once in a worker: for each event what becomes of it.
pub type Worker = Box<dyn FnMut(&[Event<'_>]) -> Vec<Result<Outcome>>>;

/// What a `process` hook may take an event as.
#[diagnostic::on_unimplemented(
    message = "a `process` hook takes an event, not `{Self}`",
    label = "`Event<'_>`, `&Event<'_>` or `serde_json::Value`"
)]
pub trait FromEvent<'e>: Sized {
    /// Of an event.
    ///
    /// # Errors
    /// When it is something else.
    fn from_event(event: &'e Event<'e>) -> Result<Self>;
}

impl<'e> FromEvent<'e> for &'e Event<'e> {
    fn from_event(event: &'e Event<'e>) -> Result<Self> {
        Ok(event)
    }
}

impl<'e> FromEvent<'e> for Event<'e> {
    fn from_event(event: &'e Event<'e>) -> Result<Self> {
        Ok(*event)
    }
}

impl<'e> FromEvent<'e> for Value {
    fn from_event(event: &'e Event<'e>) -> Result<Self> {
        event.value()
    }
}

impl<'e> FromEvent<'e> for Map<String, Value> {
    fn from_event(event: &'e Event<'e>) -> Result<Self> {
        event.read()
    }
}

/// The state of a module, as its `init` has made it.
///
/// # Errors
/// That of `init`.
pub fn initial<R: Ended>(made: R) -> Result<R::Value> {
    made.ended()
}

/// What becomes of one event.
///
/// # Errors
/// The hook's, or that the event is something else.
pub fn outcome<E, R: IntoOutcome>(event: Result<E>, hook: impl FnOnce(E) -> R) -> Result<Outcome> {
    hook(event?).into_outcome()
}

/// What becomes of many events that were handed over at once.
pub fn outcomes<T: IntoOutcome, E: Into<Error>>(
    events: &[Event<'_>],
    returned: std::result::Result<Vec<T>, E>,
) -> Vec<Result<Outcome>> {
    let same_for_all = |message: &str| events.iter().map(|_| Err(Error::new(message))).collect();
    match returned.map_err(Into::into) {
        Ok(outcomes) if outcomes.len() == events.len() => outcomes.into_iter().map(IntoOutcome::into_outcome).collect(),
        Ok(outcomes) => same_for_all(&format!(
            "the hook got {} events and returned what becomes of {}",
            events.len(),
            outcomes.len()
        )),
        Err(error) => same_for_all(&error.to_string()),
    }
}
