//! Training end to end on a handful of pairs: it learns them by heart, with and without cached activations, and a
//! run that was stopped goes on to the same losses.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use burn::tensor::Device;
use clip_model::weights::TensorSource;
use clip_model::weights::safetensors::SafetensorsFile;
use clip_model::{Checkpoint, DeviceChoice, LoadOptions, Model, ModelSource};
use clip_train::{Event, Remedy, TrainError, TrainedModel, Trainer};
use image::{Rgb, RgbImage};

const COLOURS: [(&str, [u8; 3]); 8] = [
    ("red", [220, 30, 30]),
    ("green", [30, 200, 40]),
    ("blue", [30, 50, 220]),
    ("yellow", [230, 220, 40]),
    ("black", [10, 10, 10]),
    ("white", [245, 245, 245]),
    ("pink", [250, 150, 190]),
    ("brown", [110, 70, 30]),
];

const CONFIG: &str = r#"{
  "name": "tiny", "embed_dim": 16,
  "image": {"kind": "inverted_residual", "image_size": 32,
    "backbones": [
      {"stem": 8, "features": 24, "stages": [
        {"repeats": 1, "kernel": 3, "stride": 1, "expansion": 1, "channels": 8},
        {"repeats": 2, "kernel": 3, "stride": 2, "expansion": 2, "channels": 12}]},
      {"stem": 8, "features": 16, "stages": [
        {"repeats": 1, "kernel": 5, "stride": 2, "expansion": 2, "channels": 8}]}],
    "head": {"hidden": 32, "output": 16, "dropout": 0.1}},
  "text": {"kind": "bert", "vocab_size": 17, "context_length": 16, "width": 16, "layers": 2, "heads": 2,
    "intermediate": 32, "layer_norm_eps": 1e-12, "head": {"hidden": 32, "output": 16}},
  "tokenizer": {"kind": "word_piece", "context_length": 16, "pad_id": 0},
  "preprocess": {"size": 32, "resize": "squash", "interpolation": "bicubic", "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5]}
}"#;

fn recipe(stages: &str) -> String {
    format!(
        r#"
        name = "tiny"
        seed = 11
        config = "config.json"
        tokenizer = "vocab.txt"
        data = "."
        [dev]
        csv = "pairs.csv"
        images = "."
        [[photos]]
        csv = "pairs.csv"
        images = "."
        [views]
        count = 2
        min_area = 0.5
        max_aspect = 1.3
        flip = 0.5
        [export]
        weights = "f16"
        {stages}
        "#
    )
}

fn stage(name: &str, tensors: &str, epochs: usize) -> String {
    format!(
        r#"
        [[stages]]
        name = "{name}"
        train = [{{ tensors = '{tensors}', rate = 1e-2 }}]
        epochs = {epochs}
        batch = 8
        warm_up = 2
        average = 2
        "#
    )
}

fn write_data(folder: &Path) {
    let mut csv = String::from("image,caption\n");
    let mut words = vec!["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "square", "on", "the"];
    for (name, colour) in COLOURS {
        // A little texture, so that no layer sees a constant.
        let photo = RgbImage::from_fn(40, 30, |x, y| {
            let shade = |value: u8| value.saturating_add(((x * 7 + y * 3) % 9) as u8);
            Rgb(colour.map(shade))
        });
        photo.save(folder.join(format!("{name}.png"))).unwrap();
        csv += &format!("{name}.png,a {name} square\n");
        words.push(name);
    }
    std::fs::write(folder.join("pairs.csv"), csv).unwrap();
    std::fs::write(folder.join("vocab.txt"), words.join("\n")).unwrap();
    std::fs::write(folder.join("config.json"), CONFIG).unwrap();
}

/// Notes the losses; stops after so many epochs.
#[derive(Default)]
struct Notes {
    losses: Vec<f32>,
    stop_after: Option<usize>,
}

fn train(folder: &Path, out: &str, resume: bool, notes: &mut Notes) -> Result<TrainedModel, TrainError> {
    let decode = |path: &Path| image::open(path).map(|photo| photo.to_rgb8()).map_err(|error| error.to_string());
    let (losses, cancel, stop_after) = (Mutex::new(Vec::new()), AtomicBool::new(false), notes.stop_after);
    let progress = |event: Event<'_>| {
        let mut losses = losses.lock().unwrap();
        if let Event::Epoch { loss, .. } = event {
            losses.push(loss);
        }
        cancel.store(stop_after.is_some_and(|stop| losses.len() >= stop), Ordering::Relaxed);
    };
    let (recipe, out, device) = (folder.join("recipe.toml"), folder.join(out), Device::flex());
    let trainer = Trainer::new(&recipe, &out, &device, &decode);
    let outcome = trainer.resume(resume).progress(&progress).cancel(&cancel).run();
    notes.losses = losses.into_inner().unwrap();
    outcome
}

/// Runs the recipe in `folder` as `prepare` says, in a thread of its own: a run that never ends fails the test.
fn run_or_hang(
    folder: &Path,
    out: &str,
    prepare: impl for<'a> FnOnce(Trainer<'a>) -> Trainer<'a> + Send + 'static,
) -> Result<TrainedModel, TrainError> {
    run_with(folder, out, |path: &Path| Ok(image::open(path).unwrap().to_rgb8()), |_, _| (), prepare)
}

fn run_with(
    folder: &Path,
    out: &str,
    decode: impl Fn(&Path) -> Result<RgbImage, String> + Send + Sync + 'static,
    progress: impl Fn(Event<'_>, &AtomicBool) + Send + Sync + 'static,
    prepare: impl for<'a> FnOnce(Trainer<'a>) -> Trainer<'a> + Send + 'static,
) -> Result<TrainedModel, TrainError> {
    let (recipe, out) = (folder.join("recipe.toml"), folder.join(out));
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (device, cancel) = (Device::flex(), AtomicBool::new(false));
        let progress = |event: Event<'_>| progress(event, &cancel);
        let trainer = Trainer::new(&recipe, &out, &device, &decode).progress(&progress).cancel(&cancel);
        let _ = sender.send(prepare(trainer).run());
    });
    receiver.recv_timeout(Duration::from_secs(120)).expect("the run ends")
}

/// burn's random numbers come from one generator for the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn a_handful_of_pairs_is_learned_and_a_stopped_run_goes_on() {
    let _alone = ONE_AT_A_TIME.lock();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    write_data(folder);

    // The frozen start of a backbone and of the text tower is cached: the first stage sees pooled features, the second
    // the activations before block 1.
    let heads =
        stage("heads", r"image\.head\.(linear|hidden|output)|text\.head\.(linear|hidden|output)|logit_scale", 30);
    let tails = stage(
        "tails",
        r"image\.head\.(linear|hidden|output)|image\.backbones\.0\.(blocks\.[12]|features)|text\.(layers\.1|head\.(linear|hidden|output))|logit_scale",
        70,
    );
    std::fs::write(folder.join("recipe.toml"), recipe(&format!("{heads}{tails}"))).unwrap();
    let mut whole = Notes::default();
    let outcome = train(folder, "whole", false, &mut whole).unwrap();
    assert_eq!(whole.losses.len(), 100);
    assert!(whole.losses[99] < 0.3 * whole.losses[0], "{:?}", whole.losses);
    assert_eq!(outcome.trained.text_to_image.r1, 100.0);
    assert_eq!(outcome.stored.text_to_image.r1, 100.0, "the f16 file, read back and run from the photos");

    // Stopped in either stage, resumed to the same losses.
    for stop in [12, 47] {
        let out = format!("stopped-{stop}");
        let mut first = Notes { stop_after: Some(stop), ..Notes::default() };
        assert!(matches!(train(folder, &out, false, &mut first), Err(TrainError::Stopped)));
        let mut rest = Notes::default();
        train(folder, &out, true, &mut rest).unwrap();
        let losses: Vec<f32> = first.losses.into_iter().chain(rest.losses).collect();
        assert_eq!(losses.len(), whole.losses.len());
        for (epoch, (found, expected)) in losses.iter().zip(&whole.losses).enumerate() {
            assert!((found - expected).abs() < 1e-4, "epoch {epoch}: {found} is not {expected}");
        }
    }

    // A finished run is written again, for larger photos, without another epoch.
    let larger = recipe(&format!("{heads}{tails}")).replace("[export]", "[export]\nimage_size = 40");
    std::fs::write(folder.join("recipe.toml"), larger).unwrap();
    let mut again = Notes::default();
    let outcome = train(folder, "whole", true, &mut again).unwrap();
    assert!(again.losses.is_empty());
    let config = Checkpoint::open(&ModelSource::File(outcome.path)).unwrap().config().clone();
    assert_eq!((config.image.image_size(), config.preprocess.size), (40, 40));
    assert!(outcome.stored.text_to_image.r1 > 50.0, "plain colours look alike at any size: {:?}", outcome.stored);

    // Another recipe does not go on from that checkpoint.
    let all = stage("all", r"image\.(backbones|head\.(linear|hidden|output))|text|logit_scale", 150);
    std::fs::write(folder.join("recipe.toml"), recipe(&all)).unwrap();
    assert!(matches!(train(folder, "whole", true, &mut Notes::default()), Err(TrainError::State { .. })));

    // Everything trained from the pixels, augmented anew each epoch.
    let mut notes = Notes::default();
    let outcome = train(folder, "all", false, &mut notes).unwrap();
    assert_eq!(outcome.trained.text_to_image.r1, 100.0, "{:?}", notes.losses);
}

#[test]
fn a_run_that_ends_while_photos_are_cached_leaves_no_thread_waiting() {
    let _alone = ONE_AT_A_TIME.lock();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    write_data(folder);
    // Many more views than wait between decoding and caching.
    let heads = stage("heads", r"image\.head\.(linear|hidden|output)|text\.head|logit_scale", 2);
    let many = recipe(&heads).replace("count = 2", "count = 32");
    std::fs::write(folder.join("recipe.toml"), &many).unwrap();
    let read = |path: &Path| Ok(image::open(path).unwrap().to_rgb8());
    let stop = |event: Event<'_>, cancel: &AtomicBool| {
        if let Event::Caching { what: "photos", .. } = event {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    assert!(matches!(run_with(folder, "out", read, stop, |trainer| trainer), Err(TrainError::Stopped)));
    // A photo that cannot be read ends a run in the same place.
    let broken = |path: &Path| match path.ends_with("green.png") {
        true => Err("it is broken".to_owned()),
        false => Ok(image::open(path).unwrap().to_rgb8()),
    };
    let error = run_with(folder, "broken", broken, |_, _| (), |trainer| trainer).unwrap_err();
    assert!(matches!(&error, TrainError::Photo { path, .. } if path.ends_with("green.png")), "{error}");
    // There is no state yet to resume from, but a cache, which is enough; a folder without either is a mistake.
    run_or_hang(folder, "out", |trainer| trainer.resume(true)).unwrap();
    let error = run_or_hang(folder, "absent", |trainer| trainer.resume(true)).unwrap_err();
    assert!(matches!(error, TrainError::NothingToResume { .. }), "{error}");
    assert!(!folder.join("absent").exists());
}

#[test]
fn a_run_is_given_up_only_when_that_is_asked_for() {
    let _alone = ONE_AT_A_TIME.lock();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    write_data(folder);
    let of_epochs = |epochs| recipe(&stage("heads", r"image\.head\.(linear|hidden|output)|logit_scale", epochs));
    std::fs::write(folder.join("recipe.toml"), of_epochs(3)).unwrap();
    let read = |path: &Path| Ok(image::open(path).unwrap().to_rgb8());
    let stop = |event: Event<'_>, cancel: &AtomicBool| {
        if let Event::Epoch { .. } = event {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    assert!(matches!(run_with(folder, "out", read, stop, |trainer| trainer), Err(TrainError::Stopped)));
    let state = || std::fs::read(folder.join("out/checkpoint/position.json")).unwrap();
    let stopped = state();
    let error = run_or_hang(folder, "out", |trainer| trainer).unwrap_err();
    assert!(error.to_string().contains("(stage \"heads\", epoch 1)"), "{error}");
    assert_eq!(error.remedy(), Some(Remedy::ResumeOrStartAgain));
    // With another recipe, what differs is said.
    let other = of_epochs(5).replace("flip = 0.5", "flip = 0.25");
    std::fs::write(folder.join("recipe.toml"), other).unwrap();
    let error = run_or_hang(folder, "out", |trainer| trainer.resume(true)).unwrap_err();
    let words =
        "it belongs to a different recipe (stages.heads.epochs was 3, is now 5; views.flip was 0.5, is now 0.25)";
    assert!(error.to_string().contains(words), "{error}");
    assert_eq!(state(), stopped, "nothing was lost by trying");
    run_or_hang(folder, "out", |trainer| trainer.restart(true)).unwrap();
    assert_ne!(state(), stopped);
    let error = run_or_hang(folder, "out", |trainer| trainer).unwrap_err();
    assert!(error.to_string().contains("(finished)"), "{error}");
    // A run that was begun anew and stopped is the one in the folder, whatever model is still there.
    let restart = run_with(folder, "out", read, stop, |trainer| trainer.restart(true));
    assert!(matches!(restart, Err(TrainError::Stopped)));
    let error = run_or_hang(folder, "out", |trainer| trainer).unwrap_err();
    assert!(error.to_string().contains("(stage \"heads\", epoch 1)"), "{error}");
    assert!(folder.join("out/model.safetensors").exists());
    // A run may move together with its recipe and data.
    let moved = dir.path().join("moved");
    std::fs::create_dir(&moved).unwrap();
    for entry in std::fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.path() != moved) {
        std::fs::rename(entry.path(), moved.join(entry.file_name())).unwrap();
    }
    run_or_hang(&moved, "out", |trainer| trainer.resume(true)).unwrap();
}

#[test]
fn a_recipe_starts_from_a_model_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    copy_checkpoint(folder, &["tiny-resnet"]);
    std::fs::rename(folder.join("checkpoint"), folder.join("elsewhere")).unwrap();
    let tensors = |start: &str, known: bool| {
        let all = stage("all", "image|absent", 1).replace("1e-2", "1e-3");
        let text = from_checkpoint(&all).replace("\"checkpoint\"", &format!("{start:?}"));
        let path = folder.join("recipe.toml");
        std::fs::write(&path, text).unwrap();
        let (device, elsewhere) = (Device::flex(), folder.join("elsewhere"));
        let decode = |_: &Path| Err(String::new());
        let find = |name: &str| match name {
            "published" => Ok(ModelSource::Folder(elsewhere.clone())),
            _ => Err("nothing has that name".into()),
        };
        let trainer = Trainer::new(&path, folder, &device, &decode);
        if known { trainer.models(&find).tensors() } else { trainer.tensors() }
    };
    let published = tensors("published", true).unwrap();
    assert_eq!(published.stages, ["all"]);
    let rate = |name: &str| {
        let tensor = published.tensors.iter().find(|tensor| tensor.name == name);
        tensor.unwrap_or_else(|| panic!("{name}")).rates.clone()
    };
    assert_eq!(rate("image.stem.0.convolution.weight"), [Some(1e-3)]);
    assert_eq!(rate("image.stem.0.norm.running_mean"), [None], "it never learns");
    assert_eq!(rate("logit_scale"), [None]);
    let names = |found: clip_train::Tensors| found.tensors.into_iter().map(|tensor| tensor.name).collect::<Vec<_>>();
    assert_eq!(names(tensors("elsewhere", false).unwrap()), names(published.clone()));
    assert!(names(tensors("pocket", false).unwrap()).contains(&"image.head.linear.weight".to_owned()));
    for known in [true, false] {
        let error = tensors("no-such-model", known).unwrap_err();
        assert!(error.to_string().starts_with("cannot start from no-such-model: "), "{error}");
    }
}

/// A recipe that starts from a checkpoint, whatever its layout.
fn from_checkpoint(stages: &str) -> String {
    recipe(stages)
        .replace("config = \"config.json\"", "start = \"checkpoint\"")
        .replace("tokenizer = \"vocab.txt\"", "")
        .replace("\"f16\"", "\"f32\"")
}

fn copy_checkpoint(folder: &Path, parts: &[&str]) {
    let checkpoint = folder.join("checkpoint");
    std::fs::create_dir_all(&checkpoint).unwrap();
    for part in parts {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clip-model/tests/fixtures").join(part);
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, checkpoint.join(path.file_name().unwrap())).unwrap();
        }
    }
}

#[test]
fn a_published_sigmoid_model_is_fine_tuned() {
    let _alone = ONE_AT_A_TIME.lock();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    write_data(folder);
    copy_checkpoint(folder, &["tiny-siglip-huggingface", "tokenizer-siglip/siglip"]);
    let sigmoid = "losses = { contrastive = 0.0, sigmoid = 1.0 }\n";
    let all = stage("all", "image|text|logit_scale|logit_bias", 60).replace("1e-2", "1e-3") + sigmoid;
    std::fs::write(folder.join("recipe.toml"), from_checkpoint(&all)).unwrap();
    let mut notes = Notes::default();
    let outcome = train(folder, "all", false, &mut notes).unwrap();
    assert!(notes.losses[59] < 0.3 * notes.losses[0], "{:?}", notes.losses);
    assert_eq!(outcome.stored.text_to_image.r1, 100.0, "{:?}", notes.losses);
    // What comes out is a model like any other, with what it learned of scale and bias.
    let load = |source| Model::load(&source, &LoadOptions::new().device(DeviceChoice::Cpu)).unwrap();
    let before = load(ModelSource::Folder(folder.join("checkpoint")));
    let after = load(ModelSource::File(outcome.path));
    assert_eq!(after.name(), "tiny");
    assert_ne!(before.logit_bias(), after.logit_bias());
    assert_ne!(before.logit_scale(), after.logit_scale());

    // Frozen towers: only scale and bias learn, and every embedding stays as it was.
    let heads = stage("heads", "logit_scale|logit_bias", 2) + sigmoid;
    std::fs::write(folder.join("recipe.toml"), from_checkpoint(&heads)).unwrap();
    let frozen = load(ModelSource::File(train(folder, "heads", false, &mut Notes::default()).unwrap().path));
    let text = ["a red square"];
    assert_eq!(before.embed_texts(&text).unwrap(), frozen.embed_texts(&text).unwrap());
    assert_ne!(before.logit_bias(), frozen.logit_bias());
}

#[test]
fn running_statistics_are_never_trained() {
    let _alone = ONE_AT_A_TIME.lock();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    write_data(folder);
    copy_checkpoint(folder, &["tiny-resnet"]);
    let all = stage("all", "image|text|logit_scale", 3).replace("1e-2", "1e-3");
    std::fs::write(folder.join("recipe.toml"), from_checkpoint(&all)).unwrap();
    let mut notes = Notes::default();
    let outcome = train(folder, "all", false, &mut notes).unwrap();
    assert!(notes.losses.iter().all(|loss| loss.is_finite()));
    let before = SafetensorsFile::open(&folder.join("checkpoint/open_clip_model.safetensors")).unwrap();
    let after = SafetensorsFile::open(&outcome.path).unwrap();
    for (theirs, ours, same) in [
        ("visual.bn1.running_mean", "image.stem.0.norm.running_mean", true),
        ("visual.layer2.1.bn3.running_var", "image.stages.1.blocks.1.expand.norm.running_var", true),
        ("visual.layer2.1.bn3.weight", "image.stages.1.blocks.1.expand.norm.weight", false),
        ("visual.conv1.weight", "image.stem.0.convolution.weight", false),
    ] {
        let equal = before.read(theirs).unwrap().data == after.read(ours).unwrap().data;
        assert_eq!(equal, same, "{ours}");
    }
    // A sigmoid loss has nothing to add to the similarities here.
    let sigmoid = stage("all", "image", 1) + "losses = { sigmoid = 1.0 }\n";
    std::fs::write(folder.join("recipe.toml"), from_checkpoint(&sigmoid)).unwrap();
    let error = train(folder, "sigmoid", false, &mut Notes::default()).unwrap_err().to_string();
    assert!(error.contains("logit_bias"), "{error}");
}

#[test]
fn what_does_not_fit_is_named() {
    let _alone = ONE_AT_A_TIME.lock();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    write_data(folder);
    let error = |recipe: &str| {
        std::fs::write(folder.join("recipe.toml"), recipe).unwrap();
        train(folder, "out", false, &mut Notes { stop_after: Some(0), ..Notes::default() }).unwrap_err().to_string()
    };
    let message = error("name = 3");
    assert!(message.contains("recipe.toml"), "{message}");
    let message = error(&recipe(&stage("a b", "image", 1)));
    assert!(message.contains("\"a b\""), "{message}");
    let message = error(&recipe(&stage("heads", "image.tail", 1)).replace("stop", ""));
    assert!(message.contains("image.tail") || message.contains("cancelled"), "{message}");
    let message = error(&recipe(&stage("heads", "image", 1)).replace("tokenizer = \"vocab.txt\"", ""));
    assert!(message.contains("config and tokenizer"), "{message}");
    let message = error(&recipe(&stage("heads", "image", 1)).replace("pairs.csv", "absent.csv"));
    assert!(message.contains("absent.csv"), "{message}");
    // A tokenizer that knows more tokens than the text tower has rows.
    let config = CONFIG.replace("\"vocab_size\": 17", "\"vocab_size\": 12");
    std::fs::write(folder.join("config.json"), config).unwrap();
    // Found once the data is read, so this run is not stopped before.
    std::fs::write(folder.join("recipe.toml"), recipe(&stage("heads", "image", 1))).unwrap();
    let message = train(folder, "out", false, &mut Notes::default()).unwrap_err().to_string();
    assert!(message.contains("vocab.txt") && message.contains("only 12"), "{message}");
}
