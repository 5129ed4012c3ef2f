//! Which nodes hnsw_rs puts into its upper layers.
//!
//! Those nodes must be inserted alone. While hnsw_rs links a new node, it holds the node's own edges locked and waits for
//! those of each neighbour in turn, layer by layer. After the first layer others see the node and give it edges to
//! themselves; two nodes that come to link each other then wait for each other for ever. A node of the lowest layer
//! alone is linked in one go, to nodes that were all there before it, and so cannot take part in that.
//!
//! hnsw_rs draws layers from a generator with a fixed seed, so that they depend on nothing but how many nodes were
//! inserted since a graph was made or loaded. [`Layers`] draws the same; a test holds it to what hnsw_rs did.

use hnsw_rand::distr::Uniform;
use hnsw_rand::prelude::*;
use hnsw_rand::rngs::{StdRng, Xoshiro256PlusPlus};
use hnsw_rs::anndists::dist::distances::Distance;
use hnsw_rs::hnsw::Hnsw;

/// The seed of hnsw_rs.
const SEED: u64 = 397;

/// The layers of the nodes that will be inserted next, in a graph that was made or loaded and not added to since.
pub(super) struct Layers {
    rng: StdRng,
    unit: Uniform<f64>,
    scale: f64,
    layers: usize,
}

impl Layers {
    pub(super) fn of<D: Distance<u32> + Send + Sync>(hnsw: &Hnsw<'_, u32, D>) -> Layers {
        Layers {
            rng: StdRng::from_rng(&mut Xoshiro256PlusPlus::seed_from_u64(SEED)),
            unit: Uniform::new(0.0, 1.0).expect("0 is less than 1"),
            scale: hnsw.get_point_indexation().get_level_scale(),
            layers: super::LAYERS,
        }
    }
}

impl Iterator for Layers {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let drawn = (-self.rng.sample(self.unit).ln() * self.scale).floor() as usize;
        Some(if drawn < self.layers {
            drawn
        } else {
            self.rng.sample(Uniform::new(0, self.layers).expect("there are layers"))
        })
    }
}

/// Cuts the nodes that come next into pieces, each of some that may be inserted side by side and one that, after them,
/// must be inserted alone.
pub(super) fn pieces<'a>(
    nodes: &'a [u32],
    layers: &'a mut Layers,
) -> impl Iterator<Item = (&'a [u32], Option<&'a u32>)> + 'a {
    let mut rest = nodes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let lowest = rest.iter().take_while(|_| layers.next() == Some(0)).count();
        let (together, after) = rest.split_at(lowest);
        let alone = after.split_first();
        rest = alone.map_or(&[], |(_, after)| after);
        Some((together, alone.map(|(node, _)| node)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct Apart;

    impl Distance<u32> for Apart {
        fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
            a[0].abs_diff(b[0]) as f32
        }
    }

    fn layers_of(hnsw: &Hnsw<'_, u32, Apart>, nodes: usize) -> Vec<usize> {
        let mut layers = vec![usize::MAX; nodes];
        for point in hnsw.get_point_indexation() {
            layers[point.get_origin_id()] = point.get_point_id().0.into();
        }
        layers
    }

    #[test]
    fn they_are_what_hnsw_rs_draws() {
        for connections in [2, 16, 32] {
            let hnsw = Hnsw::new(connections, 3000, super::super::LAYERS, 4, Apart);
            let drawn: Vec<usize> = Layers::of(&hnsw).take(3000).collect();
            for node in 0..3000u32 {
                hnsw.insert_slice((&[node], node as usize));
            }
            assert_eq!(layers_of(&hnsw, 3000), drawn);
            assert!(drawn.iter().any(|layer| *layer > 1));
        }
    }

    #[test]
    fn loading_starts_them_again() {
        let dir = tempfile::tempdir().unwrap();
        let hnsw = Hnsw::new(2, 500, super::super::LAYERS, 4, Apart);
        (0..500u32).for_each(|node| hnsw.insert_slice((&[node], node as usize)));
        hnsw_rs::api::AnnT::file_dump(&hnsw, dir.path(), "test").unwrap();
        let loader = hnsw_rs::hnswio::HnswIo::new(dir.path(), "test");
        let hnsw = loader.load_hnsw_with_dist::<u32, Apart>(Apart).unwrap();
        let drawn: Vec<usize> = Layers::of(&hnsw).take(500).collect();
        (500..1000u32).for_each(|node| hnsw.insert_slice((&[node], node as usize)));
        assert_eq!(layers_of(&hnsw, 1000)[500..], drawn);
        assert!(drawn.iter().any(|layer| *layer > 0));
    }

    #[test]
    fn nodes_of_upper_layers_are_alone() {
        let hnsw = Hnsw::new(4, 1000, super::super::LAYERS, 4, Apart);
        let nodes: Vec<u32> = (0..1000).collect();
        let layers: Vec<usize> = Layers::of(&hnsw).take(1000).collect();
        let mut drawn = Layers::of(&hnsw);
        let mut all: Vec<u32> = Vec::new();
        for step in nodes.chunks(300) {
            for (together, alone) in pieces(step, &mut drawn) {
                assert!(together.iter().all(|node| layers[*node as usize] == 0));
                assert!(alone.is_none_or(|node| layers[*node as usize] > 0));
                all.extend(together.iter().chain(alone));
            }
        }
        assert_eq!(all, nodes);
    }
}
