//! An index that is large enough for a graph.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clip_index::{Asset, GraphOptions, IndexWriter, ModelId, Stamp};

use crate::support::{Run, Sandbox, on_samples};

const PHOTOS: u64 = 2_000;

/// An index of made-up vectors that pretends to be the built-in model's; encoding so many photos would take minutes.
fn fill(sandbox: &Sandbox) {
    let status = on_samples(&["status", "--json"]).expect(0).json();
    let model = ModelId {
        name: status["model"].as_str().unwrap().to_owned(),
        fingerprint: status["fingerprint"].as_str().unwrap().to_owned(),
        dimension: status["dimension"].as_u64().unwrap() as usize,
    };
    let mut writer = IndexWriter::open_or_create(sandbox.index(), &model).unwrap();
    let mut state = 1u64;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    for number in 0..PHOTOS {
        let vector: Vec<f32> = (0..model.dimension).map(|_| uniform()).collect();
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        let photo = Asset {
            path: PathBuf::from(format!("/made-up/{number}.jpg")),
            stamp: Stamp { size: 1, ..Stamp::default() },
            hash: u128::from(number).to_le_bytes(),
            ..Asset::default()
        };
        writer.add(photo, vector.iter().map(|x| x / length).collect()).unwrap();
    }
    writer.commit().unwrap();
    writer.update_graph(&GraphOptions::default(), &clip_index::Silent, &AtomicBool::new(false)).unwrap();
}

fn paths(run: Run) -> HashSet<String> {
    run.expect(0).json_lines().iter().map(|hit| hit["path"].to_string()).collect()
}

#[test]
fn graph_and_exact_agree() {
    let sandbox = Sandbox::new();
    fill(&sandbox);
    let graph = sandbox.run(&["status", "--json"]).expect(0).json()["graph"].clone();
    assert_eq!(graph, serde_json::json!({"nodes": PHOTOS, "removed": 0, "missing": 0}));
    sandbox.run(&["verify"]).expect(0);

    let mut common = 0;
    for text in ["a cat", "a dog on a beach", "sunset", "two people", "snow"] {
        let exact = paths(sandbox.run(&["query", text, "--json", "--exact"]));
        let graph = paths(sandbox.run(&["query", text, "--json", "--graph"]));
        assert_eq!((exact.len(), graph.len()), (10, 10));
        common += exact.intersection(&graph).count();
    }
    // Vectors without any structure are the hardest case for a graph.
    assert!(common >= 45, "only {common} of 50 in common");
}

#[test]
fn a_query_explains_how_it_was_carried_out() {
    let sandbox = Sandbox::new();
    fill(&sandbox);
    for (flag, method) in [("--graph", "graph with"), ("--exact", "exact (as asked for)")] {
        let run = sandbox.run(&["query", "a dog", "-n", "3", "--json", "--explain", flag]).expect(0);
        assert_eq!(run.stdout.lines().count(), 3);
        for expected in
            ["encoding the query: ", method, "searching 2,000 photos (2,000 in the graph): ", "of 3 results: "]
        {
            assert!(run.stderr.contains(expected), "{expected}: {}", run.stderr);
        }
    }
    // Without a flag the least time is what counts; and nothing is explained that nobody asked about.
    let run = sandbox.run(&["query", "a dog", "-n", "3", "--json", "--explain"]).expect(0);
    assert!(run.stderr.contains("(expected to take the least time)"), "{}", run.stderr);
    assert_eq!(sandbox.run(&["query", "a dog", "-n", "3", "--json"]).expect(0).stderr, "");
}
