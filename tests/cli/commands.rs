//! Each command as users and scripts see it.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::support::{Sandbox, command, normalise, on_samples, sample_index, samples};

/// The names of an object's fields, sorted.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn index_for_people() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.put("coffee.jpg", "2019/coffee.jpg");
    fs::write(sandbox.photos().join("bad.jpg"), "no photo").unwrap();
    let run = sandbox.run(&["index", sandbox.photos().to_str().unwrap()]).expect(1);
    assert_eq!(sandbox.normalise(&run.stdout), "2 indexed, 0 unchanged, 0 moved, 0 removed, 1 skipped in [TIME]\n");
    assert_eq!(
        sandbox.normalise(&run.stderr),
        "skipped: [DIR]/photos/bad.jpg: not a supported image: its first bytes are those of no known format\n"
    );
}

#[test]
fn index_for_scripts() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    fs::write(sandbox.photos().join("empty.jpg"), "").unwrap();
    let run = sandbox.run(&["index", "--json", sandbox.photos().to_str().unwrap()]).expect(1);
    assert_eq!(run.stderr, "");
    let summary = run.json();
    assert_eq!(
        (&summary["indexed"], &summary["unchanged"], &summary["moved"], &summary["removed"], &summary["cancelled"]),
        (&1.into(), &0.into(), &0.into(), &0.into(), &false.into())
    );
    let skipped = summary["skipped"].as_array().unwrap();
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0]["path"], sandbox.photos().join("empty.jpg").to_str().unwrap());
    assert_eq!(skipped[0]["reason"], "the file is empty");
}

#[test]
fn query_finds_what_is_described() {
    for (text, expected) in
        [("a cat", "cat.jpg"), ("a cup of coffee", "coffee.jpg"), ("a man with a camera", "photographer.jpg")]
    {
        let run = on_samples(&["query", text, "--json"]).expect(0);
        let lines = run.json_lines();
        assert_eq!(lines.len(), 10, "ten by default, and ten there are");
        assert!(lines[0]["path"].as_str().unwrap().ends_with(expected), "{text}: {}", lines[0]);
    }
}

#[test]
fn query_for_scripts() {
    let run = on_samples(&["query", "--json", "-n", "3", "a cat"]).expect(0);
    assert_eq!(run.stderr, "");
    let lines = run.json_lines();
    assert_eq!(lines.len(), 3);
    assert!(run.stdout.starts_with("{\"rank\":1,\"score\":0."), "{}", run.stdout);
    let ranks: Vec<_> = lines.iter().map(|line| line["rank"].as_u64().unwrap()).collect();
    assert_eq!(ranks, [1, 2, 3]);
    let scores: Vec<_> = lines.iter().map(|line| line["adjusted"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b) && scores.iter().all(|score| score.abs() <= 1.0), "{scores:?}");
    for line in &lines {
        let path = Path::new(line["path"].as_str().unwrap());
        assert!(path.is_absolute() && path.is_file());
        assert!(line["path_bytes"].is_null(), "only where the path is no text");
        let (width, height) = image::image_dimensions(path).unwrap();
        assert_eq!((line["width"].as_u64(), line["height"].as_u64()), (Some(width.into()), Some(height.into())));
    }
}

#[test]
fn query_for_people_and_its_paths_agree() {
    let people = on_samples(&["query", "a", "cat", "-n", "2"]).expect(0);
    let json = on_samples(&["query", "a cat", "-n", "2", "--json"]).expect(0).json_lines();
    let expected: String = json
        .iter()
        .map(|line| format!("{:.3}  {}\n", line["relevance"].as_f64().unwrap(), line["path"].as_str().unwrap()))
        .collect();
    assert_eq!((people.stdout, people.stderr), (expected, String::new()));
    let paths =
        |end: &str| -> String { json.iter().map(|line| line["path"].as_str().unwrap().to_owned() + end).collect() };
    assert_eq!(on_samples(&["query", "a cat", "-n", "2", "--paths-only"]).expect(0).stdout, paths("\n"));
    assert_eq!(on_samples(&["query", "a cat", "-n", "2", "-0"]).expect(0).stdout, paths("\0"));
}

#[test]
fn results_of_a_lower_relevance_are_left_out() {
    let all = on_samples(&["query", "a cat", "--all", "--json"]).expect(0).json_lines();
    let relevance: Vec<_> = all.iter().map(|line| line["relevance"].as_f64().unwrap()).collect();
    assert!(relevance[0] > relevance[1] && all.len() == 10, "{relevance:?}");
    for (least, left) in [(0.0, 10), (relevance[1], 2), (f64::midpoint(relevance[0], relevance[1]), 1), (1.0, 0)] {
        // Halfway digits of `least` may go up.
        let least = (least - 1e-6).max(0.0).to_string();
        let run = on_samples(&["query", "a cat", "--all", "--json", "--min-relevance", &least]);
        assert_eq!(run.expect(i32::from(left == 0)).json_lines().len(), left, "{least}");
    }
    for wrong in ["-0.1", "1.1", "NaN", "high"] {
        on_samples(&["query", "a cat", &format!("--min-relevance={wrong}")]).expect(2);
    }
}

#[test]
fn a_photo_is_most_like_itself() {
    for sample in ["cat.jpg", "rocket.jpg"] {
        let path = samples().join(sample);
        let run = on_samples(&["query", "--json", "-n", "1", "--image", path.to_str().unwrap()]).expect(0);
        let hit = run.json();
        assert_eq!(hit["path"], path.to_str().unwrap());
        assert!((hit["score"].as_f64().unwrap() - 1.0).abs() < 1e-3, "{hit}");
    }
}

#[test]
fn exact_is_what_a_small_index_gets() {
    let auto = on_samples(&["query", "--json", "a cat"]).expect(0);
    let exact = on_samples(&["query", "--json", "--exact", "a cat"]).expect(0);
    assert_eq!(auto.stdout, exact.stdout);
}

#[test]
fn embed_gives_a_unit_vector_per_input_in_order() {
    let texts = ["a cat", "ein Hund", "a cat"];
    let run = on_samples(&["embed", "--json", "--text", texts[0], texts[1], texts[2]]).expect(0);
    let lines = run.json_lines();
    assert_eq!(lines.iter().map(|line| line["input"].as_str().unwrap()).collect::<Vec<_>>(), texts);
    for line in &lines {
        let length = numbers(&line["embedding"]).iter().map(|x| x * x).sum::<f64>().sqrt();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
    assert_ne!(lines[0]["embedding"], lines[1]["embedding"]);

    let paths = ["rocket.jpg", "cat.jpg"].map(|name| samples().join(name).to_str().unwrap().to_owned());
    let run = on_samples(&["embed", "--json", "--image", &paths[0], &paths[1]]).expect(0);
    let lines = run.json_lines();
    assert_eq!(lines.iter().map(|line| line["input"].as_str().unwrap()).collect::<Vec<_>>(), paths);

    // The same vector as in the index, and the score that the query prints.
    let text = numbers(&on_samples(&["embed", "--json", "--text", "a cat"]).expect(0).json()["embedding"]);
    let score: f64 = numbers(&lines[1]["embedding"]).iter().zip(&text).map(|(a, b)| a * b).sum();
    let hits = on_samples(&["query", "--json", "a cat"]).expect(0).json_lines();
    let hit = hits.iter().find(|hit| hit["path"] == *paths[1]).unwrap();
    assert!((hit["score"].as_f64().unwrap() - score).abs() < 5e-5, "{hit} {score}");
}

#[test]
fn embed_without_json_prints_the_same_numbers() {
    let plain = on_samples(&["embed", "--text", "a cat"]).expect(0);
    let json = on_samples(&["embed", "--text", "a cat", "--json"]).expect(0).json();
    let values: Vec<f32> = plain.stdout.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let expected: Vec<f32> = numbers(&json["embedding"]).into_iter().map(|number| number as f32).collect();
    assert_eq!(plain.stdout.lines().count(), 1);
    assert_eq!(values, expected);
}

#[test]
fn embed_hidden_gives_a_state_per_token() {
    let lines = on_samples(&["embed", "--hidden", "--json", "--text", "cat", "a cat on a mat"]).expect(0).json_lines();
    let shapes: Vec<(usize, usize)> = lines
        .iter()
        .map(|line| {
            let tokens = line["hidden"].as_array().unwrap();
            assert!(line["embedding"].is_null());
            (tokens.len(), numbers(&tokens[0]).len())
        })
        .collect();
    assert!(shapes[1].0 > shapes[0].0 && shapes[0].1 == shapes[1].1, "{shapes:?}");
}

#[test]
fn eval_ranks_captions_and_images() {
    let sandbox = Sandbox::new();
    let captions = sandbox.path().join("captions.csv");
    fs::write(
        &captions,
        "image,caption\ncat.jpg,a cat\ncat.jpg,the face of a cat\ncoffee.jpg,a cup of coffee\nphotographer.jpg,a man with a camera\n",
    )
    .unwrap();
    let (captions, images) = (captions.to_str().unwrap().to_owned(), samples().to_str().unwrap().to_owned());
    let arguments = ["eval", "--captions", &captions, "--images", &images];
    let run = sandbox.run(&[&arguments[..], &["--json"]].concat()).expect(0);
    assert_eq!(run.stderr, "");
    let figures = run.json();
    let both =
        ["image_to_text", "image_to_text_corrected"].into_iter().chain(["text_to_image", "text_to_image_corrected"]);
    let mut expected: Vec<&str> = both.chain(["captions", "images"]).collect();
    expected.sort_unstable();
    assert_eq!(keys(&figures), expected);
    assert_eq!((&figures["images"], &figures["captions"]), (&3.into(), &4.into()));
    for direction in ["text_to_image", "image_to_text", "text_to_image_corrected", "image_to_text_corrected"] {
        assert_eq!(keys(&figures[direction]), ["median_rank", "r1", "r10", "r5"]);
        assert_eq!(figures[direction]["r10"], 100.0, "there are only three photos");
    }
    assert_eq!(figures["text_to_image"]["r1"], 100.0, "the three could not differ more");

    let people = sandbox.run(&arguments).expect(0);
    assert!(people.stdout.contains("text to image  100.00 %"), "{}", people.stdout);
}

#[test]
fn relevance_is_refined_by_enough_captions_only_and_that_is_taken_back() {
    let sandbox = Sandbox::new();
    for name in ["cat.jpg", "coffee.jpg", "rocket.jpg"] {
        sandbox.put(name, name);
    }
    sandbox.update(0);
    let csv = sandbox.path().join("captions.csv");
    fs::write(&csv, "image,caption\ncat.jpg,a cat\ncoffee.jpg,a cup of coffee\n").unwrap();
    let (csv, images) = (csv.to_str().unwrap().to_owned(), samples().to_str().unwrap().to_owned());
    let run = sandbox.run(&["eval", "--refine", "--captions", &csv, "--images", &images]).expect(2);
    assert_eq!(run.stderr, "error: cannot refine relevance: expected captions of 100 photos or more, found 2\n");
    let unrefine = || sandbox.run(&["eval", "--unrefine"]).expect(0).stdout;
    assert_eq!(unrefine(), "relevance was not refined\n");
    assert!(sandbox.run(&["status", "--json"]).expect(0).json().get("relevance").is_none());

    // What a refinement says is heeded by searches, and shown.
    let relevance = || sandbox.run(&["query", "--json", "-n", "1", "a steam engine"]).expect(0).json_lines()[0].clone();
    let before = relevance();
    let fingerprint = sandbox.run(&["status", "--json"]).expect(0).json()["fingerprint"].as_str().unwrap().to_owned();
    let file = |fingerprint: &str| {
        let bank = clip_search::bank_texts::name(fingerprint);
        let version = clip_search::relevance::VERSION;
        let lines = "captions 1 2\nphrases 1 2\nleast 0.0001 0.0001\nfrom 500 100";
        let text = format!("# clip-search relevance 1\nmodel {fingerprint}\nbank {bank}\nnumbers {version}\n{lines}\n");
        fs::write(sandbox.index().join("relevance"), text).unwrap();
    };
    file(&fingerprint);
    let after = relevance();
    assert!(after["relevance"].as_f64() > before["relevance"].as_f64(), "{before} {after}");
    assert_eq!((&after["score"], &after["match"]), (&before["score"], &true.into()));
    let status = sandbox.run(&["status"]).expect(0).stdout;
    assert!(status.contains("relevance    refined by 500 captions for 100 photos\n"), "{status}");
    let json = sandbox.run(&["status", "--json"]).expect(0).json();
    assert_eq!(json["relevance"], serde_json::json!({"captions": 500, "photos": 100, "holds": true}));
    sandbox.run(&["verify"]).expect(0);
    sandbox.run(&["index"]).expect(0);
    assert_eq!(relevance(), after);

    // For another model it says nothing.
    file("another");
    assert_eq!(relevance(), before);
    let status = sandbox.run(&["status"]).expect(0).stdout;
    assert!(status.contains("relevance    was refined by 500 captions for 100 photos, for another model"), "{status}");
    fs::write(sandbox.index().join("relevance"), "x").unwrap();
    assert_eq!(relevance(), before);
    let status = sandbox.run(&["status"]).expect(0).stderr;
    assert!(status.contains("found `x`; run `clip-search eval --refine` again"), "{status}");
    assert_eq!(unrefine(), "relevance is as it was before it was refined\n");
    assert_eq!((relevance(), unrefine().as_str()), (before, "relevance was not refined\n"));
}

#[test]
fn index_and_query_give_the_figures_of_eval() {
    let captions = [
        ("astronaut.jpg", "a woman in an orange suit"),
        ("astronaut.jpg", "an astronaut smiles"),
        ("brick-wall.jpg", "bricks"),
        ("cat.jpg", "a cat"),
        ("coffee.jpg", "a red cup on a table"),
        ("galaxies.jpg", "the night sky"),
        ("gravel.jpg", "small stones"),
        ("lawn.jpg", "grass"),
        ("photographer.jpg", "a man with a camera"),
        ("photographer.jpg", "somebody in a park"),
        ("retina.jpg", "an eye"),
        ("rocket.jpg", "a tower at night"),
    ];
    let sandbox = Sandbox::new();
    let csv = sandbox.path().join("captions.csv");
    let lines: String = captions.iter().map(|(image, caption)| format!("{image},{caption}\n")).collect();
    fs::write(&csv, format!("image,caption\n{lines}")).unwrap();
    let images = samples();
    let arguments = ["eval", "--json", "--captions", csv.to_str().unwrap(), "--images", images.to_str().unwrap()];
    let figures = sandbox.run(&arguments).expect(0).json();

    for (direction, options) in [("text_to_image", &["--raw"][..]), ("text_to_image_corrected", &[])] {
        let mut ranks = Vec::new();
        for (image, caption) in captions {
            let query = ["query", "--exact", "--fusion", "off", "--json", caption];
            let hits = on_samples(&[&query[..], options].concat()).expect(0).json_lines();
            let right = hits.iter().find(|hit| Path::new(hit["path"].as_str().unwrap()).ends_with(image));
            ranks.push(right.unwrap()["rank"].as_u64().unwrap());
        }
        for (field, within) in [("r1", 1), ("r5", 5), ("r10", 10)] {
            let expected = 100.0 * ranks.iter().filter(|rank| **rank <= within).count() as f64 / ranks.len() as f64;
            assert_eq!(figures[direction][field], expected, "{direction} {field}: {ranks:?}");
        }
    }
}

#[test]
fn status_for_people_and_scripts() {
    let status = on_samples(&["status", "--json"]).expect(0).json();
    assert_eq!(status["photos"], 10);
    assert_eq!(status["model"], "pocket");
    assert!(status["fingerprint"].as_str().unwrap().starts_with("pocket-"));
    assert!(status["dimension"].as_u64().unwrap() > 0);
    assert_eq!(status["roots"], serde_json::json!([samples().to_str().unwrap()]));
    assert!(status["bytes"].as_u64().unwrap() > 10 * 4 * status["dimension"].as_u64().unwrap());

    let run = on_samples(&["status"]).expect(0);
    let text = normalise(&run.stdout);
    for line in ["photos       10\n", "folder       [SAMPLES]\n", "graph        none (every query scans all photos)\n"]
    {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn verify_is_clean_and_finds_a_flipped_bit() {
    let clean = on_samples(&["verify"]).expect(0);
    assert_eq!((clean.stdout.as_str(), clean.stderr.as_str()), ("10 photos: no damage found\n", ""));
    let json = on_samples(&["verify", "--json"]).expect(0).json();
    assert_eq!((&json["ok"], &json["photos"]), (&true.into(), &10.into()));

    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.update(0);
    let segment = fs::read_dir(sandbox.index().join("vectors")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let run = sandbox.run(&["verify"]).expect(2);
    assert!(run.stdout.contains(segment.to_str().unwrap()), "{run:?}");
    assert!(run.stderr.contains("is damaged") && run.stderr.contains("--rebuild"), "{run:?}");
    let json = sandbox.run(&["verify", "--json"]).expect(2).json();
    assert_eq!(json["ok"], false);
}

#[test]
fn rebuild_replaces_the_index_and_keeps_its_folders() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.update(0);
    sandbox.put("coffee.jpg", "coffee.jpg");
    let summary = sandbox.run(&["index", "--rebuild", "--json"]).expect(0).json();
    assert_eq!((&summary["indexed"], &summary["unchanged"]), (&2.into(), &0.into()));
    assert_eq!(sandbox.indexed(), [Path::new("cat.jpg"), Path::new("coffee.jpg")]);
    let left: Vec<_> = fs::read_dir(sandbox.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    // Without folders it goes on with those that it knew.
    assert_eq!(sandbox.run(&["index", "--json"]).expect(0).json()["unchanged"], 2);
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_text_come_back_byte_for_byte() {
    use std::os::unix::ffi::OsStrExt;
    let sandbox = Sandbox::new();
    let path = sandbox.put("cat.jpg", std::ffi::OsStr::from_bytes(b"caf\xe9\n.jpg"));
    sandbox.update(0);

    let output = sandbox.command(&["query", "a cat", "-0"]).output().unwrap();
    assert_eq!(output.stdout, [path.as_os_str().as_bytes(), b"\0"].concat());
    let output = sandbox.command(&["query", "a cat", "--paths-only"]).output().unwrap();
    assert_eq!(output.stdout, [path.as_os_str().as_bytes(), b"\n"].concat());
    let hit = sandbox.run(&["query", "a cat", "--json"]).expect(0).json();
    assert!(hit["path"].as_str().unwrap().ends_with("caf\u{fffd}\n.jpg"));
    assert_eq!(BASE64_STANDARD.decode(hit["path_bytes"].as_str().unwrap()).unwrap(), path.as_os_str().as_bytes());
    let people = sandbox.run(&["query", "a cat"]).expect(0);
    assert!(people.stdout.ends_with("caf\\xe9\\n.jpg\n"), "{people:?}");
    let by_example = [std::ffi::OsStr::new("query"), "--json".as_ref(), "--image".as_ref(), path.as_os_str()];
    assert_eq!(sandbox.run(&by_example).expect(0).json()["path_bytes"], hit["path_bytes"]);
}

#[test]
fn the_index_folder_may_come_as_an_option() {
    let run = command(Path::new("/nowhere"), &["--index", sample_index().to_str().unwrap(), "status", "--json"]);
    let mut run = run;
    let output = run.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn what_is_exported_can_be_imported() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.put("coffee.jpg", "2019/coffee.jpg");
    sandbox.update(0);
    let folder = sandbox.path().join("exported");
    let folder = folder.to_str().unwrap();
    let run = sandbox.run(&["export", folder]).expect(0);
    assert_eq!(run.stdout, "2 photos exported\n");
    // What is there is not overwritten.
    sandbox.run(&["export", folder]).expect(2);

    let before = sandbox.run(&["query", "a cat"]).expect(0).stdout;
    fs::remove_dir_all(sandbox.index()).unwrap();
    let items = format!("{folder}/items.ndjson");
    let array = format!("{folder}/embeddings.npy");
    let run = sandbox.run(&["import", &items, &array]).expect(0);
    assert_eq!(run.stdout, "2 photos added, 0 replaced, 0 skipped\n");
    assert_eq!(sandbox.run(&["query", "a cat"]).expect(0).stdout, before);
    let run = sandbox.run(&["import", &items, &array]).expect(1);
    assert!(run.stdout.starts_with("0 photos added, 0 replaced, 2 skipped"), "{}", run.stdout);
    let run = sandbox.run(&["import", "--replace", &items, &array]).expect(0);
    assert!(run.stdout.starts_with("0 photos added, 2 replaced"), "{}", run.stdout);
    // The files are those that the index was told of, so nothing is encoded again.
    let photos = sandbox.photos();
    let run = sandbox.run(&["index", "--json", photos.to_str().unwrap()]).expect(0).json();
    assert_eq!((run["indexed"].as_u64(), run["unchanged"].as_u64()), (Some(0), Some(2)));
    sandbox.run(&["verify"]).expect(0);
}

#[test]
fn parquet_files_and_the_output_of_clip_retrieval_are_imported() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.put("coffee.jpg", "2019/coffee.jpg");
    sandbox.update(0);
    let path = |name: &str| sandbox.path().join(name).to_str().unwrap().to_owned();
    let (table, arrays) = (path("table"), path("arrays"));
    let run = sandbox.run(&["export", "--format", "parquet", &table]).expect(0);
    assert_eq!(run.stdout, "2 photos exported\n");
    sandbox.run(&["export", &arrays]).expect(0);
    let before = sandbox.run(&["query", "a cat"]).expect(0).stdout;
    let import = |arguments: &[&str]| {
        fs::remove_dir_all(sandbox.index()).unwrap();
        let run = sandbox.run(&[&["import"], arguments].concat()).expect(0);
        assert_eq!(run.stdout, "2 photos added, 0 replaced, 0 skipped\n", "{arguments:?}");
        assert_eq!(sandbox.run(&["query", "a cat"]).expect(0).stdout, before, "{arguments:?}");
        run.stderr
    };
    let items = format!("{table}/items.parquet");
    for arguments in [
        &[table.as_str()][..],
        &[&items],
        &[&items, &format!("{arrays}/embeddings.npy")],
        &["--embedding-column", "embedding", "--path-column", "path", &items],
        &[&arrays],
    ] {
        assert_eq!(import(arguments), "", "{arguments:?}");
    }
    // As clip-retrieval lays its files out.
    let output = sandbox.path().join("output");
    for folder in ["img_emb", "metadata", "text_emb"] {
        fs::create_dir_all(output.join(folder)).unwrap();
    }
    fs::copy(&items, output.join("metadata/metadata_0.parquet")).unwrap();
    fs::copy(format!("{arrays}/embeddings.npy"), output.join("img_emb/img_emb_0.npy")).unwrap();
    let told = import(&[output.to_str().unwrap()]);
    assert!(told.starts_with("left out: ") && told.contains("text_emb"), "{told}");
    let photos = sandbox.photos();
    let run = sandbox.run(&["index", "--json", photos.to_str().unwrap()]).expect(0).json();
    assert_eq!((run["indexed"].as_u64(), run["unchanged"].as_u64()), (Some(0), Some(2)));
    let run = sandbox.run(&["import", output.to_str().unwrap()]).expect(1);
    assert!(run.stderr.contains("metadata_0.parquet, row 2: the index has this path already"), "{}", run.stderr);
}

#[test]
fn a_damaged_index_is_repaired_and_compacted() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.update(0);
    assert!(sandbox.run(&["repair"]).expect(0).stderr.contains("nothing is damaged"));
    sandbox.put("coffee.jpg", "2019/coffee.jpg");
    sandbox.update(0);
    let run = sandbox.run(&["compact"]).expect(0);
    assert!(run.stdout.starts_with("2 photos in "), "{}", run.stdout);
    let files = fs::read_dir(sandbox.index().join("vectors")).unwrap().map(|file| file.unwrap().path());
    let vectors: Vec<_> = files.filter(|file| file.extension().is_some_and(|extension| extension == "vec")).collect();
    assert_eq!(vectors.len(), 1);

    let file = &vectors[0];
    fs::write(file, "not a vector file").unwrap();
    sandbox.run(&["verify"]).expect(2);
    let run = sandbox.run(&["repair"]).expect(1);
    assert!(run.stdout.contains("cat.jpg") && run.stdout.contains("coffee.jpg"), "{}", run.stdout);
    assert!(run.stderr.contains("2 photos lost"), "{}", run.stderr);
    sandbox.run(&["verify"]).expect(0);
    assert_eq!(sandbox.update(0)["indexed"].as_u64(), Some(2));
}
