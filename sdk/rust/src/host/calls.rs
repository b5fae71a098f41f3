//! A call that runs, and what its hook may do.

use std::sync::{Arc, Mutex, PoisonError};

use resilmesh_hook_api::{CallId, FromHost, Level, Request};
use serde_json::Value;

use super::questions::Reply;
use super::session::Host;
use crate::context::Desk;
use crate::error::{Error, Result};

/// What is known of a call.
#[derive(Default)]
pub(super) struct Running {
    cancelled: Mutex<Option<String>>,
    #[cfg(feature = "async")]
    told: tokio::sync::Notify,
}

impl Running {
    /// The call is not wanted any more; the first reason stays.
    pub(super) fn cancel(&self, why: &str) {
        self.cancelled.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| why.to_owned());
        #[cfg(feature = "async")]
        self.told.notify_waiters();
    }

    fn why(&self) -> Option<String> {
        self.cancelled.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What a hook's context speaks through.
pub(super) struct CallDesk {
    pub(super) host: Arc<Host>,
    pub(super) id: CallId,
    pub(super) running: Arc<Running>,
}

impl CallDesk {
    fn send(&self, message: &FromHost) -> Result<()> {
        self.host.outbox.send(message).map_err(|error| Error::new(format!("this cannot be sent: {error}")))
    }

    fn go_on(&self) -> Result<()> {
        self.running.why().map_or(Ok(()), |why| Err(Error::cancelled(why)))
    }
}

/// Takes a question back when it is not waited for any more.
struct Asked<'a> {
    host: &'a Host,
    ask: u64,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if self.host.questions.forget(self.ask) {
            let _ = self.host.outbox.send(&FromHost::Forget { ask: self.ask });
        }
    }
}

impl Desk for CallDesk {
    #[track_caller]
    fn ask(&self, request: Request, item: &mut dyn FnMut(Value)) -> Result<Value> {
        let gone = || Error::new("resilmesh has ended and answers no more");
        let (ask, arrives) = self.host.questions.open(self.id).ok_or_else(gone)?;
        let _asked = Asked { host: &self.host, ask };
        self.send(&FromHost::Ask { ask, call: self.id, request })?;
        loop {
            // One that is cancelled just now was told before it looks, or is told while it waits.
            self.go_on()?;
            match arrives.recv() {
                Ok(Reply::Item(value)) => item(value),
                Ok(Reply::Answer(answer)) => return answer.map_err(Error::refused),
                Ok(Reply::Look) => {}
                Err(_) => return Err(gone()),
            }
        }
    }

    fn log(&self, level: Level, text: String) {
        // If resilmesh has gone there is nobody to tell; the end of input ends the host.
        let _ = self.send(&FromHost::Log { call: Some(self.id), level, text });
    }

    fn progress(&self, text: String, done: Option<f64>) -> Result<()> {
        self.send(&FromHost::Progress { call: self.id, text, done })
    }

    fn item(&self, value: Value) -> Result<()> {
        self.send(&FromHost::Item { call: self.id, value })
    }

    fn cancelled(&self) -> Option<String> {
        self.running.why()
    }

    #[cfg(feature = "async")]
    fn when_cancelled(&self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            loop {
                let told = self.running.told.notified();
                tokio::pin!(told);
                told.as_mut().enable();
                if self.running.why().is_some() {
                    return;
                }
                told.await;
            }
        })
    }
}

/// Runs an `async` hook to its end; a call that is not wanted any more drops it where it waits.
///
/// # Errors
/// When the call is cancelled.
#[cfg(feature = "async")]
pub fn wait_for<T>(context: &crate::Context, hook: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = hook => Some(outcome),
            () = context.when_cancelled() => None,
        }
    });
    match outcome {
        Some(outcome) => Ok(outcome),
        None => Err(context.go_on().err().unwrap_or_else(|| Error::cancelled("cancelled".to_owned()))),
    }
}
