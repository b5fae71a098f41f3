//! Transforms: what happens to events on their way.

use crate::event::{Batch, Event};

/// Changes, removes, multiplies or sorts events.
pub trait Transform: Send {
    /// Handles a batch; the results go to `out`. What is not pushed is done with.
    fn transform(&mut self, batch: Batch, out: &mut Outputs);

    /// The names of the outputs besides the main one, such as `dropped`.
    fn ports(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Where a transform puts its results: the main output and one per named port.
#[derive(Debug, Default)]
pub struct Outputs {
    /// What goes to `<id>`.
    pub main: Batch,
    /// What goes to `<id>.<port>`, in the order of [`Transform::ports`].
    pub ports: Vec<Batch>,
}

impl Outputs {
    /// Empty outputs with `ports` named ports.
    pub fn new(ports: usize) -> Self {
        Self { main: Batch::new(), ports: (0..ports).map(|_| Batch::new()).collect() }
    }

    /// Puts an event on the main output.
    pub fn push(&mut self, event: Event) {
        self.main.push(event);
    }

    /// Puts an event on the port with this number.
    pub fn push_to(&mut self, port: usize, event: Event) {
        if let Some(batch) = self.ports.get_mut(port) {
            batch.push(event);
        }
    }
}
