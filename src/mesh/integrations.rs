//! How products can be connected: by files, and by what two of them can do.
//!
//! Products that can do the same are looked at once: what follows from two products' capabilities
//! depends on nothing else. So the cost lies in the rows that are asked for, not in comparing every
//! product with every other one.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use serde::Serialize;

use super::matching::{general, meets};
use super::model::{Capability, HookKind, Integration, Mode, Product, Role};

/// An integration as listed; ordered as shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Row {
    /// The product that plays the part.
    pub product: String,
    /// The product at the other end.
    pub target: String,
    /// How it plays it.
    #[serde(flatten)]
    pub way: Way,
}

/// How a product plays its part towards another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Way {
    /// The topic; `*` for every topic.
    pub topic: String,
    /// The part.
    pub role: Role,
    /// Which end is active.
    pub mode: Mode,
    /// The format; none = any.
    pub format: Option<String>,
    /// It has a file.
    pub explicit: bool,
}

/// Topic, role, mode and format.
type Spoken = (Option<String>, Role, Option<Mode>, Option<String>);

/// Everything that integrations without files depend on.
type Abilities = (Vec<Spoken>, Vec<Spoken>);

/// What is worked out already, by the kinds of both ends.
type Known = HashMap<(usize, usize), Rc<[Way]>>;

/// All integrations among some products.
pub struct Landscape<'a> {
    products: Vec<&'a Product>,
    /// For each product, the kind that it is of: those of a kind can do the same.
    kinds: Vec<usize>,
    /// One product of each kind.
    examples: Vec<&'a Product>,
    /// How many products there are of each kind.
    counts: Vec<usize>,
    known: RefCell<Known>,
}

impl<'a> Landscape<'a> {
    /// Among these products.
    pub fn new(products: impl IntoIterator<Item = &'a Product>) -> Self {
        let products: Vec<&Product> = products.into_iter().collect();
        let (mut numbers, mut examples): (BTreeMap<Abilities, usize>, Vec<&Product>) = Default::default();
        let kinds: Vec<usize> = products
            .iter()
            .map(|product| {
                *numbers.entry(abilities(product)).or_insert_with(|| {
                    examples.push(product);
                    examples.len() - 1
                })
            })
            .collect();
        let mut counts = vec![0; examples.len()];
        kinds.iter().for_each(|kind| counts[*kind] += 1);
        Self { products, kinds, examples, counts, known: RefCell::default() }
    }

    /// Those of a product towards each other one, in order of products. Nothing but what is asked for
    /// is worked out.
    pub fn of(&self, index: usize) -> impl Iterator<Item = (&'a Product, Rc<[Way]>)> + '_ {
        let explicit = self.products[index].integrations.is_empty();
        self.products.iter().enumerate().map(move |(other, target)| {
            let general = self.between_kinds(self.kinds[index], self.kinds[other]);
            (*target, if explicit { general } else { with_files(self.products[index], target, general) })
        })
    }

    /// The products, with their places.
    pub fn products(&self) -> impl Iterator<Item = (usize, &'a Product)> + '_ {
        self.products.iter().copied().enumerate()
    }

    /// How many integrations a product has.
    pub fn count(&self, index: usize) -> usize {
        let own = self.kinds[index];
        if !self.products[index].integrations.is_empty() {
            return self.of(index).map(|(_, ways)| ways.len()).sum();
        }
        (0..self.examples.len()).map(|kind| self.counts[kind] * self.between_kinds(own, kind).len()).sum()
    }

    fn between_kinds(&self, own: usize, other: usize) -> Rc<[Way]> {
        if let Some(known) = self.known.borrow().get(&(own, other)) {
            return Rc::clone(known);
        }
        let ways: Rc<[Way]> = generic(self.examples[own], self.examples[other]).into_iter().collect();
        self.known.borrow_mut().insert((own, other), Rc::clone(&ways));
        ways
    }
}

/// The integrations of one product towards another.
pub fn between(product: &Product, target: &Product) -> Vec<Way> {
    with_files(product, target, generic(product, target).into_iter().collect()).to_vec()
}

fn abilities(product: &Product) -> Abilities {
    let declared = product.capabilities.iter();
    let declared = declared.map(|own| (own.topic.clone(), own.role, Some(own.mode), own.format.clone())).collect();
    let setups = product.hooks.iter().filter(|hook| hook.kind == HookKind::Setup);
    let setups = setups
        .flat_map(|hook| {
            let roles = hook.role.map_or(ROLES.to_vec(), |role| vec![role]);
            roles.into_iter().map(|role| (hook.topic.clone(), role, hook.mode, hook.format.clone()))
        })
        .collect();
    (declared, setups)
}

const ROLES: [Role; 4] = [Role::Consumer, Role::Producer, Role::Trigger, Role::Executor];

/// What follows from what two products can do.
fn generic(product: &Product, target: &Product) -> BTreeSet<Way> {
    let mut found = BTreeSet::new();
    for topic in topics(product).union(&topics(target)) {
        for role in ROLES {
            let theirs = general(target, role.counterpart(), topic);
            // What both say for every topic is listed as that.
            let named = |all: &[(Capability, bool)]| *topic == "*" || all.iter().any(|(_, named)| *named);
            let own = general(product, role, topic);
            if !named(&own) && !named(&theirs) {
                continue;
            }
            let spelled: BTreeSet<Mode> = own.iter().filter(|(_, named)| *named).map(|(own, _)| own.mode).collect();
            for (own, named) in own {
                // What a product says of this topic goes before what it says of every topic.
                if !named && spelled.contains(&own.mode) {
                    continue;
                }
                let pairs = theirs
                    .iter()
                    .any(|(their, _)| their.mode == own.mode && meets(their.format.as_deref(), own.format.as_deref()));
                if pairs {
                    let topic = (*topic).to_owned();
                    found.insert(Way { topic, role: own.role, mode: own.mode, format: own.format, explicit: false });
                }
            }
        }
    }
    found
}

/// With the files that a product has for the other one. A file stands for the pair that it refines.
fn with_files(product: &Product, target: &Product, generic: Rc<[Way]>) -> Rc<[Way]> {
    let explicit: Vec<&Integration> = product.integrations.iter().filter(|own| own.target == target.name).collect();
    if explicit.is_empty() {
        return generic;
    }
    let topic = |own: &Integration| own.topic.clone().unwrap_or_else(|| "*".to_owned());
    let refined =
        |way: &&Way| explicit.iter().any(|own| (&topic(own), own.role, own.mode) == (&way.topic, way.role, way.mode));
    let files = explicit.iter().map(|own| Way {
        topic: topic(own),
        role: own.role,
        mode: own.mode,
        format: own.format.clone(),
        explicit: true,
    });
    let all: BTreeSet<Way> = generic.iter().filter(|way| !refined(way)).cloned().chain(files).collect();
    all.into_iter().collect()
}

/// The topics that a product names, and `*`.
pub fn topics(product: &Product) -> BTreeSet<&str> {
    let named = product.capabilities.iter().filter_map(|own| own.topic.as_deref());
    let hooks = product.hooks.iter().filter_map(|hook| hook.topic.as_deref());
    named.chain(hooks).chain(["*"]).collect()
}

/// What a product can do, declared or known from its setup hooks; sorted, each once.
pub fn capabilities(product: &Product) -> BTreeSet<(Option<String>, Role, Mode, Option<String>)> {
    let declared = product.capabilities.iter().map(|own| (own.topic.clone(), own.role, own.mode, own.format.clone()));
    let setups = product.hooks.iter().filter(|hook| hook.kind == HookKind::Setup);
    let modes = |mode: Option<Mode>| mode.map_or(vec![Mode::Push, Mode::Pull], |mode| vec![mode]);
    let hooks = setups.flat_map(|hook| {
        let role = hook.role.into_iter();
        role.flat_map(move |role| {
            modes(hook.mode).into_iter().map(move |mode| (hook.topic.clone(), role, mode, hook.format.clone()))
        })
    });
    let mut all: BTreeSet<_> = declared.chain(hooks).collect();
    // A hook for any format does not widen what is declared with one.
    let narrower: Vec<_> = all.iter().filter(|own| own.3.is_some()).cloned().collect();
    all.retain(|own| {
        own.3.is_some() || !narrower.iter().any(|other| (&other.0, other.1, other.2) == (&own.0, own.1, own.2))
    });
    all
}
