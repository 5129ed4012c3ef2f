//! `bench`.

use crate::support::Sandbox;

#[test]
fn a_model_is_measured() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["bench", "--json", "--device", "cpu", "--threads", "1", "--batch", "2"]).expect(0);
    assert_eq!(run.stderr, "");
    let line = run.json();
    assert_eq!((&line["model"], &line["device"]), (&"pocket".into(), &"CPU".into()));
    assert_eq!((&line["threads"], &line["batch"], &line["precision"]), (&1.into(), &2.into(), &"int8".into()));
    let number = |name: &str| line[name].as_f64().unwrap();
    // A text is a fraction of a photo's work.
    assert!(0.0 < number("text_ms") && number("text_ms") < number("image_ms"), "{line}");
    assert!((number("image_ms") * number("images_per_second") - 1000.0).abs() < 1e-3, "{line}");
    assert!(number("gflops") > 0.0);
    let library = &line["library"];
    let (photos, seconds) = (library["photos"].as_f64().unwrap(), library["seconds"].as_f64().unwrap());
    assert!(
        photos >= 8.0
            && (library["ten_thousand_photos_seconds"].as_f64().unwrap() - seconds / photos * 1e4).abs() < 1.0
    );
    for stage in ["read", "decode", "resize", "encode", "write"] {
        let spent = library["stage_seconds"][stage].as_f64().unwrap();
        assert!(spent > 0.0, "{stage}: {line}");
    }
    #[cfg(target_os = "linux")]
    {
        assert!(number("peak_memory") > 1e7 && number("image_cpu_ms") > 0.0 && number("text_cpu_ms") > 0.0);
    }
    assert!(!sandbox.index().exists(), "the user's index is not touched");
}
