//! Which nodes can be reached.
//!
//! hnsw_rs keeps a node's nearest edges when it has too many. Among many near-duplicates that can cut the only edges
//! that lead to some node. Such nodes are found here once, when the graph is built, and scanned besides.

use hnsw_rs::anndists::dist::distances::Distance;
use hnsw_rs::hnsw::Hnsw;

/// The nodes that cannot be reached from the largest part of the lowest layer in which every node reaches every other.
pub(super) fn stranded<D: Distance<u32> + Send + Sync>(hnsw: &Hnsw<'_, u32, D>, nodes: usize) -> Vec<u32> {
    if nodes == 0 {
        return Vec::new();
    }
    let mut edges = vec![Vec::new(); nodes];
    for point in hnsw.get_point_indexation() {
        let targets = point.get_neighborhood_id();
        if let (Some(own), Some(lowest)) = (edges.get_mut(point.get_origin_id()), targets.first()) {
            *own = lowest.iter().map(|target| target.d_id as u32).filter(|&t| (t as usize) < nodes).collect();
        }
    }
    let start = largest_component(&edges);
    let mut reached = vec![false; nodes];
    let mut queue = vec![start];
    reached[start as usize] = true;
    while let Some(node) = queue.pop() {
        for &target in &edges[node as usize] {
            if !std::mem::replace(&mut reached[target as usize], true) {
                queue.push(target);
            }
        }
    }
    (0..nodes as u32).filter(|&node| !reached[node as usize]).collect()
}

/// A member of the largest strongly connected component, by Tarjan's algorithm without recursion.
fn largest_component(edges: &[Vec<u32>]) -> u32 {
    const UNSEEN: u32 = u32::MAX;
    const DONE: u32 = u32::MAX - 1;
    let mut index = vec![UNSEEN; edges.len()];
    let mut low = vec![0; edges.len()];
    let mut open: Vec<u32> = Vec::new();
    let mut next = 0;
    let mut largest = (0, 0);
    for root in 0..edges.len() as u32 {
        if index[root as usize] != UNSEEN {
            continue;
        }
        // A node and how many of its edges were followed.
        let mut path = vec![(root, 0)];
        while let Some((node, followed)) = path.last_mut() {
            let node = *node as usize;
            if *followed == 0 {
                index[node] = next;
                low[node] = next;
                next += 1;
                open.push(node as u32);
            }
            if let Some(&target) = edges[node].get(*followed) {
                *followed += 1;
                match index[target as usize] {
                    UNSEEN => path.push((target, 0)),
                    DONE => {}
                    seen => low[node] = low[node].min(seen),
                }
                continue;
            }
            path.pop();
            if let Some(&(parent, _)) = path.last() {
                low[parent as usize] = low[parent as usize].min(low[node]);
            }
            if low[node] == index[node] {
                let mut size = 0;
                while let Some(member) = open.pop() {
                    index[member as usize] = DONE;
                    size += 1;
                    if member as usize == node {
                        break;
                    }
                }
                if size > largest.0 {
                    largest = (size, node as u32);
                }
            }
        }
    }
    largest.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_component_is_found() {
        // A ring of four, a ring of three that it leads to, a tail, and a node on its own.
        let edges = [vec![1], vec![2], vec![3], vec![0, 4], vec![5], vec![6], vec![4, 7], vec![], vec![]];
        assert!(largest_component(&edges) < 4);
        assert_eq!(largest_component(&[vec![]]), 0);
        let chain: Vec<Vec<u32>> = (0..100_000u32).map(|n| vec![(n + 1) % 100_000]).collect();
        largest_component(&chain);
    }
}
