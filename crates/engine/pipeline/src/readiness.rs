//! Who is ready, and what the others wait for.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use resilmesh_service::Lifecycle;

/// The components of a pipeline that are not ready yet. The service is ready when none is left.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    lifecycle: Lifecycle,
    waiting: Mutex<BTreeMap<String, String>>,
}

impl Readiness {
    /// Reports to `lifecycle`.
    pub fn new(lifecycle: Lifecycle) -> Self {
        Self(Arc::new(Inner { lifecycle, waiting: Mutex::default() }))
    }

    /// The part of one component, which from now on is waited for.
    pub fn part(&self, component: &str) -> Part {
        self.0.waiting.lock().insert(component.to_owned(), "starting".to_owned());
        Part { board: self.clone(), component: component.to_owned() }
    }

    fn report(&self, waiting: &BTreeMap<String, String>) {
        match waiting.iter().next() {
            None => self.0.lifecycle.ready(),
            Some((component, what)) => self.0.lifecycle.waiting_for(format!("{component}: {what}")),
        }
    }
}

/// The readiness of one component: it is waited for until [`Part::ready`] is called.
#[derive(Debug, Clone)]
pub struct Part {
    board: Readiness,
    component: String,
}

impl Part {
    /// A part that reports to nobody.
    pub fn ignored() -> Self {
        Readiness::new(Lifecycle::new()).part("")
    }

    /// Says what the component waits for, such as `nats://127.0.0.1:4222 (connection refused)`.
    /// Once it has been ready it is no longer waited for.
    pub fn waiting_for(&self, what: impl Into<String>) {
        let mut waiting = self.board.0.waiting.lock();
        if let Some(entry) = waiting.get_mut(&self.component) {
            *entry = what.into();
            self.board.report(&waiting);
        }
    }

    /// Says that the component does its work: it listens, is subscribed, or has been connected.
    pub fn ready(&self) {
        let mut waiting = self.board.0.waiting.lock();
        if waiting.remove(&self.component).is_some() {
            self.board.report(&waiting);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_the_last_part_is() {
        let lifecycle = Lifecycle::new();
        let board = Readiness::new(lifecycle.clone());
        let (a, b) = (board.part("a"), board.part("b"));
        b.waiting_for("nats://127.0.0.1:1");
        a.ready();
        assert_eq!(lifecycle.unready_because().as_deref(), Some("b: nats://127.0.0.1:1"));
        b.ready();
        assert_eq!(lifecycle.unready_because(), None);
        b.waiting_for("again");
        assert_eq!(lifecycle.unready_because(), None);
    }
}
