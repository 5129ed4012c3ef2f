//! Numbers out of range and settings that are set to nothing.

use crate::support::{Run, Sandbox, on_samples, samples};

#[test]
fn numbers_out_of_range_are_refused_in_the_same_words() {
    let cat = samples().join("cat.jpg");
    let cat = cat.to_str().unwrap();
    for (arguments, max) in [
        (&["index", "--threads"][..], "1024"),
        (&["bench", "--threads"], "1024"),
        (&["index", "--batch"], "1024"),
        (&["bench", "--batch"], "1024"),
        (&["index", "--checkpoint"], "1000000000"),
        (&["query", "a cat", "-n"], "1000000000"),
        (&["query", "a cat", "--limit"], "1000000000"),
        (&["classify", cat, "--labels", "a,b", "--top"], "1000000000"),
    ] {
        for number in ["0", "100000000000", "18446744073709551615", "18446744073709551616", "-1", "1.5", "many"] {
            let run = on_samples(&[arguments, &[number]].concat()).expect(2);
            assert_eq!(run.stdout, "");
            // A dash begins an option.
            if !number.starts_with('-') {
                let expected = format!("expected a whole number from 1 to {max}");
                assert!(run.stderr.contains(&expected), "{arguments:?} {number}: {}", run.stderr);
            }
        }
    }
}

#[test]
fn so_are_those_that_may_be_zero() {
    for option in [&["query", "a cat", "--offset"][..], &["watch", "--rescan"]] {
        for number in ["100000000000", "18446744073709551616", "1.5", "many"] {
            let run = on_samples(&[option, &[number]].concat()).expect(2);
            assert!(run.stderr.contains("expected a whole number from 0 to 1000000000"), "{option:?}: {}", run.stderr);
        }
    }
    assert_eq!(on_samples(&["query", "a cat", "--offset", "0", "--json"]).expect(0).json_lines().len(), 10);
}

#[test]
fn the_largest_numbers_work() {
    assert_eq!(on_samples(&["query", "a cat", "-n", "1000000000", "--json"]).expect(0).json_lines().len(), 10);
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    let photos = sandbox.photos();
    let arguments = [
        "index",
        "--json",
        "--threads",
        "1024",
        "--batch",
        "1024",
        "--checkpoint",
        "1000000000",
        photos.to_str().unwrap(),
    ];
    assert_eq!(sandbox.run(&arguments).expect(0).json()["indexed"], 1);
}

/// rayon starts whatever number of threads its variables say.
#[test]
fn variables_do_not_start_more_threads_than_the_option() {
    for name in ["RAYON_NUM_THREADS", "RAYON_RS_NUM_CPUS"] {
        let sandbox = Sandbox::new();
        let run = |value: &str| Run::from(sandbox.command(&["status"]).env(name, value).output().unwrap()).stderr;
        for number in ["1025", "100000", "18446744073709551615"] {
            let expected = format!(
                "error: the variable {name} is wrong: expected a whole number from 1 to 1024, found `{number}`\n"
            );
            assert_eq!(run(number), expected);
        }
        for usual in ["", "0", "1", "1024", "many", "18446744073709551616"] {
            assert!(!run(usual).contains(name), "{usual}");
        }
    }
}

/// The usual index, in a home of the sandbox.
#[test]
fn an_index_variable_that_is_empty_is_unset() {
    let sandbox = Sandbox::new();
    let photo = sandbox.put("cat.jpg", "cat.jpg");
    let run = |variable: Option<&str>, arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command.env("HOME", sandbox.path()).env_remove("CLIP_SEARCH_INDEX");
        if let Some(value) = variable {
            command.env("CLIP_SEARCH_INDEX", value);
        }
        Run::from(command.output().unwrap())
    };
    run(Some(""), &["index", "--json", photo.parent().unwrap().to_str().unwrap()]).expect(0);
    let usual = run(None, &["status", "--json"]).expect(0).json();
    assert_eq!(usual["photos"], 1);
    assert_eq!(run(Some(""), &["status", "--json"]).expect(0).json()["fingerprint"], usual["fingerprint"]);
    // What an option names comes first, and an option that names nothing is a mistake.
    let elsewhere = sandbox.path().join("elsewhere");
    assert!(run(Some("x"), &["--index", elsewhere.to_str().unwrap(), "status"]).expect(2).stderr.contains("elsewhere"));
    for variable in [None, Some(""), Some("x")] {
        let message = run(variable, &["--index", "", "status"]).expect(2).stderr;
        assert!(message.contains("--index"), "{message}");
    }
}

#[test]
fn other_variables_that_are_empty_are_unset() {
    let plain = on_samples(&["model", "info", "siglip-b-16"]).expect(0).stdout;
    for name in [
        "HF_HUB_CACHE",
        "HF_ENDPOINT",
        "HF_TOKEN",
        "HF_TOKEN_PATH",
        "HF_HUB_OFFLINE",
        "TRANSFORMERS_OFFLINE",
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
    ] {
        let mut command = crate::support::command(crate::support::sample_index(), &["model", "info", "siglip-b-16"]);
        let run = Run::from(command.env(name, "").output().unwrap()).expect(0);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (plain.as_str(), ""), "{name}");
    }
}
