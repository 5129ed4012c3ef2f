//! Which published model suits a machine.

use crate::catalogue::{Catalogue, Entry};

/// The set on which models are compared: photos and sentences, as in a search for photos.
const COMPARED_ON: &str = "MSCOCO 5k";

/// A model may take this share of the memory: there are other programs, and photos to decode.
const SHARE_OF_MEMORY: f64 = 0.5;

/// Memory per byte of weights: they are held as they are read and once more as they are computed with, and activations
/// come on top.
const MEMORY_PER_BYTE: f64 = 2.0;

/// Photos a second that a model must manage: ten thousand photos in under an hour and a half.
const PATIENCE: f64 = 2.0;

/// Memory that indexing takes besides the weights: the program, photos in progress and the index.
const MEMORY_OF_INDEXING: u64 = 200_000_000;

/// Reading, decoding and resizing a photo of 12 megapixels takes as long as this many billions of operations: 20 ms of a core
/// that computes 107 a second (docs/benchmarks.md, machine A).
const DECODING_GFLOP: f64 = 2.0;

/// The built-in model computes in eight bits, which takes this share of the time (the same place: 18.2 against 37.7 ms).
const BUILT_IN_SHARE: f64 = 0.5;

/// What is known about a machine and its user.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine<'a> {
    /// Memory that programs may use, in bytes.
    pub memory: u64,
    /// How fast it computes neural networks in f32 on all cores, in billions of floating-point operations a second.
    pub gflops: f64,
    /// The language that queries are in, as an ISO 639-1 code.
    pub language: &'a str,
}

impl Machine<'_> {
    /// An estimate of how long indexing a photo of 12 megapixels takes on the CPU, in seconds: what the image tower computes
    /// and what decoding takes, at this machine's speed. It is within three tenths of what was measured for `pocket` and
    /// ViT-B-32-256 in docs/benchmarks.md. `None` if it is not known what the model computes.
    pub fn seconds_per_photo(&self, entry: &Entry) -> Option<f64> {
        let share = if entry.is_built_in() { BUILT_IN_SHARE } else { 1.0 };
        Some((entry.image_gflops? * share + DECODING_GFLOP) / self.gflops)
    }
}

impl Entry {
    /// What indexing with the model takes of the memory, in bytes: an upper bound on machines with few cores. The weights are
    /// held once, and those of the text tower are not read.
    pub fn memory(&self) -> u64 {
        self.bytes.saturating_add(MEMORY_OF_INDEXING)
    }
}

impl Catalogue {
    /// The best published model that fits into half of the memory and takes at least two photos a second, or the
    /// smallest step up if none is as fast; none if nothing fits or nothing is better than what is built in.
    ///
    /// The best is the one that finds most photos by their captions on MSCOCO, by the published figures. Models for
    /// research only are never recommended, since anyone may ask.
    pub fn recommend(&self, machine: &Machine<'_>) -> Option<&Entry> {
        let mut fitting: Vec<Candidate<'_>> = self
            .entries()
            .iter()
            .filter(|entry| !entry.is_built_in() && !entry.research_only && entry.speaks(machine.language))
            .filter(|entry| entry.bytes as f64 * MEMORY_PER_BYTE <= machine.memory as f64 * SHARE_OF_MEMORY)
            .filter_map(|entry| {
                let recall = entry.retrieval_on(COMPARED_ON)?.text_to_image;
                Some(Candidate { entry, recall, seconds: machine.seconds_per_photo(entry)? })
            })
            .collect();
        let fast = |candidate: &Candidate<'_>| candidate.seconds * PATIENCE <= 1.0;
        let chosen = if fitting.iter().any(fast) {
            fitting.retain(fast);
            fitting.into_iter().max_by(|a, b| a.recall.total_cmp(&b.recall))
        } else {
            fitting.into_iter().min_by(|a, b| a.seconds.total_cmp(&b.seconds))
        };
        chosen.map(|candidate| candidate.entry)
    }
}

/// A model that fits, with what decides.
struct Candidate<'a> {
    entry: &'a Entry,
    recall: f64,
    seconds: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn recommended(memory: u64, gflops: f64, language: &str) -> Option<String> {
        let catalogue = Catalogue::built_in().unwrap();
        catalogue.recommend(&Machine { memory, gflops, language }).map(|entry| entry.name.clone())
    }

    #[test]
    fn more_memory_and_speed_never_give_a_worse_model() {
        let catalogue = Catalogue::built_in().unwrap();
        let recall = |name: Option<String>| {
            name.map_or(0.0, |name| catalogue.find(&name).unwrap().retrieval_on(COMPARED_ON).unwrap().text_to_image)
        };
        for language in ["en", "de"] {
            let mut last = 0.0;
            for (memory, gflops) in [(1, 20.0), (4, 60.0), (8, 100.0), (16, 300.0), (32, 1000.0), (64, 50_000.0)] {
                let now = recall(recommended(memory * GIB, gflops, language));
                assert!(now >= last, "{language}, {memory} GiB: {now} < {last}");
                last = now;
            }
            assert!(last > 50.0);
        }
    }

    /// Machine A of docs/benchmarks.md: two cores, each of which computes 107 GFLOP/s in f32; seconds of wall time for 1,000
    /// photos of 12 megapixels.
    #[test]
    fn estimates_are_near_what_was_measured() {
        let machine = Machine { memory: 23 * GIB, gflops: 214.0, language: "en" };
        let catalogue = Catalogue::built_in().unwrap();
        for (name, measured) in [("pocket", 23.7), ("datacomp-vit-b-32-256", 69.0)] {
            let seconds = 1000.0 * machine.seconds_per_photo(catalogue.find(name).unwrap()).unwrap();
            assert!((0.7..1.3).contains(&(seconds / measured)), "{name}: {seconds}");
        }
        // Peaks of the same runs, in MiB.
        for (name, measured) in [("pocket", 190), ("datacomp-vit-b-32-256", 545)] {
            let memory = catalogue.find(name).unwrap().memory();
            assert!((measured << 20..2 * (measured << 20)).contains(&memory), "{name}: {memory}");
        }
    }

    #[test]
    fn what_does_not_fit_is_not_recommended() {
        assert_eq!(recommended(GIB / 4, 1e6, "en"), None);
        let catalogue = Catalogue::built_in().unwrap();
        for gib in [2, 4, 8] {
            let entry = catalogue.find(&recommended(gib * GIB, 1e6, "en").unwrap()).unwrap();
            assert!(4 * entry.bytes <= gib * GIB && !entry.research_only, "{}", entry.name);
        }
        let german = catalogue.find(&recommended(8 * GIB, 100.0, "de").unwrap()).unwrap().clone();
        assert!(german.speaks("de"));
        // A slow machine gets the fastest.
        let slow = catalogue.find(&recommended(16 * GIB, 0.1, "en").unwrap()).unwrap();
        assert!(slow.image_gflops.unwrap() < 10.0, "{}", slow.name);
    }
}
