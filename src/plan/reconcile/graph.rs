//! Nodes, what each waits for, and the plan made of those that are needed.

use std::collections::{BTreeMap, BTreeSet};

use super::Ring;
use crate::plan::step::{Action, Plan, Step};

/// What names a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node {
    Stop(String),
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
        let depth = self.depths()?;
        let mut order: Vec<&Node> =
            self.nodes.iter().filter(|(_, entry)| entry.needed.is_some()).map(|(node, _)| node).collect();
        order.sort_by_key(|node| (depth.get(*node), *node));
        let index: BTreeMap<&Node, usize> = order.iter().enumerate().map(|(index, node)| (*node, index)).collect();
        let mut before: BTreeMap<&Node, BTreeSet<usize>> = BTreeMap::new();
        let mut by_depth: Vec<&Node> = self.nodes.keys().collect();
        by_depth.sort_by_key(|node| (depth.get(*node), *node));
        for node in by_depth {
            let mut waits = BTreeSet::new();
            for earlier in self.nodes.get(node).into_iter().flat_map(|entry| &entry.after) {
                match index.get(earlier) {
                    Some(index) => {
                        waits.insert(*index);
                    }
                    None => waits.extend(before.get(earlier).into_iter().flatten().copied()),
                }
            }
            before.insert(node, waits);
        }
        let mut steps: Vec<Option<Step>> = order.iter().map(|_| None).collect();
        for (node, index) in &index {
            let after = before.get(*node).cloned().unwrap_or_default();
            if let Some((action, cause)) = self.nodes.get(*node).and_then(|entry| entry.needed.clone()) {
                steps[*index] = Some(Step { action, cause, after });
            }
        }
        let mut plan = Plan { steps: steps.into_iter().flatten().collect() };
        drop_implied(&mut plan);
        Ok(plan)
    }

    /// How many steps lie before each node, on the longest way.
    fn depths(&self) -> Result<BTreeMap<Node, usize>, Ring> {
        let mut depth: BTreeMap<Node, usize> = BTreeMap::new();
        while depth.len() < self.nodes.len() {
            let known = depth.len();
            for (node, entry) in &self.nodes {
                let waits: Option<Vec<usize>> = entry
                    .after
                    .iter()
                    .filter(|earlier| self.nodes.contains_key(earlier))
                    .map(|earlier| depth.get(earlier).copied())
                    .collect();
                if let (false, Some(waits)) = (depth.contains_key(node), waits) {
                    let own = waits.into_iter().max().map_or(0, |deepest| deepest + 1);
                    depth.insert(node.clone(), own);
                }
            }
            if depth.len() == known {
                let stuck = self.nodes.keys().filter(|node| !depth.contains_key(node));
                return Err(Ring(stuck.map(|node| format!("{node:?}")).collect()));
            }
        }
        Ok(depth)
    }
}

/// Takes out what follows from the rest: one who waits for b need not wait for a as well, when b
/// waits for a.
fn drop_implied(plan: &mut Plan) {
    let mut all: Vec<BTreeSet<usize>> = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        let mut reach = step.after.clone();
        for before in &step.after {
            reach.extend(&all[*before]);
        }
        all.push(reach);
    }
    for step in &mut plan.steps {
        let implied: BTreeSet<usize> = step.after.iter().flat_map(|before| &all[*before]).copied().collect();
        step.after.retain(|before| !implied.contains(before));
    }
}
