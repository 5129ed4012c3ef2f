//! Which layers a node is in, and the order of insertion.

use std::ops::Range;

/// More layers than any graph needs: with two connections, each layer has half of the nodes of the one below.
const MAX_LEVEL: usize = 30;

/// The uppermost layer that the node of a photo is in.
///
/// It is drawn from a hash of the photo's id, not from a generator with a state: so a graph that is added to gets the
/// same layers as one that is built at once. One node in `connections` is in the layer above another.
pub fn level(id: u64, connections: usize) -> usize {
    let hash = mix(id);
    let ratio = connections.max(2) as u64;
    let mut limit = u64::MAX / ratio;
    let mut level = 0;
    while hash < limit && level < MAX_LEVEL {
        level += 1;
        limit /= ratio;
    }
    level
}

/// The output function of SplitMix64 (Steele, Lea and Flood, 2014).
fn mix(id: u64) -> u64 {
    let mut x = id.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The nodes in an order in which neighbours lie far apart, those of the uppermost layers first.
///
/// Photos of one burst have numbers that follow each other. Inserted side by side they would not see each other, and a
/// graph that begins with a few bursts has its first edges among near-duplicates.
pub fn insertion_order(nodes: Range<u32>, level: impl Fn(u32) -> usize) -> Vec<u32> {
    let count = nodes.len() as u64;
    // Steps of the golden section leave no two numbers close for long (Knuth, volume 3, 6.4).
    let mut step = (count as f64 * 0.618_033_988_749_894_9) as u64;
    while gcd(step, count) > 1 {
        step += 1;
    }
    let mut order: Vec<u32> = (0..count).map(|index| nodes.start + (index * step % count) as u32).collect();
    order.sort_by_key(|&node| std::cmp::Reverse(level(node)));
    order
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layer_has_its_share() {
        for connections in [2, 16, 32] {
            let mut counts = [0usize; MAX_LEVEL + 1];
            (0..200_000).for_each(|id| counts[level(id, connections)] += 1);
            let mut expected = 200_000.0;
            for layer in 0..MAX_LEVEL {
                let above: usize = counts[layer..].iter().sum();
                if expected < 300.0 {
                    break;
                }
                assert!((above as f64 / expected - 1.0).abs() < 0.2, "{connections}, {layer}: {above}");
                expected /= connections as f64;
            }
        }
    }

    #[test]
    fn every_node_is_inserted_once_and_neighbours_lie_apart() {
        for (first, count) in [(0, 0), (0, 1), (7, 2), (0, 3), (5, 100), (0, 1000), (3, 65_536), (0, 99_991)] {
            let nodes = insertion_order(first..first + count, |_| 0);
            assert!(nodes.windows(2).all(|pair| count < 100 || pair[0].abs_diff(pair[1]) > count / 4));
            let nodes = insertion_order(first..first + count, |node| level(node.into(), 4));
            assert!(nodes.is_sorted_by_key(|&node| std::cmp::Reverse(level(node.into(), 4))));
            let mut sorted = nodes;
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(first..first + count));
        }
    }
}
