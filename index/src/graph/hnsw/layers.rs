//! Links of nodes, in memory while a graph is built, or in a mapped file.

use std::sync::atomic::{AtomicU32, Ordering};

use clip_kernels::similarity::prefetch;

/// In a slot without a link. The links of a node come first in its slots.
pub const NONE: u32 = u32::MAX;

/// A slot for a link.
pub trait Slot: Sync {
    /// What is in it.
    fn load(&self) -> u32;
}

impl Slot for u32 {
    #[inline(always)]
    fn load(&self) -> u32 {
        *self
    }
}

impl Slot for AtomicU32 {
    #[inline(always)]
    fn load(&self) -> u32 {
        // Links are read while others write them only where any of the values will do.
        AtomicU32::load(self, Ordering::Relaxed)
    }
}

/// One layer: some nodes, each with the same number of slots. Within a layer, nodes go by their positions in it.
///
/// What is read from a file may be damaged: links that lead out of the layer are passed over.
#[derive(Debug)]
pub struct Layer<'a, S> {
    /// The node at each position, ascending; `None` in the lowest layer, which all nodes are in.
    nodes: Option<&'a [u32]>,
    len: usize,
    slots: &'a [S],
    /// Slots of each node.
    width: usize,
}

impl<S> Clone for Layer<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Layer<'_, S> {}

impl<'a, S: Slot> Layer<'a, S> {
    /// The lowest layer, of `len` nodes with `width` slots each.
    pub fn lowest(len: usize, slots: &'a [S], width: usize) -> Self {
        Layer { nodes: None, len, slots, width }
    }

    /// A layer of the given nodes, which are ascending.
    pub fn upper(nodes: &'a [u32], slots: &'a [S], width: usize) -> Self {
        Layer { nodes: Some(nodes), len: nodes.len(), slots, width }
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Slots of each node.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The node at a position.
    #[inline(always)]
    pub fn node(&self, position: u32) -> u32 {
        match self.nodes {
            None => position,
            Some(nodes) => nodes.get(position as usize).copied().unwrap_or(NONE),
        }
    }

    /// Where a node is.
    pub fn position(&self, node: u32) -> Option<u32> {
        match self.nodes {
            None => ((node as usize) < self.len).then_some(node),
            Some(nodes) => nodes.binary_search(&node).ok().map(|position| position as u32),
        }
    }

    /// The slots of a node.
    #[inline(always)]
    pub fn slots(&self, position: u32) -> &'a [S] {
        let start = position as usize * self.width;
        self.slots.get(start..start + self.width).unwrap_or_default()
    }

    /// The positions that a node has links to.
    #[inline(always)]
    pub fn neighbours(&self, position: u32) -> impl Iterator<Item = u32> + use<'a, S> {
        let len = self.len;
        let links = self.slots(position).iter().map(Slot::load);
        links.take_while(|&link| link != NONE).filter(move |&link| (link as usize) < len)
    }

    /// True if all links of a node lead to nodes that there are, and nothing follows them.
    pub fn is_whole(&self, position: u32) -> bool {
        let mut links = self.slots(position).iter().map(Slot::load).skip_while(|&link| (link as usize) < self.len);
        links.all(|link| link == NONE)
    }

    /// Asks for the slots of a node before they are needed.
    #[inline(always)]
    pub fn prefetch(&self, position: u32) {
        prefetch(self.slots(position));
    }
}

/// Where a walk finds the links of a layer's nodes.
pub trait Links: Copy {
    /// Number of nodes.
    fn len(self) -> usize;

    /// The node at a position; some other number if there is none.
    fn node(self, position: u32) -> u32;

    /// Calls `visit` with the positions that a node has links to.
    fn visit(self, position: u32, visit: impl FnMut(u32));

    /// Asks for the links of a node before they are needed.
    fn ask_for(self, position: u32);
}

impl<S: Slot> Links for Layer<'_, S> {
    fn len(self) -> usize {
        Layer::len(&self)
    }

    #[inline(always)]
    fn node(self, position: u32) -> u32 {
        Layer::node(&self, position)
    }

    #[inline(always)]
    fn visit(self, position: u32, visit: impl FnMut(u32)) {
        self.neighbours(position).for_each(visit);
    }

    #[inline(always)]
    fn ask_for(self, position: u32) {
        self.prefetch(position);
    }
}

/// All layers of a graph.
#[derive(Debug)]
pub struct Layers<'a, S> {
    /// The lowest one first.
    pub layers: Vec<Layer<'a, S>>,
    /// Where searches begin: a node of the uppermost layer.
    pub entry: u32,
}

impl<S: Slot> Layers<'_, S> {
    /// How many nodes the entry does not lead to in the lowest layer.
    pub fn unreachable(&self) -> usize {
        let Some(lowest) = self.layers.first() else { return 0 };
        let mut seen = vec![false; lowest.len()];
        let mut open = Vec::new();
        if let Some(seen) = seen.get_mut(self.entry as usize) {
            *seen = true;
            open.push(self.entry);
        }
        let mut reached = 0;
        while let Some(node) = open.pop() {
            reached += 1;
            open.extend(lowest.neighbours(node).filter(|&link| !std::mem::replace(&mut seen[link as usize], true)));
        }
        lowest.len() - reached
    }
}
