//! Queries as people type them: conditions on photos with EXIF data, dates in words, order, groups and folders of results.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use exif::experimental::Writer;
use exif::{Context, Field, In, Rational, Tag, Value};
use image::{ImageFormat, RgbImage};

use crate::support::{Run, Sandbox, on_samples};

/// What the EXIF data of a photo says.
#[derive(Default)]
struct Said {
    taken: Option<&'static str>,
    offset: Option<&'static str>,
    camera: Option<(&'static str, &'static str)>,
    lens: Option<&'static str>,
    iso: Option<u16>,
    focal: Option<u32>,
    rating: Option<u16>,
    title: Option<&'static str>,
    tags: Option<&'static str>,
    place: Option<(u32, u32)>,
}

fn ascii(text: &str) -> Value {
    Value::Ascii(vec![text.as_bytes().to_vec()])
}

/// UTF-16, as Windows has it.
fn wide(text: &str) -> Value {
    Value::Byte(text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect())
}

fn degrees(degrees: u32) -> Value {
    let whole = |num| Rational { num, denom: 1 };
    Value::Rational(vec![whole(degrees), whole(0), whole(0)])
}

impl Said {
    fn fields(&self) -> Vec<Field> {
        let field = |tag, value| Field { tag, ifd_num: In::PRIMARY, value };
        let xp = |number| Tag(Context::Tiff, number);
        let mut fields = Vec::new();
        fields.extend(self.taken.map(|text| field(Tag::DateTimeOriginal, ascii(text))));
        fields.extend(self.offset.map(|text| field(Tag::OffsetTimeOriginal, ascii(text))));
        fields.extend(self.camera.map(|(make, _)| field(Tag::Make, ascii(make))));
        fields.extend(self.camera.map(|(_, model)| field(Tag::Model, ascii(model))));
        fields.extend(self.lens.map(|text| field(Tag::LensModel, ascii(text))));
        fields.extend(self.iso.map(|iso| field(Tag::PhotographicSensitivity, Value::Short(vec![iso]))));
        let length = |num| Value::Rational(vec![Rational { num, denom: 1 }]);
        fields.extend(self.focal.map(|focal| field(Tag::FocalLength, length(focal))));
        fields.extend(self.rating.map(|stars| field(xp(0x4746), Value::Short(vec![stars]))));
        fields.extend(self.title.map(|text| field(xp(0x9c9b), wide(text))));
        fields.extend(self.tags.map(|text| field(xp(0x9c9e), wide(text))));
        if let Some((north, east)) = self.place {
            fields.push(field(Tag::GPSLatitudeRef, ascii("N")));
            fields.push(field(Tag::GPSLatitude, degrees(north)));
            fields.push(field(Tag::GPSLongitudeRef, ascii("E")));
            fields.push(field(Tag::GPSLongitude, degrees(east)));
        }
        fields
    }

    /// Writes a photo of one colour with this EXIF data.
    fn write(&self, path: &Path, (width, height): (u32, u32), colour: [u8; 3]) {
        let mut jpeg = Cursor::new(Vec::new());
        RgbImage::from_pixel(width, height, colour.into()).write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
        let jpeg = jpeg.into_inner();
        let fields = self.fields();
        let mut block = Cursor::new(b"Exif\0\0".to_vec());
        if !fields.is_empty() {
            let mut tiff = Cursor::new(Vec::new());
            let mut writer = Writer::new();
            fields.iter().for_each(|field| writer.push_field(field));
            writer.write(&mut tiff, false).unwrap();
            block.get_mut().extend(tiff.into_inner());
        }
        let block = block.into_inner();
        let mut bytes = jpeg[..2].to_vec();
        bytes.extend([0xff, 0xe1]);
        bytes.extend(((block.len() + 2) as u16).to_be_bytes());
        bytes.extend(block);
        bytes.extend(&jpeg[2..]);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn library() -> Sandbox {
    let sandbox = Sandbox::new();
    let photo = |name: &str, size, colour, said: Said| said.write(&sandbox.photos().join(name), size, colour);
    photo(
        "italy/IMG_0001.jpg",
        (60, 40),
        [200, 30, 30],
        Said {
            taken: Some("2019:06:04 12:00:00"),
            camera: Some(("NIKON", "NIKON D70")),
            lens: Some("50mm f/1.8"),
            iso: Some(100),
            focal: Some(50),
            rating: Some(5),
            title: Some("Été à Rome"),
            tags: Some("holiday; Kirche"),
            place: Some((41, 12)),
            ..Said::default()
        },
    );
    photo(
        "italy/IMG_0002.jpg",
        (40, 60),
        [30, 200, 30],
        Said {
            // Still 2019 in UTC, but not there.
            taken: Some("2020:01:01 00:30:00"),
            offset: Some("+02:00"),
            camera: Some(("Canon", "EOS 5D")),
            iso: Some(1600),
            focal: Some(24),
            rating: Some(3),
            place: Some((48, 2)),
            ..Said::default()
        },
    );
    photo("plain.JPG", (50, 50), [30, 30, 200], Said::default());
    sandbox.update(0);
    sandbox
}

fn names(run: &Run) -> Vec<String> {
    let name = |line: &str| Path::new(line).file_stem().unwrap().to_str().unwrap().replace("IMG_000", "");
    let mut names: Vec<String> = run.stdout.lines().map(name).collect();
    names.sort();
    names
}

#[test]
fn conditions_are_met() {
    let sandbox = library();
    for (query, expected) in [
        ("camera:nikon", &["1"][..]),
        ("camera:\"eos 5d\"", &["2"]),
        ("lens:50mm", &["1"]),
        ("iso:>800", &["2"]),
        ("iso:100..1600", &["1", "2"]),
        ("focal:<=24", &["2"]),
        ("rating:5", &["1"]),
        ("rating:>=3", &["1", "2"]),
        ("year:2019", &["1"]),
        ("year:2020", &["2"]),
        ("on:2019-06-04", &["1"]),
        ("month:june", &["1"]),
        ("after:2019-06", &["2"]),
        ("before:2020", &["1"]),
        ("has:gps", &["1", "2"]),
        ("-has:gps", &["plain"]),
        ("has:date -camera:nikon", &["2"]),
        ("near:41.9,12.5,150", &["1"]),
        ("near:48,2,1", &["2"]),
        ("is:landscape", &["1"]),
        ("is:portrait", &["2"]),
        ("is:square", &["plain"]),
        ("kind:photo", &["1", "2", "plain"]),
        ("kind:video", &[]),
        ("ext:jpg", &["1", "2", "plain"]),
        ("name:0001", &["1"]),
        ("path:italy", &["1", "2"]),
        ("title:ete", &["1"]),
        ("tag:kirche", &["1"]),
        ("tag:holiday | iso:1600", &["1", "2"]),
        ("width:60", &["1"]),
        ("height:>=50", &["2", "plain"]),
        ("size:>1GB", &[]),
        ("size:<1MB", &["1", "2", "plain"]),
        ("red camera:nikon", &["1"]),
        ("a photo in June 2019", &["1"]),
    ] {
        let status = i32::from(expected.is_empty());
        let run = sandbox.run(&["query", query, "--paths-only"]).expect(status);
        assert_eq!(names(&run), expected, "{query}");
        let run = sandbox.run(&["query", query, "--count"]).expect(status);
        assert_eq!(run.stdout, format!("{}\n", expected.len()), "{query}");
    }
    let italy = sandbox.photos().join("italy");
    let run = sandbox.run(&["query", &format!("under:{}", italy.display()), "--paths-only"]).expect(0);
    assert_eq!(names(&run), ["1", "2"]);
}

#[test]
fn what_is_understood_is_told() {
    let sandbox = library();
    let run = sandbox.run(&["query", "red camra:nikon"]).expect(0);
    assert_eq!(run.stderr, "`camra:nikon` is taken as text: there is no condition camra:; there is camera:\n");
    let run = sandbox.run(&["query", "red in June 2019"]).expect(0);
    assert_eq!(run.stderr, "\"in June 2019\" is taken as on:2019-06; to take the text as it is, add --literal\n");
    let run = sandbox.run(&["query", "red in June 2019", "--literal", "--paths-only"]).expect(0);
    assert_eq!((run.stderr.as_str(), names(&run).len()), ("", 3));
    let run = sandbox.run(&["query", "red (green"]).expect(2);
    assert_eq!(
        run.stderr,
        "error: cannot read the query at character 5, `(green`: the parenthesis is not closed; to take the text as it is, \
         add --literal\n"
    );
    let run = sandbox.run(&["query", "red iso:>800", "--explain"]).expect(0);
    for part in ["understood as: red + iso:>800", "conditions met by 1 photo,", "scores are corrected"] {
        assert!(run.stderr.contains(part), "{run:?}");
    }
    for part in ["`iso:>800` is met by 1 photo\n", "loading the model: ", "score of the best result: similarity "] {
        assert!(run.stderr.contains(part), "{run:?}");
    }
    let run = sandbox.run(&["query", "red camera: leica"]).expect(0);
    assert!(run.stderr.contains("`camera:` is taken as text: expected a value right after the colon\n"), "{run:?}");
    let run = sandbox.run(&["query", "camera:(leica | nikon)"]).expect(2);
    assert!(
        run.stderr.contains("expected values with commas between them and no parentheses, as camera:A,B"),
        "{run:?}"
    );
}

#[test]
fn who_finds_nothing_is_told_which_condition_is_not_met() {
    let sandbox = library();
    for (query, told) in [
        ("camera:rollei", "nothing found: no photo meets `camera:rollei`\n"),
        ("red kind:photo iso:>100000", "nothing found: no photo meets `iso:>100000`\n"),
        ("red kind:photo -kind:photo", "nothing found: no photo meets all conditions\n"),
    ] {
        let run = sandbox.run(&["query", query]).expect(1);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", told), "{query}");
        // Scripts count lines.
        assert_eq!(sandbox.run(&["query", query, "--json"]).expect(1).stderr, "");
    }
    let run = sandbox.run(&["query", "red", "--min-relevance", "1"]).expect(1);
    assert_eq!(run.stderr, "nothing found: no result has a relevance of 1 or more\n");
}

#[test]
fn an_explanation_is_there_for_programs_too() {
    let sandbox = library();
    let query = "(red iso:>0 | 2:red - \"green 京\") kind:photo";
    let run = sandbox.run(&["query", query, "--json", "--explain=json", "--quiet"]).expect(0);
    assert_eq!(run.stdout, sandbox.run(&["query", query, "--json"]).expect(0).stdout);
    assert!(run.stderr.is_ascii() && run.stderr.lines().count() == 1, "{}", run.stderr);
    let told: serde_json::Value = serde_json::from_str(&run.stderr).unwrap();
    assert_eq!(told["understood"], "(red + iso:>0 | 2:red + -\"green 京\") + kind:photo");
    let conditions: Vec<_> = told["conditions"].as_array().unwrap().iter().map(|one| &one["condition"]).collect();
    assert_eq!(conditions, ["iso:>0", "kind:photo"]);
    assert_eq!((told["alternatives"].as_array().unwrap().len(), told["searches"].as_array().unwrap().len()), (2, 2));
    assert_eq!((&told["searches"][0]["method"], &told["corrected"]), (&"scan".into(), &true.into()));
    let best = &told["best"];
    let number = |name: &str| best[name].as_f64().unwrap();
    assert!((number("score") - number("correction") + number("words") - number("adjusted")).abs() < 1e-5, "{best}");
    let hit = &run.json_lines()[0];
    assert_eq!((&best["path"], &best["adjusted"]), (&hit["path"], &hit["adjusted"]));
    assert!(best["parts"].as_array().unwrap().iter().all(|part| part["score"].is_number()), "{best}");
    let times = told["milliseconds"].as_object().unwrap();
    assert!(times.len() == 8 && times.values().all(|time| time.as_f64().unwrap() >= 0.0), "{times:?}");
    // There is nothing to be told of a score where nothing was described.
    let run = sandbox.run(&["query", "kind:photo", "--explain=json", "-q"]).expect(0);
    let told: serde_json::Value = serde_json::from_str(&run.stderr).unwrap();
    assert_eq!((&told["best"], &told["alternatives"][0]["passing"]), (&serde_json::Value::Null, &3.into()));
    // Each of several parts has its share.
    let run = sandbox.run(&["query", "red -green", "--explain"]).expect(0);
    for part in ["for `red` alone, which weighs 1: similarity ", "for `green` alone, which weighs -1: similarity "] {
        assert!(run.stderr.contains(part), "{run:?}");
    }
}

#[test]
fn results_that_show_the_same_can_come_later() {
    let query = |options: &[&str]| on_samples(&[&["query", "a photo", "--json"], options].concat()).expect(0);
    let (usual, diverse) = (query(&[]), query(&["--diverse"]));
    let by_rank = |run: &Run| {
        let mut hits = run.json_lines();
        hits.sort_by_key(|hit| hit["rank"].as_u64());
        hits
    };
    assert_eq!(by_rank(&usual), by_rank(&diverse), "only the order is another");
    assert_eq!(usual.json_lines()[0], diverse.json_lines()[0]);
    // Page by page it is the same.
    let lines = |run: &Run| run.stdout.lines().map(str::to_owned).collect::<Vec<_>>();
    let mut pages = lines(&query(&["--diverse", "-n", "4"]));
    pages.extend(lines(&query(&["--diverse", "-n", "4", "--offset", "4"])));
    pages.extend(lines(&query(&["--diverse", "--all", "--offset", "8"])));
    assert_eq!(pages, lines(&query(&["--diverse", "--all"])));
    let paths =
        |options: &[&str]| on_samples(&[&["query", "ext:jpg", "--paths-only"], options].concat()).expect(0).stdout;
    assert_eq!(paths(&["--diverse"]), paths(&[]));
}

#[test]
fn results_are_ordered_grouped_and_paged() {
    let sandbox = library();
    let stems = |arguments: &[&str]| -> Vec<String> {
        let run = sandbox.run(&[&["query", "kind:photo", "--paths-only"], arguments].concat()).expect(0);
        let stem = |line: &str| Path::new(line).file_stem().unwrap().to_str().unwrap().replace("IMG_000", "");
        run.stdout.lines().map(stem).collect()
    };
    assert_eq!(stems(&[]), ["2", "1", "plain"], "the newest first");
    assert_eq!(stems(&["--sort", "oldest"]), ["1", "2", "plain"]);
    assert_eq!(stems(&["--sort", "path", "-n", "1"]), ["1"]);
    assert_eq!(stems(&["--offset", "1", "-n", "1"]), ["1"]);
    assert_eq!(stems(&["--all"]).len(), 3);
    let run = sandbox.run(&["query", "kind:photo", "--group", "month"]).expect(0);
    let lines: Vec<String> = sandbox.normalise(&run.stdout).lines().map(str::to_owned).collect();
    assert_eq!(
        lines,
        [
            "2020-01",
            "2020-01-01  [DIR]/photos/italy/IMG_0002.jpg",
            "",
            "2019-06",
            "2019-06-04  [DIR]/photos/italy/IMG_0001.jpg",
            "",
            "no date",
            "no date     [DIR]/photos/plain.JPG",
        ]
    );
    let run = sandbox.run(&["query", "kind:photo", "--group", "folder"]).expect(0);
    assert!(sandbox.normalise(&run.stdout).starts_with("[DIR]/photos/italy\n"), "{run:?}");
}

#[cfg(unix)]
#[test]
fn results_become_a_folder() {
    let sandbox = library();
    let folder = sandbox.path().join("found");
    let arguments = ["query", "has:gps", "--export", "links", folder.to_str().unwrap()];
    sandbox.run(&arguments).expect(0);
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["01 IMG_0002.jpg", "02 IMG_0001.jpg"]);
    let link = fs::read_link(folder.join("01 IMG_0002.jpg")).unwrap();
    assert_eq!(link, sandbox.photos().canonicalize().unwrap().join("italy/IMG_0002.jpg"));
    // Nothing is overwritten.
    let run = sandbox.run(&arguments).expect(2);
    assert!(run.stderr.contains("give an empty folder"), "{run:?}");
    let copies = sandbox.path().join("copies");
    sandbox.run(&["query", "camera:nikon", "--export", "copies", copies.to_str().unwrap()]).expect(0);
    assert!(fs::symlink_metadata(copies.join("01 IMG_0001.jpg")).unwrap().is_file());
    let run = sandbox.run(&["query", "has:gps", "--export", "moves", copies.to_str().unwrap()]).expect(2);
    assert!(run.stderr.contains("expected `links` or `copies`"), "{run:?}");
}

#[test]
fn a_part_of_an_example_is_looked_at() {
    let sandbox = Sandbox::new();
    for name in ["cat.jpg", "coffee.jpg", "rocket.jpg"] {
        sandbox.put(name, name);
    }
    sandbox.update(0);
    let example = sandbox.photos().join("coffee.jpg");
    let example = example.to_str().unwrap();
    let best = |arguments: &[&str]| {
        let run = sandbox.run(&[&["query", "--image", example, "-n", "1", "--json"], arguments].concat()).expect(0);
        run.json_lines().remove(0)
    };
    assert!((best(&[])["score"].as_f64().unwrap() - 1.0).abs() < 1e-3);
    let part = best(&["--crop", "25%,25%,50%,50%"]);
    assert!(part["score"].as_f64().unwrap() < 0.999, "{part}");
    for crop in ["1,2,3", "0,0,0,5", "0,0,200%,5", "a,b,c,d", "0,0,1000000,5"] {
        let run = sandbox.run(&["query", "--image", example, "--crop", crop]).expect(2);
        assert!(run.stderr.contains("left, top, width and height"), "{crop}: {run:?}");
    }
    let run = sandbox.run(&["query", "a cat", "--image", example, "-n", "2", "--paths-only"]).expect(0);
    assert!(run.stdout.contains("coffee.jpg"), "{run:?}");
}

/// Scores of words are corrected, and both are told.
#[test]
fn scores_are_corrected_for_words_and_plain_otherwise() {
    let sandbox = Sandbox::new();
    for name in ["cat.jpg", "coffee.jpg", "rocket.jpg"] {
        sandbox.put(name, name);
    }
    sandbox.update(0);
    let scores = |arguments: &[&str]| -> Vec<(f64, f64)> {
        let lines = sandbox.run(&[&["query", "--json"], arguments].concat()).expect(0).json_lines();
        lines.iter().map(|line| (line["score"].as_f64().unwrap(), line["adjusted"].as_f64().unwrap())).collect()
    };
    let corrected = scores(&["a cat", "--fusion", "off"]);
    assert!(corrected.iter().all(|(score, adjusted)| adjusted < score), "{corrected:?}");
    assert!(corrected.is_sorted_by(|a, b| a.1 >= b.1));
    let raw = scores(&["a cat", "--raw"]);
    assert!(raw.iter().all(|(score, adjusted)| adjusted == score), "{raw:?}");
    let photo = sandbox.photos().join("cat.jpg");
    let image = scores(&["--image", photo.to_str().unwrap()]);
    assert!(image.iter().all(|(score, adjusted)| adjusted == score), "{image:?}");
}
