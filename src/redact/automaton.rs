//! Finds many texts at once in one pass (Aho and Corasick), and says at every byte how much of what
//! was read may still be the beginning of one: so much has to wait, and no more.

use std::collections::VecDeque;

/// A place in the automaton: the longest beginning of a text that the input ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place(u32);

/// A text that the input ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// Its length.
    pub(super) length: usize,
    /// The number it was given.
    pub(super) number: usize,
}

#[derive(Debug, Clone, Default)]
struct Node {
    /// Where each byte leads, sorted by byte.
    next: Vec<(u8, u32)>,
    /// The longest proper end of this beginning that is a beginning too.
    fallback: u32,
    depth: u32,
    /// The longest text that ends here.
    found: Option<Found>,
}

impl Node {
    fn step(&self, byte: u8) -> Option<u32> {
        self.next.binary_search_by_key(&byte, |(byte, _)| *byte).ok().map(|index| self.next[index].1)
    }
}

/// The automaton.
#[derive(Debug, Clone)]
pub(super) struct Automaton {
    nodes: Vec<Node>,
    /// The first node's steps, which most bytes take.
    first: Vec<u32>,
}

impl Automaton {
    /// For these texts, each with a number; empty ones are left out.
    pub(super) fn new<'a>(texts: impl Iterator<Item = (&'a [u8], usize)>) -> Self {
        let mut automaton = Self { nodes: vec![Node::default()], first: vec![0; 256] };
        for (text, number) in texts.filter(|(text, _)| !text.is_empty()) {
            automaton.add(text, number);
        }
        automaton.link();
        automaton
    }

    fn add(&mut self, text: &[u8], number: usize) {
        let mut at = 0_usize;
        for byte in text {
            at = match self.nodes[at].next.binary_search_by_key(byte, |(byte, _)| *byte) {
                Ok(index) => self.nodes[at].next[index].1 as usize,
                Err(index) => {
                    let new = self.nodes.len();
                    let depth = self.nodes[at].depth + 1;
                    self.nodes.push(Node { depth, ..Node::default() });
                    // Texts are far smaller than 4 GiB together.
                    self.nodes[at].next.insert(index, (*byte, u32::try_from(new).unwrap_or(0)));
                    new
                }
            };
        }
        self.nodes[at].found.get_or_insert(Found { length: text.len(), number });
    }

    /// Finds every fallback, nearest nodes first.
    fn link(&mut self) {
        let mut waiting = VecDeque::new();
        for (byte, child) in self.nodes[0].next.clone() {
            self.first[usize::from(byte)] = child;
            waiting.push_back(child);
        }
        while let Some(at) = waiting.pop_front() {
            let node = self.nodes[at as usize].clone();
            for (byte, child) in node.next {
                let fallback = self.step(Place(node.fallback), byte).0;
                let inherited = self.nodes[fallback as usize].found;
                let child_node = &mut self.nodes[child as usize];
                child_node.fallback = fallback;
                // A text of its own is longer than any that ends in it.
                child_node.found = child_node.found.or(inherited);
                waiting.push_back(child);
            }
        }
    }

    /// Where a byte leads.
    pub(super) fn step(&self, from: Place, byte: u8) -> Place {
        let mut at = from.0;
        while at != 0 {
            let node = &self.nodes[at as usize];
            if let Some(next) = node.step(byte) {
                return Place(next);
            }
            at = node.fallback;
        }
        Place(self.first[usize::from(byte)])
    }

    /// How many of the last bytes may be the beginning of a text.
    pub(super) fn depth(&self, at: Place) -> usize {
        self.nodes[at.0 as usize].depth as usize
    }

    /// The longest text that ends here.
    pub(super) fn found(&self, at: Place) -> Option<Found> {
        self.nodes[at.0 as usize].found
    }
}
