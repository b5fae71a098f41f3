//! What the Python side may call: the module `_resilmesh_host` has the one object of this class.

use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBytes, PyDict, PyList};
use resilmesh_hook_api::batch::{self, FrameKind, Outcome};
use resilmesh_hook_api::{CallId, Failure, FromHost, Level, Request};

use crate::modules;
use crate::questions::Reply;
use crate::session::Host;
use crate::values::{from_python, to_python};

/// The way to `resilmesh`. Nothing here holds the interpreter while it waits.
#[pyclass(frozen)]
pub(crate) struct Channel {
    host: Arc<Host>,
}

impl Channel {
    pub(crate) fn new(host: Arc<Host>) -> Self {
        Self { host }
    }

    fn send(&self, py: Python<'_>, message: &FromHost) -> PyResult<()> {
        py.detach(|| self.host.outbox().send(message)).map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }
}

#[pymethods]
impl Channel {
    /// Tells people something.
    #[pyo3(signature = (call, level, text))]
    fn log(&self, py: Python<'_>, call: Option<CallId>, level: &str, text: String) -> PyResult<()> {
        let level = match level {
            "debug" => Level::Debug,
            "info" => Level::Info,
            "warning" => Level::Warning,
            _ => Level::Error,
        };
        self.send(py, &FromHost::Log { call, level, text })
    }

    /// Hands over one of the things that a call gives.
    fn item(&self, py: Python<'_>, call: CallId, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = from_python(value)?;
        self.send(py, &FromHost::Item { call, value })
    }

    /// Tells how far a call is.
    #[pyo3(signature = (call, text, done))]
    fn progress(&self, py: Python<'_>, call: CallId, text: String, done: Option<f64>) -> PyResult<()> {
        self.send(py, &FromHost::Progress { call, text, done })
    }

    /// Asks; the question's number.
    fn ask(&self, py: Python<'_>, call: CallId, request: &Bound<'_, PyAny>) -> PyResult<u64> {
        let request: Request = serde_json::from_value(from_python(request)?)
            .map_err(|error| PyValueError::new_err(format!("this cannot be asked: {error}")))?;
        if self.host.outbox().is_forked() {
            return Err(PyRuntimeError::new_err("a process made with os.fork() cannot ask resilmesh"));
        }
        let ask = self.host.questions().open(call);
        self.send(py, &FromHost::Ask { ask, call, request }).inspect_err(|_| {
            self.host.questions().forget(ask);
        })?;
        Ok(ask)
    }

    /// Waits for what comes for a question: nothing (yet), or what kind it is with what it is.
    fn wait<'py>(
        &self,
        py: Python<'py>,
        ask: u64,
        milliseconds: u64,
    ) -> PyResult<Option<(&'static str, Bound<'py, PyAny>)>> {
        let reply = py.detach(|| self.host.questions().wait(ask, Duration::from_millis(milliseconds)));
        Ok(match reply {
            Reply::Pending => None,
            Reply::Item(value) => Some(("item", to_python(py, &value)?)),
            Reply::Answer(value) => Some(("answer", to_python(py, &value)?)),
            Reply::Refused(failure) => Some(("refused", to_python(py, &in_json(&failure)?)?)),
        })
    }

    /// Nobody waits for the answer any more.
    fn forget(&self, py: Python<'_>, ask: u64) -> PyResult<()> {
        if !self.host.outbox().is_forked() && py.detach(|| self.host.questions().forget(ask)) {
            self.send(py, &FromHost::Forget { ask })?;
        }
        Ok(())
    }

    /// Tells what becomes of events: of each nothing, the text of what goes on in its place, a list of such texts, or
    /// why it has failed.
    fn outcomes(&self, py: Python<'_>, outcomes: &Bound<'_, PyList>) -> PyResult<()> {
        let mut body = Vec::new();
        for outcome in outcomes {
            if outcome.is_none() {
                batch::put_outcome(&mut body, &Outcome::Dropped);
            } else if let Ok(failure) = outcome.cast::<PyDict>() {
                let failure = from_python(failure)?.to_string();
                batch::put_outcome(&mut body, &Outcome::Failed(failure.as_bytes()));
            } else if let Ok(events) = outcome.cast::<PyList>() {
                let events: Vec<PyBackedStr> = events.extract()?;
                let events = events.iter().map(|event| event.as_bytes()).collect();
                batch::put_outcome(&mut body, &Outcome::Events(events));
            } else {
                let event: PyBackedStr = outcome.extract()?;
                batch::put_outcome(&mut body, &Outcome::Events(vec![event.as_bytes()]));
            }
        }
        let sent = py.detach(|| self.host.outbox().frame(FrameKind::Outcomes, &body));
        sent.map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }

    /// Makes those of a call look up that wait for answers.
    fn nudge(&self, py: Python<'_>, call: CallId) {
        py.detach(|| self.host.questions().nudge(call));
    }

    /// The call that runs, if it is the only one.
    fn only_call(&self) -> Option<CallId> {
        if self.host.outbox().is_forked() { None } else { self.host.only_call() }
    }

    /// Of the code in this program: whether it is a package, its code (if it fits this Python) and
    /// its text.
    #[staticmethod]
    fn module<'py>(py: Python<'py>, name: &str) -> Option<(bool, Option<Bound<'py, PyBytes>>, &'static str)> {
        let module = modules::find(name)?;
        Some((module.is_package, module.compiled.map(|code| PyBytes::new(py, code)), module.source))
    }

    /// What marks code of the Python that compiled the modules.
    #[getter]
    fn magic(&self) -> &'static str {
        modules::MAGIC
    }
}

fn in_json(failure: &Failure) -> PyResult<serde_json::Value> {
    serde_json::to_value(failure).map_err(|error| PyRuntimeError::new_err(error.to_string()))
}
