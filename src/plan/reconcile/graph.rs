//! Nodes, what each waits for, and the plan made of those that are needed.

use std::collections::{BTreeMap, BTreeSet};

use fixedbitset::FixedBitSet;

use super::Ring;
use crate::plan::step::{Action, Plan, Step};

/// What names a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node {
    Stop(String),
    /// All services that go have gone.
    Gone,
    PlugDown(String),
    RemoveFiles(String),
    Render(String),
    Start(String),
    Ready(String),
    Teardown(String),
    /// One of the teardown hooks of a plug.
    Undo(String, usize),
    Setup(String),
    PlugUp(String),
    DeleteData(String),
    Finish,
}

#[derive(Debug)]
struct Entry {
    needed: Option<(Action, String)>,
    after: BTreeSet<Node>,
}

/// All steps that could be needed.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: BTreeMap<Node, Entry>,
}

impl Graph {
    /// Adds a node: what it does and why, if it is needed, and what it waits for. A node that is not
    /// there counts as done.
    pub(super) fn add(&mut self, node: Node, needed: Option<(Action, String)>, after: impl IntoIterator<Item = Node>) {
        self.nodes.insert(node, Entry { needed, after: after.into_iter().collect() });
    }

    /// Lets a node, if it is there, wait for another.
    pub(super) fn wait(&mut self, node: &Node, after: Node) {
        if let Some(entry) = self.nodes.get_mut(node) {
            entry.after.insert(after);
        }
    }

    /// Whether the node is there and needed.
    pub(super) fn needs(&self, node: &Node) -> bool {
        self.nodes.get(node).is_some_and(|entry| entry.needed.is_some())
    }

    /// Whether the service of an instance is started, so that what it had only in memory is gone.
    pub(super) fn starts(&self, instance: &str) -> bool {
        let needed = self.nodes.get(&Node::Start(instance.to_owned())).and_then(|entry| entry.needed.as_ref());
        needed.is_some_and(|(action, _)| !matches!(action, Action::Reload(_)))
    }

    /// Leaves only these nodes and what they wait for.
    pub(super) fn only(&mut self, targets: impl IntoIterator<Item = Node>) {
        let mut kept: BTreeSet<Node> = BTreeSet::new();
        let mut next: Vec<Node> = targets.into_iter().collect();
        while let Some(node) = next.pop() {
            if let (false, Some(entry)) = (kept.contains(&node), self.nodes.get(&node)) {
                next.extend(entry.after.iter().cloned());
                kept.insert(node);
            }
        }
        self.nodes.retain(|node, _| kept.contains(node));
    }

    /// The needed nodes, in the order of the longest way to each, then by name.
    pub(super) fn plan(self) -> Result<Plan, Ring> {
        let edges = Edges::of(&self.nodes);
        let order = edges.in_order(&self.nodes)?;
        let mut step_of: Vec<Option<usize>> = vec![None; order.len()];
        let needed = order.iter().filter(|node| edges.needed[**node]);
        needed.enumerate().for_each(|(step, node)| step_of[*node] = Some(step));
        let after = edges.steps_before(&order, &step_of);
        let mut steps: Vec<Option<Step>> = after.iter().map(|_| None).collect();
        for (entry, step) in self.nodes.into_values().zip(&step_of) {
            if let (Some(step), Some((action, cause))) = (*step, entry.needed) {
                steps[step] = Some(Step { action, cause, after: after[step].clone() });
            }
        }
        Ok(Plan { steps: steps.into_iter().flatten().collect() })
    }
}

/// Who waits for whom, by number in the order of names.
struct Edges {
    before: Vec<Vec<usize>>,
    needed: Vec<bool>,
}

impl Edges {
    fn of(nodes: &BTreeMap<Node, Entry>) -> Self {
        let number: BTreeMap<&Node, usize> = nodes.keys().enumerate().map(|(number, node)| (node, number)).collect();
        let before = |entry: &Entry| entry.after.iter().filter_map(|node| number.get(node).copied()).collect();
        Self {
            before: nodes.values().map(before).collect(),
            needed: nodes.values().map(|entry| entry.needed.is_some()).collect(),
        }
    }

    /// All nodes, each after those that it waits for: by the longest way to each, then by name.
    fn in_order(&self, nodes: &BTreeMap<Node, Entry>) -> Result<Vec<usize>, Ring> {
        let count = self.before.len();
        let mut followers = vec![Vec::new(); count];
        for (node, before) in self.before.iter().enumerate() {
            before.iter().for_each(|earlier| followers[*earlier].push(node));
        }
        let mut waits: Vec<usize> = self.before.iter().map(Vec::len).collect();
        let mut depth = vec![0_usize; count];
        let mut order: Vec<usize> = (0..count).filter(|node| waits[*node] == 0).collect();
        let mut next = 0;
        while let Some(node) = order.get(next).copied() {
            next += 1;
            for follower in &followers[node] {
                depth[*follower] = depth[*follower].max(depth[node] + 1);
                waits[*follower] -= 1;
                if waits[*follower] == 0 {
                    order.push(*follower);
                }
            }
        }
        if order.len() < count {
            let stuck = nodes.keys().zip(&waits).filter(|(_, waits)| **waits > 0);
            return Err(Ring(stuck.map(|(node, _)| format!("{node:?}")).collect()));
        }
        order.sort_by_key(|node| (depth[*node], *node));
        Ok(order)
    }

    /// The steps that each step waits for, also through nodes that are not needed. What follows from the
    /// rest is left out: one who waits for b need not wait for a as well, when b waits for a.
    fn steps_before(&self, order: &[usize], step_of: &[Option<usize>]) -> Vec<BTreeSet<usize>> {
        let count = step_of.iter().flatten().count();
        // The last steps on each way to a node, or the node itself if it is one.
        let mut last: Vec<Vec<usize>> = vec![Vec::new(); order.len()];
        // All steps that come before a step.
        let mut earlier = vec![FixedBitSet::new(); count];
        let mut after = vec![BTreeSet::new(); count];
        for node in order {
            let mut waits: BTreeSet<usize> =
                self.before[*node].iter().flat_map(|before| last[*before].clone()).collect();
            let mut implied = FixedBitSet::with_capacity(count);
            waits.iter().for_each(|step| implied.union_with(&earlier[*step]));
            waits.retain(|step| !implied.contains(*step));
            match step_of[*node] {
                Some(step) => {
                    implied.extend(waits.iter().copied());
                    earlier[step] = implied;
                    after[step] = waits;
                    last[*node] = vec![step];
                }
                None => last[*node] = waits.into_iter().collect(),
            }
        }
        after
    }
}
