//! What delivery a mesh promises: of every edge of the data plane, and of every way from a source to
//! where events end.
//!
//! Products declare what they promise at an end of a plug. An edge promises no more than the weaker of
//! its ends; a way no more than its weakest edge, but for one thing: where nothing can get lost on the
//! way and the last edge keeps what comes twice only once, each event is there exactly once.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use minijinja::{Environment, context};
use serde::{Deserialize, Serialize};

use super::model::{End, Guarantee, Instance, Mesh, Plug, Role};

/// How often an event arrives, from the weakest promise to the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Nobody says.
    #[serde(skip_deserializing)]
    Unknown,
    /// It may get lost.
    AtMostOnce,
    /// It arrives, perhaps more than once, always under the same id.
    AtLeastOnce,
    /// It is there once, however often it was sent.
    ExactlyOnce,
}

impl Delivery {
    /// It in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::AtMostOnce => "at most once",
            Self::AtLeastOnce => "at least once",
            Self::ExactlyOnce => "exactly once",
        }
    }
}

/// What an edge of the data plane promises.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge<'a> {
    /// The plug.
    pub plug: &'a Plug,
    /// How often an event arrives.
    pub delivery: Delivery,
    /// Why no more.
    pub because: String,
}

/// A way of events from where they begin to where they end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The instance where events begin.
    pub source: String,
    /// The instance where they end.
    pub end: String,
    /// The edges, in order, by their places.
    pub hops: Vec<usize>,
    /// The weakest of them: the first, if several are as weak.
    pub weakest: usize,
    /// What the whole way promises.
    pub delivery: Delivery,
}

/// All edges of the data plane: plugs that carry events and have a service at one end at least. In the
/// order of the plugs.
pub fn edges(mesh: &Mesh) -> Vec<Edge<'_>> {
    let environment = Environment::new();
    let events = mesh.plugs.iter().filter(|plug| plug.source.role == Role::Producer && touches_service(mesh, plug));
    events.map(|plug| edge(mesh, plug, &environment)).collect()
}

fn is_service(mesh: &Mesh, instance: &str) -> bool {
    mesh.instances.get(instance).is_some_and(|own| mesh.product_of(own).service.is_some())
}

fn touches_service(mesh: &Mesh, plug: &Plug) -> bool {
    is_service(mesh, &plug.id.source) || is_service(mesh, &plug.id.destination)
}

fn edge<'a>(mesh: &'a Mesh, plug: &'a Plug, environment: &Environment<'_>) -> Edge<'a> {
    let said = [(&plug.source, &plug.destination), (&plug.destination, &plug.source)];
    let said = said.into_iter().filter_map(|(end, peer)| promise(mesh, plug, end, peer, environment));
    match said.min_by_key(|promise| promise.delivery) {
        Some(promise) => Edge { plug, delivery: promise.delivery, because: promise.because.clone() },
        None => {
            let [source, destination] = [&plug.id.source, &plug.id.destination]
                .map(|instance| mesh.instances.get(instance).map_or("", |own| own.product.as_str()));
            let because = format!("neither `{source}` nor `{destination}` says in its definition what it promises");
            Edge { plug, delivery: Delivery::Unknown, because }
        }
    }
}

/// The first promise of the product at an end that is about this plug.
fn promise<'a>(
    mesh: &'a Mesh,
    plug: &Plug,
    end: &End,
    peer: &End,
    environment: &Environment<'_>,
) -> Option<&'a Guarantee> {
    let (own, peer) = (mesh.instances.get(&end.instance)?, mesh.instances.get(&peer.instance)?);
    let about = |said: &&Guarantee| {
        said.role == end.role
            && said.mode.is_none_or(|mode| mode == plug.id.mode)
            && (said.format.is_none() || said.format == plug.format)
            && said.product.as_ref().is_none_or(|product| *product == peer.product)
            && said.when.as_ref().is_none_or(|when| holds(when, own, peer, environment))
    };
    mesh.product_of(own).guarantees.iter().find(about)
}

/// Whether an expression holds. One that cannot be evaluated does not: the promise is then not given.
fn holds(when: &str, own: &Instance, peer: &Instance, environment: &Environment<'_>) -> bool {
    let context = context! {
        settings => own.settings,
        peer => context! { name => peer.name, product => peer.product, settings => peer.settings },
    };
    let value = environment.compile_expression(when).and_then(|when| when.eval(context));
    value.is_ok_and(|value| value.is_true())
}

/// The weakest way between each two ends of the data plane, in order of their names.
pub fn ways(mesh: &Mesh, edges: &[Edge<'_>]) -> Vec<Way> {
    let graph = Graph::new(mesh, edges);
    let mut ways = BTreeMap::new();
    for start in graph.sources() {
        for (end, way) in graph.from(start, edges) {
            let (source, end) = (graph.instances[start].clone(), graph.instances[end].clone());
            let way = Way { source: source.clone(), end: end.clone(), ..way };
            // Topics of one instance: the weaker way counts.
            let known = ways.entry((source, end)).or_insert_with(|| way.clone());
            if way.delivery < known.delivery {
                *known = way;
            }
        }
    }
    ways.into_values().collect()
}

/// What the weakest way from each source promises, by instance. As fast as the mesh is large, which
/// [`ways`] cannot be: there are as many of them as pairs of sources and ends.
pub fn sources(mesh: &Mesh, edges: &[Edge<'_>]) -> BTreeMap<String, Delivery> {
    let graph = Graph::new(mesh, edges);
    let promised = graph.backwards(edges);
    let mut sources: BTreeMap<String, Delivery> = BTreeMap::new();
    for node in graph.sources() {
        if let Some(delivery) = promised[node] {
            let known = sources.entry(graph.instances[node].clone()).or_insert(delivery);
            *known = delivery.min(*known);
        }
    }
    sources
}

/// Where an edge begins or ends: an instance, or one topic of a broker. What a tenant does with what
/// it gets is not known: for it, what comes in and what goes out are two.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Node<'a> {
    Service(&'a str),
    Topic(&'a str, &'a str),
    Gives(&'a str),
    Takes(&'a str),
}

struct Graph {
    /// The instance of each node.
    instances: Vec<String>,
    /// Edges that leave each node, with where they lead.
    outgoing: Vec<Vec<(usize, usize)>>,
    /// How many edges lead into each node.
    incoming: Vec<usize>,
    /// All nodes, each after those that lead to it.
    order: Vec<usize>,
}

/// The weakest way to a node.
#[derive(Clone, Copy)]
struct Reached {
    /// The weakest edge on it.
    weakest: usize,
    /// The last edge, and the node that it leaves.
    last: (usize, usize),
}

impl Graph {
    fn new(mesh: &Mesh, edges: &[Edge<'_>]) -> Self {
        let mut numbers: HashMap<Node<'_>, usize> = HashMap::new();
        let mut graph = Self { instances: Vec::new(), outgoing: Vec::new(), incoming: Vec::new(), order: Vec::new() };
        for (index, edge) in edges.iter().enumerate() {
            let id = &edge.plug.id;
            let ends = [(&id.source, true), (&id.destination, false)].map(|(instance, gives)| {
                let node = node(mesh, instance, &id.topic, gives);
                *numbers.entry(node).or_insert_with(|| {
                    graph.instances.push(instance.clone());
                    graph.outgoing.push(Vec::new());
                    graph.incoming.push(0);
                    graph.instances.len() - 1
                })
            });
            graph.outgoing[ends[0]].push((index, ends[1]));
            graph.incoming[ends[1]] += 1;
        }
        graph.sort();
        graph
    }

    /// Puts the nodes in order. Rings are no part of a compiled mesh.
    fn sort(&mut self) {
        let mut waiting = self.incoming.clone();
        let mut ready: VecDeque<usize> = self.sources().collect();
        while let Some(node) = ready.pop_front() {
            self.order.push(node);
            for (_, next) in &self.outgoing[node] {
                waiting[*next] -= 1;
                if waiting[*next] == 0 {
                    ready.push_back(*next);
                }
            }
        }
    }

    fn sources(&self) -> impl Iterator<Item = usize> + use<> {
        let without: Vec<usize> = (0..self.incoming.len()).filter(|node| self.incoming[*node] == 0).collect();
        without.into_iter()
    }

    /// The weakest way from a node to each one that nothing leaves.
    fn from(&self, start: usize, edges: &[Edge<'_>]) -> Vec<(usize, Way)> {
        let mut reached: Vec<Option<Reached>> = vec![None; self.instances.len()];
        // In this order, all ways to a node are known before it is left.
        let first = self.order.iter().position(|node| *node == start).unwrap_or(0);
        for node in &self.order[first..] {
            if reached[*node].is_none() && *node != start {
                continue;
            }
            for (edge, next) in &self.outgoing[*node] {
                let weaker = |one: usize, other: usize| edges[other].delivery < edges[one].delivery;
                let weakest = match reached[*node] {
                    Some(so_far) if !weaker(so_far.weakest, *edge) => so_far.weakest,
                    _ => *edge,
                };
                let last = edges[*edge].delivery;
                let is_weaker = |known: Reached| {
                    let both = |edge: usize, last| (edges[edge].delivery, last);
                    both(weakest, last) < both(known.weakest, edges[known.last.0].delivery)
                };
                if reached[*next].is_none_or(is_weaker) {
                    reached[*next] = Some(Reached { weakest, last: (*edge, *node) });
                }
            }
        }
        let ends = (0..reached.len()).filter(|node| self.outgoing[*node].is_empty());
        ends.filter_map(|node| Some((node, way(reached[node]?, &reached, edges)))).collect()
    }

    /// What each node's weakest way promises, looked at from the ends.
    fn backwards(&self, edges: &[Edge<'_>]) -> Vec<Option<Delivery>> {
        // The ways of a node: the weakest edge of each, and whether its last edge is exactly once.
        let mut ways: Vec<BTreeSet<(Delivery, bool)>> = vec![BTreeSet::new(); self.instances.len()];
        for node in self.order.iter().rev() {
            let mut own = BTreeSet::new();
            for (edge, next) in &self.outgoing[*node] {
                let delivery = edges[*edge].delivery;
                if self.outgoing[*next].is_empty() {
                    own.insert((delivery, delivery == Delivery::ExactlyOnce));
                }
                own.extend(ways[*next].iter().map(|(weakest, once)| (delivery.min(*weakest), *once)));
            }
            ways[*node] = own;
        }
        ways.iter().map(|ways| ways.iter().map(|(weakest, once)| whole(*weakest, *once)).min()).collect()
    }
}

fn node<'a>(mesh: &Mesh, instance: &'a str, topic: &'a str, gives: bool) -> Node<'a> {
    match mesh.instances.get(instance) {
        Some(own) if mesh.product_of(own).broker => Node::Topic(instance, topic),
        _ if is_service(mesh, instance) => Node::Service(instance),
        _ if gives => Node::Gives(instance),
        _ => Node::Takes(instance),
    }
}

/// What a way promises whose weakest edge promises that, and whose last edge keeps what comes twice once.
fn whole(weakest: Delivery, once: bool) -> Delivery {
    if once && weakest == Delivery::AtLeastOnce { Delivery::ExactlyOnce } else { weakest }
}

fn way(end: Reached, reached: &[Option<Reached>], edges: &[Edge<'_>]) -> Way {
    let mut hops = vec![end.last.0];
    let mut at = end.last.1;
    while let Some(before) = reached[at] {
        hops.push(before.last.0);
        at = before.last.1;
    }
    hops.reverse();
    let weakest = edges[end.weakest].delivery;
    let delivery = whole(weakest, edges[end.last.0].delivery == Delivery::ExactlyOnce);
    Way { source: String::new(), end: String::new(), hops, weakest: end.weakest, delivery }
}

#[cfg(test)]
mod tests;
