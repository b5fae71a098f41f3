//! Which step is begun next.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use crate::mesh::model::PlugId;
use crate::plan::step::{Action, Step};

/// How much is done at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parallel {
    /// At most this many steps; one that only waits for a service is not counted.
    pub steps: NonZeroUsize,
    /// Whose hooks in files are called one after the other.
    pub hooks: Turns,
}

/// Whose hooks in files are called one after the other, plug by plug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turns {
    /// Those of an instance: two of them could get in each other's way at what they set up.
    OfInstance,
    /// All: they were written for a program that does nothing else meanwhile.
    OfAll,
}

impl Turns {
    /// With whom the hook that a step calls takes turns, and for which plug; none = it calls none in a file.
    fn of(self, step: &Step) -> Option<(&str, &PlugId)> {
        let (instance, plug) = match &step.action {
            Action::Setup(setup) => (&setup.call.own.name, setup.hosted.as_ref().and(setup.call.plug.as_ref())?),
            Action::Undo { plug, undo, .. } => (&undo.call.own.name, plug),
            _ => return None,
        };
        Some(match self {
            Self::OfInstance => (instance, plug),
            Self::OfAll => ("", plug),
        })
    }
}

/// The hooks that take turns.
#[derive(Debug, Default)]
struct Lane<'a> {
    waiting: BTreeSet<(&'a PlugId, usize)>,
    busy: bool,
}

/// Steps that can be begun: in order of the plan; those that call hooks in files plug by plug.
#[derive(Debug)]
pub(super) struct Queue<'a> {
    steps: &'a [Step],
    parallel: Parallel,
    running: usize,
    free: BTreeSet<usize>,
    lanes: BTreeMap<&'a str, Lane<'a>>,
    /// The first that waits in each lane where nobody is at work.
    first: BTreeSet<(&'a PlugId, usize, &'a str)>,
    /// The setups that take turns and were not begun, plug by plug.
    turns: BTreeSet<(&'a PlugId, usize)>,
}

impl<'a> Queue<'a> {
    pub(super) fn new(steps: &'a [Step], parallel: Parallel) -> Self {
        let setups = steps.iter().enumerate().filter(|(_, step)| matches!(step.action, Action::Setup(_)));
        Self {
            steps,
            parallel,
            running: 0,
            free: BTreeSet::new(),
            lanes: BTreeMap::new(),
            first: BTreeSet::new(),
            turns: setups.filter_map(|(index, step)| Some((parallel.hooks.of(step)?.1, index))).collect(),
        }
    }

    /// The setups that take turns and will be begun next, whether they still wait for others or not.
    pub(super) fn soon(&self, count: usize) -> Vec<usize> {
        self.turns.iter().take(count).map(|(_, index)| *index).collect()
    }

    /// Adds a step that waits for nothing any more.
    pub(super) fn add(&mut self, index: usize) {
        let Some((lane, plug)) = self.parallel.hooks.of(&self.steps[index]) else {
            self.free.insert(index);
            return;
        };
        self.withdraw(lane);
        self.lanes.entry(lane).or_default().waiting.insert((plug, index));
        self.offer(lane);
    }

    /// Takes the step to begin now.
    pub(super) fn take(&mut self) -> Option<usize> {
        if self.running >= self.parallel.steps.get() {
            return None;
        }
        let index = match self.free.pop_first() {
            Some(index) => index,
            None => self.take_from_lane()?,
        };
        self.running += self.cost(index);
        Some(index)
    }

    fn take_from_lane(&mut self) -> Option<usize> {
        let (plug, index, name) = self.first.pop_first()?;
        let lane = self.lanes.get_mut(name)?;
        lane.waiting.remove(&(plug, index));
        self.turns.remove(&(plug, index));
        lane.busy = true;
        Some(index)
    }

    /// A step that was taken has ended.
    pub(super) fn end(&mut self, index: usize) {
        self.running -= self.cost(index);
        if let Some((name, _)) = self.parallel.hooks.of(&self.steps[index]) {
            if let Some(lane) = self.lanes.get_mut(name) {
                lane.busy = false;
            }
            self.offer(name);
        }
    }

    fn cost(&self, index: usize) -> usize {
        usize::from(!matches!(self.steps[index].action, Action::Ready(_)))
    }

    fn withdraw(&mut self, name: &'a str) {
        if let Some((plug, index)) = self.lanes.get(name).and_then(|lane| lane.waiting.first()) {
            self.first.remove(&(plug, *index, name));
        }
    }

    fn offer(&mut self, name: &'a str) {
        let Some(lane) = self.lanes.get(name).filter(|lane| !lane.busy) else { return };
        if let Some((plug, index)) = lane.waiting.first() {
            self.first.insert((plug, *index, name));
        }
    }
}
