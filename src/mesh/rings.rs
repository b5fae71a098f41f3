//! Rings in a graph: strongly connected parts, and one way round each of them.

/// An edge with what stands for it in messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    /// The node it leaves.
    pub(super) from: usize,
    /// The node it reaches.
    pub(super) to: usize,
    /// The plug that makes it.
    pub(super) plug: usize,
}

/// For each part of the graph in which every node reaches every other, the plugs of one ring in it.
/// Linear in nodes and edges, without recursion.
pub(super) fn find(nodes: usize, edges: &[Edge]) -> Vec<Vec<usize>> {
    let mut outgoing: Vec<Vec<Edge>> = vec![Vec::new(); nodes];
    for edge in edges {
        outgoing[edge.from].push(*edge);
    }
    let part = parts(&outgoing);
    let mut walked = vec![false; nodes];
    let mut rings = Vec::new();
    let mut done = vec![false; nodes];
    for edge in edges {
        let inside = part[edge.from] == part[edge.to];
        if inside && !std::mem::replace(&mut done[part[edge.from]], true) {
            rings.push(walk(edge.from, &outgoing, &part, &mut walked));
        }
    }
    rings
}

/// Walks inside of a part until a node comes again; every node there has an edge inside.
fn walk(start: usize, outgoing: &[Vec<Edge>], part: &[usize], walked: &mut [bool]) -> Vec<usize> {
    let mut path: Vec<Edge> = Vec::new();
    let mut node = start;
    while !std::mem::replace(&mut walked[node], true) {
        let Some(edge) = outgoing[node].iter().find(|edge| part[edge.to] == part[node]) else { break };
        path.push(*edge);
        node = edge.to;
    }
    let from = path.iter().position(|edge| edge.from == node).unwrap_or(0);
    path[from..].iter().map(|edge| edge.plug).collect()
}

/// The number of the strongly connected part of each node (Tarjan's algorithm with its own stack).
fn parts(outgoing: &[Vec<Edge>]) -> Vec<usize> {
    const UNSEEN: usize = usize::MAX;
    let nodes = outgoing.len();
    let (mut index, mut low, mut part) = (vec![UNSEEN; nodes], vec![0; nodes], vec![UNSEEN; nodes]);
    let (mut stack, mut next, mut count) = (Vec::new(), 0, 0);
    for root in 0..nodes {
        let mut calls = if index[root] == UNSEEN { vec![(root, 0)] } else { Vec::new() };
        while let Some((node, edge)) = calls.pop() {
            if edge == 0 {
                (index[node], low[node]) = (next, next);
                next += 1;
                stack.push(node);
            }
            if let Some(step) = outgoing[node].get(edge) {
                calls.push((node, edge + 1));
                if index[step.to] == UNSEEN {
                    calls.push((step.to, 0));
                } else if part[step.to] == UNSEEN {
                    low[node] = low[node].min(index[step.to]);
                }
                continue;
            }
            if let Some((parent, _)) = calls.last() {
                low[*parent] = low[*parent].min(low[node]);
            }
            if low[node] == index[node] {
                while let Some(member) = stack.pop() {
                    part[member] = count;
                    if member == node {
                        break;
                    }
                }
                count += 1;
            }
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(pairs: &[(usize, usize)]) -> Vec<Edge> {
        pairs.iter().enumerate().map(|(plug, (from, to))| Edge { from: *from, to: *to, plug }).collect()
    }

    #[test]
    fn a_tree_has_no_rings() {
        assert!(find(4, &edges(&[(0, 1), (0, 2), (1, 3), (2, 3)])).is_empty());
    }

    #[test]
    fn each_part_gives_one_ring_without_the_way_to_it() {
        assert_eq!(find(4, &edges(&[(0, 1), (1, 2), (2, 1), (3, 3)])), [vec![1, 2], vec![3]]);
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let pairs: Vec<(usize, usize)> = (0..200_000).map(|node| (node, (node + 1) % 200_000)).collect();
        assert_eq!(find(200_000, &edges(&pairs))[0].len(), 200_000);
    }
}
