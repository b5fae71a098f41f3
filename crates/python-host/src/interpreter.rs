//! The Python interpreter inside this program.

use std::os::fd::{IntoRawFd as _, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyModule, PyString};
use resilmesh_hook_api::batch::{self, Welcome};
use resilmesh_hook_api::{Call, CallId, Failure, FromHost, VERSION};
use serde_json::Value;

use crate::channel::Channel;
use crate::modules;
use crate::session::Host;
use crate::values::{from_python, to_python};

/// Python, with the host's own Python part (`python/resilmesh_host`) loaded.
pub(crate) struct Interpreter {
    version: String,
    program: Option<String>,
    part: Py<PyModule>,
}

/// The version of Python: `3.11.2`.
pub(crate) fn version() -> String {
    Python::initialize();
    Python::attach(|py| {
        let version = py.version_info();
        format!("{}.{}.{}", version.major, version.minor, version.patch)
    })
}

/// A module that events pass through.
pub(crate) struct Module {
    work: Py<PyAny>,
}

/// Why a call is interrupted.
pub(crate) enum Interruption {
    /// Nobody wants it any more.
    Cancelled,
    /// It took longer than this.
    Late(Duration),
    /// `resilmesh` is no longer there.
    Abandoned,
}

/// Starts it.
pub(crate) fn start(host: &Arc<Host>, last_words: OwnedFd, private: Vec<RawFd>) -> PyResult<Interpreter> {
    Python::initialize();
    Python::attach(|py| {
        let native = PyModule::new(py, "_resilmesh_host")?;
        native.add("channel", Channel::new(Arc::clone(host)))?;
        let loaded = py.import("sys")?.getattr("modules")?;
        loaded.set_item("_resilmesh_host", native)?;
        boot(py)?;
        let part = py.import("resilmesh_host")?;
        // The descriptor stays open as long as the process lives: Python writes on it when it dies.
        let last_words = last_words.into_raw_fd();
        let (version, program) = part.call_method1("start", (last_words, private))?.extract()?;
        Ok(Interpreter { version, program, part: part.unbind() })
    })
}

/// Makes the code in this program importable.
fn boot(py: Python<'_>) -> PyResult<()> {
    let Some(module) = modules::find("resilmesh_host.importer") else { return Ok(()) };
    let magic: String =
        py.import("_frozen_importlib_external")?.getattr("MAGIC_NUMBER")?.call_method0("hex")?.extract()?;
    let builtins = py.import("builtins")?;
    let code = match module.compiled {
        Some(code) if magic == modules::MAGIC => {
            py.import("marshal")?.call_method1("loads", (PyBytes::new(py, code),))?
        }
        _ => builtins.call_method1("compile", (module.source, "<resilmesh>/importer.py", "exec"))?,
    };
    let names = PyDict::new(py);
    names.set_item("__name__", "resilmesh_host.importer")?;
    builtins.call_method1("exec", (code, &names))?;
    if let Some(install) = names.get_item("install")? {
        install.call0()?;
    }
    Ok(())
}

impl Interpreter {
    /// How the host introduces itself.
    pub(crate) fn hello(&self) -> FromHost {
        FromHost::Hello {
            version: VERSION,
            language: "python".to_owned(),
            runtime: self.version.clone(),
            program: self.program.clone(),
        }
    }

    /// The project, and the folders with packages that hooks may import.
    pub(crate) fn welcome(&self, project: &str, packages: Vec<String>) -> PyResult<()> {
        Python::attach(|py| self.part.bind(py).call_method1("welcome", (project, packages)).map(drop))
    }

    /// Does work in this thread for which Python keeps what it knows of the thread: to make that anew for each
    /// call takes as long as a short hook.
    pub(crate) fn keep_thread(&self, work: impl FnOnce() + Send) {
        Python::attach(|py| py.detach(work));
    }

    /// Runs a hook, in this thread, to its end. What it returned, or why it failed.
    pub(crate) fn run(&self, id: CallId, call: &Call) -> Result<Value, Failure> {
        Python::attach(|py| {
            let part = self.part.bind(py);
            let outcome = serde_json::to_value(call)
                .map_err(|error| PyValueError::new_err(error.to_string()))
                .and_then(|call| to_python(py, &call))
                .and_then(|call| part.call_method1("run", (id, call)))
                .and_then(|value| from_python(&value));
            outcome.map_err(|error| describe(part, id, call, &error))
        })
    }

    /// The version of Python.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Imports a module that events pass through.
    pub(crate) fn load(&self, welcome: &Welcome) -> Result<Module, Failure> {
        Python::attach(|py| {
            let loaded = serde_json::to_value(welcome)
                .map_err(|error| PyValueError::new_err(error.to_string()))
                .and_then(|welcome| to_python(py, &welcome))
                .and_then(|welcome| py.import("resilmesh_host.worker")?.call_method1("load", (welcome,)));
            match loaded {
                Ok(work) => Ok(Module { work: work.unbind() }),
                Err(error) => {
                    let part = py.import("resilmesh_host.worker").map_err(|error| plain(py, &error))?;
                    let place = (error.value(py), &welcome.hook.folder, &welcome.hook.product);
                    Err(described(part.call_method1("describe", place), py, &error))
                }
            }
        })
    }

    /// Has a module work on the events of a batch.
    pub(crate) fn work(&self, module: &Module, batch: &[u8]) -> PyResult<()> {
        let events = batch::events(batch)?;
        Python::attach(|py| {
            let texts = PyList::empty(py);
            for event in events {
                // The service sends texts only; Python makes an error of what is none, and the event fails.
                texts.append(PyString::new(py, &String::from_utf8_lossy(event)))?;
            }
            module.work.bind(py).call1((texts,)).map(drop)
        })
    }

    /// Interrupts a call.
    pub(crate) fn interrupt(&self, id: CallId, why: &Interruption) -> PyResult<()> {
        let (text, class) = match why {
            Interruption::Cancelled => ("it was cancelled".to_owned(), "KeyboardInterrupt"),
            Interruption::Abandoned => ("resilmesh has ended".to_owned(), "KeyboardInterrupt"),
            Interruption::Late(limit) => (format!("it took longer than {} s", limit.as_secs_f64()), "TimeoutError"),
        };
        Python::attach(|py| self.part.bind(py).call_method1("interrupt", (id, text, class)).map(drop))
    }

    /// Does what was left for the end.
    pub(crate) fn end(&self) {
        let _ = Python::attach(|py| self.part.bind(py).call_method0("end").map(drop));
    }
}

/// What an exception is for `resilmesh`.
fn describe(part: &Bound<'_, PyModule>, id: CallId, call: &Call, error: &PyErr) -> Failure {
    let py = part.py();
    let said = part.call_method1("describe", (id, error.value(py), &call.hook.folder, &call.hook.product));
    described(said, py, error)
}

/// What was said of an exception.
fn described(said: PyResult<Bound<'_, PyAny>>, py: Python<'_>, error: &PyErr) -> Failure {
    said.and_then(|failure| from_python(&failure))
        .and_then(|failure| serde_json::from_value(failure).map_err(|error| PyValueError::new_err(error.to_string())))
        .unwrap_or_else(|second: PyErr| {
            let full = Some(format!("{error}\n(it cannot be described: {second})"));
            Failure { full, ..plain(py, error) }
        })
}

/// An exception in a few words.
fn plain(py: Python<'_>, error: &PyErr) -> Failure {
    let class = error.get_type(py).name().ok().map(|name| name.to_string());
    Failure { message: error.to_string(), class, ..Failure::default() }
}
