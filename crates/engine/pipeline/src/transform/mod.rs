//! Transforms: what happens to events on their way.
//!
//! | module | what it holds |
//! |---|---|
//! | [`remap`], [`filter`], [`route`], [`dedupe`] | one transform each |
//! | [`program`], [`condition`] | VRL |

pub mod condition;
pub mod dedupe;
pub mod filter;
pub mod program;
pub mod remap;
pub mod route;
#[cfg(test)]
mod tests;

use resilmesh_service::stats::Counters;
use vrl::compiler::TimeZone;

use crate::config::{ConfigError, Options};
use crate::event::{Batch, Event};

/// Changes, removes, multiplies or sorts events.
pub trait Transform: Send {
    /// Handles a batch; the results go to `out`. What is not pushed is done with.
    fn transform(&mut self, batch: Batch, out: &mut Outputs);

    /// Whether it has the output `<id>`.
    fn has_main_output(&self) -> bool {
        true
    }

    /// The names of the outputs `<id>.<port>`, such as `dropped`.
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

/// What a transform is made with.
#[derive(Debug)]
pub struct Build<'a> {
    /// The zone of times that name none.
    pub timezone: TimeZone,
    /// What it counts into.
    pub counters: Counters,
    /// What is doubtful, but no reason not to start.
    pub warnings: &'a mut Vec<ConfigError>,
}

type Builder = fn(&Options, &mut Build<'_>) -> Result<Box<dyn Transform>, Vec<ConfigError>>;

/// The types of transforms there are, sorted.
pub const KINDS: [(&str, Builder); 4] =
    [("dedupe", dedupe::build), ("filter", filter::build), ("remap", remap::build), ("route", route::build)];

/// Makes the transform that `options` describe. None = there is no transform of that type here.
///
/// # Errors
/// Everything that is wrong with the options.
pub fn build(options: &Options, cx: &mut Build<'_>) -> Option<Result<Box<dyn Transform>, Vec<ConfigError>>> {
    let (_, build) = KINDS.iter().find(|(kind, _)| *kind == options.kind)?;
    Some(build(options, cx))
}
