//! The photos and texts of a recipe, and how an epoch draws pairs from them.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use clip_files::system_error;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};

use crate::error::TrainError;
use crate::phrases;
use crate::recipe::{DevSet, PhotoSet};

/// A photo to learn from.
#[derive(Debug, Clone)]
pub struct TrainPhoto {
    /// Its file.
    pub path: PathBuf,
    /// Texts that describe it, as indices into [`TrainData::texts`].
    pub texts: Vec<u32>,
    /// What these say in a word or two, if the recipe wants such texts; the more often they say it the more often it stands here.
    pub phrases: Vec<u32>,
    /// Photos of one group are never negatives of each other's texts: those under one label, or one photo's own.
    pub group: u32,
    /// Index of its set in the recipe.
    pub set: usize,
}

/// All photos and distinct texts of a recipe.
#[derive(Debug, Default)]
pub struct TrainData {
    /// Photos of all sets.
    pub photos: Vec<TrainPhoto>,
    /// Distinct texts.
    pub texts: Vec<String>,
    /// For each text whether it says left or right, so that it fits no mirrored photo.
    pub sided: Vec<bool>,
    shares: Vec<f64>,
    phrase_shares: Vec<f64>,
    index: HashMap<String, u32>,
}

/// One photo with the texts drawn for it.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Index of the photo.
    pub photo: u32,
    /// Which of its views.
    pub view: u32,
    /// One text for each of the stage's `captions`.
    pub texts: Vec<u32>,
}

impl TrainData {
    /// Reads the CSV files.
    pub fn read(sets: &[PhotoSet]) -> Result<Self, TrainError> {
        let mut data = Self::default();
        let mut labels: HashMap<String, u32> = HashMap::new();
        let mut groups = 0u32;
        for (set_index, set) in sets.iter().enumerate() {
            data.shares.push(set.share);
            data.phrase_shares.push(set.phrases);
            let first = data.photos.len();
            let mut photos: HashMap<String, usize> = HashMap::new();
            let Pairs { pairs, column } = read_pairs(&set.csv, &["caption", "label"])?;
            let labelled = column == "label";
            for (image, text) in pairs {
                if set.leave_out.iter().any(|prefix| image.starts_with(prefix.as_str()))
                    || (labelled && set.leave_out_labels.contains(&text))
                {
                    continue;
                }
                let texts: Vec<u32> = if labelled {
                    if set.templates.is_empty() {
                        vec![data.intern(&text)]
                    } else {
                        set.templates.iter().map(|t| data.intern(&t.replace("{}", &text))).collect()
                    }
                } else {
                    vec![data.intern(&text)]
                };
                if let Some(&at) = photos.get(&image) {
                    data.photos[at].texts.extend(texts);
                    continue;
                }
                let group = if labelled {
                    *labels.entry(text.clone()).or_insert_with(|| next(&mut groups))
                } else {
                    next(&mut groups)
                };
                photos.insert(image.clone(), data.photos.len());
                data.photos.push(TrainPhoto {
                    path: set.images.join(&image),
                    texts,
                    phrases: Vec::new(),
                    group,
                    set: set_index,
                });
            }
            if set.phrases > 0.0 && !labelled {
                data.intern_phrases(first);
            }
        }
        if data.photos.len() < 2 {
            let path = sets.first().map(|set| set.csv.clone()).unwrap_or_default();
            let reason = format!("expected at least two photos to train on, found {}", data.photos.len());
            return Err(TrainError::Data { path, reason });
        }
        Ok(data)
    }

    /// Gives the photos from `first` on the phrases of their captions.
    fn intern_phrases(&mut self, first: usize) {
        let mut phrases: Vec<Vec<String>> = self.photos[first..]
            .iter()
            .map(|photo| photo.texts.iter().flat_map(|&text| phrases::of_caption(&self.texts[text as usize])).collect())
            .collect();
        phrases::frequent(&mut phrases);
        for (at, phrases) in phrases.iter().enumerate() {
            self.photos[first + at].phrases = phrases.iter().map(|phrase| self.intern(phrase)).collect();
        }
    }

    /// The index of a text, added if it is new.
    pub fn intern(&mut self, text: &str) -> u32 {
        let text = text.trim();
        if let Some(&at) = self.index.get(text) {
            return at;
        }
        let at = self.texts.len() as u32;
        self.index.insert(text.to_owned(), at);
        self.texts.push(text.to_owned());
        self.sided.push(says_side(text));
        at
    }

    /// The samples of an epoch in random order: each set's share of photos, a random view of each (`mirrored` tells
    /// which views of a photo are mirrored), `captions` random texts each.
    pub fn epoch(
        &self,
        rng: &mut StdRng,
        captions: usize,
        views: usize,
        mirrored: impl Fn(u32, u32) -> bool,
    ) -> Vec<Sample> {
        let mut samples = Vec::new();
        for (index, photo) in self.photos.iter().enumerate() {
            if self.shares[photo.set] < 1.0 && !rng.random_bool(self.shares[photo.set]) {
                continue;
            }
            let index = index as u32;
            let view = rng.random_range(0..views as u32);
            let plain: Vec<u32> = photo.texts.iter().copied().filter(|&t| !self.sided[t as usize]).collect();
            let (view, choices) = match mirrored(index, view) {
                true if plain.is_empty() => (0, &photo.texts),
                true => (view, &plain),
                false => (view, &photo.texts),
            };
            let mut texts: Vec<u32> = choices.choose_multiple(rng, captions).copied().collect();
            while texts.len() < captions {
                texts.extend(choices.choose(rng));
            }
            let phrases = self.phrase_shares[photo.set];
            if phrases > 0.0 && !photo.phrases.is_empty() {
                for text in &mut texts {
                    if rng.random_bool(phrases) {
                        *text = photo.phrases.choose(rng).copied().unwrap_or(*text);
                    }
                }
            }
            samples.push(Sample { photo: index, view, texts });
        }
        samples.shuffle(rng);
        samples
    }
}

/// A dev set: images, captions, and which image each caption belongs to.
#[derive(Debug, Clone)]
pub struct DevData {
    /// Image files.
    pub images: Vec<PathBuf>,
    /// Captions.
    pub captions: Vec<String>,
    /// For each caption the index of its image.
    pub image_of: Vec<usize>,
}

impl DevData {
    /// Reads a CSV with the columns `image,caption`.
    pub fn read(set: &DevSet) -> Result<Self, TrainError> {
        let mut data = Self { images: Vec::new(), captions: Vec::new(), image_of: Vec::new() };
        let mut index: HashMap<String, usize> = HashMap::new();
        for (image, caption) in read_pairs(&set.csv, &["caption"])?.pairs {
            let at = *index.entry(image.clone()).or_insert_with(|| {
                data.images.push(set.images.join(&image));
                data.images.len() - 1
            });
            data.captions.push(caption.trim().to_owned());
            data.image_of.push(at);
        }
        if data.images.is_empty() {
            return Err(TrainError::Data { path: set.csv.clone(), reason: "it lists no photos to evaluate on".into() });
        }
        Ok(data)
    }
}

fn next(counter: &mut u32) -> u32 {
    *counter += 1;
    *counter - 1
}

/// Whether a text says left or right.
pub fn says_side(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric())
        .any(|word| ["left", "right"].iter().any(|side| word.eq_ignore_ascii_case(side)))
}

/// Images and their texts, and the name of the column that the texts stood in.
pub struct Pairs {
    /// Image and text, a row each.
    pub pairs: Vec<(String, String)>,
    /// The column of the texts.
    pub column: &'static str,
}

/// Pairs of the `image` column and the first of `columns` that the header has.
fn read_pairs(path: &Path, columns: &[&'static str]) -> Result<Pairs, TrainError> {
    table(clip_files::regular::open(path).map_err(TrainError::reading(path))?, path, columns)
}

/// What is wrong with a CSV file, in one line and plain words.
pub fn fault_of_csv(error: &csv::Error) -> String {
    let line = |pos: &Option<csv::Position>| pos.as_ref().map_or(String::new(), |pos| format!("line {}: ", pos.line()));
    match error.kind() {
        csv::ErrorKind::Io(error) => system_error::describe(error),
        csv::ErrorKind::Utf8 { pos, .. } => format!("{}expected text in UTF-8", line(pos)),
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            format!("{}expected as many fields as the header has, {expected_len}, found {len}", line(pos))
        }
        _ => error.to_string(),
    }
}

/// As [`read_pairs`], for what stands in the file at `path`.
pub fn table(csv: impl Read, path: &Path, columns: &[&'static str]) -> Result<Pairs, TrainError> {
    let fail = |reason: String| TrainError::Data { path: path.to_owned(), reason };
    let mut reader = csv::Reader::from_reader(csv);
    let header = reader.headers().map_err(|error| fail(fault_of_csv(&error)))?.clone();
    let position = |name: &str| header.iter().position(|field| field.trim_start_matches('\u{feff}').trim() == name);
    let image = position("image")
        .ok_or_else(|| fail(format!("expected a column named image, found {:?}", header.iter().collect::<Vec<_>>())))?;
    let (text, name) = columns.iter().find_map(|&name| position(name).map(|at| (at, name))).ok_or_else(|| {
        fail(format!("expected a column named {}, found {:?}", columns.join(" or "), header.iter().collect::<Vec<_>>()))
    })?;
    let mut pairs = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| fail(fault_of_csv(&error)))?;
        let field = |at: usize| record.get(at).unwrap_or_default().to_owned();
        pairs.push((field(image), field(text)));
    }
    Ok(Pairs { pairs, column: name })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn set(dir: &Path, name: &str, text: &str) -> PhotoSet {
        std::fs::write(dir.join(name), text).unwrap();
        PhotoSet {
            csv: dir.join(name),
            images: dir.to_owned(),
            share: 1.0,
            phrases: 0.0,
            leave_out: vec!["out/".into()],
            leave_out_labels: vec!["tuba".into()],
            templates: vec!["{}".into(), "a photo of a {}".into()],
        }
    }

    #[test]
    fn labels_share_a_group_and_captions_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let captions = set(dir.path(), "c.csv", "image,caption\na.jpg,one\na.jpg,two\nb.jpg,one\nout/x.jpg,three\n");
        let labels = set(dir.path(), "l.csv", "image,label\nc.jpg,dog\nd.jpg,dog\ne.jpg,cat\nf.jpg,tuba\n");
        let data = TrainData::read(&[captions, labels]).unwrap();
        assert_eq!(data.photos.len(), 5);
        assert_eq!(data.photos[0].texts.len(), 2);
        assert_eq!(data.photos[0].texts[0], data.photos[1].texts[0], "equal texts are one");
        assert_ne!(data.photos[0].group, data.photos[1].group);
        assert_eq!(data.photos[2].group, data.photos[3].group);
        assert_ne!(data.photos[3].group, data.photos[4].group);
        assert!(!data.texts.iter().any(|text| text.contains("tuba") || text == "three"));
        assert!(data.texts.iter().any(|text| text == "a photo of a cat"));
    }

    #[test]
    fn a_share_of_the_texts_are_phrases() {
        let dir = tempfile::tempdir().unwrap();
        let caption = "a black dog runs";
        let mut captions =
            set(dir.path(), "c.csv", &format!("image,caption\na.jpg,{caption}\nb.jpg,{caption}s\nc.jpg,{caption}\n"));
        captions.phrases = 0.5;
        let data = TrainData::read(&[captions]).unwrap();
        let mut said = std::collections::BTreeMap::new();
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..100 {
            for sample in data.epoch(&mut rng, 1, 1, |_, _| false) {
                *said.entry(data.texts[sample.texts[0] as usize].as_str()).or_insert(0) += 1;
            }
        }
        let texts: Vec<&str> = said.keys().copied().collect();
        assert_eq!(
            texts,
            [caption, "a black dog runss", "black", "black dog", "dog"],
            "what two captions say is too rare"
        );
        assert!((100..200).contains(&(said[caption] + said["a black dog runss"])), "{said:?}");
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_columns_name() {
        let dir = tempfile::tempdir().unwrap();
        let marked = set(dir.path(), "m.csv", "\u{feff}image,caption\na.jpg,one\nb.jpg,two\n");
        assert_eq!(TrainData::read(&[marked]).unwrap().photos.len(), 2);
    }

    #[test]
    fn sets_with_nothing_to_tell_apart_or_to_measure_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["image,caption\n", "image,caption\na.jpg,one\na.jpg,two\nout/b.jpg,three\n"] {
            let error = TrainData::read(&[set(dir.path(), "c.csv", text)]).unwrap_err();
            assert!(error.to_string().contains("expected at least two"), "{error}");
        }
        std::fs::write(dir.path().join("dev.csv"), "image,caption\n").unwrap();
        let dev = DevSet { csv: dir.path().join("dev.csv"), images: dir.path().to_owned() };
        assert!(DevData::read(&dev).unwrap_err().to_string().contains("no photos to evaluate"));
    }

    #[test]
    fn mirrored_views_never_meet_left_or_right() {
        let dir = tempfile::tempdir().unwrap();
        let captions =
            set(dir.path(), "c.csv", "image,caption\na.jpg,a dog on the Left\na.jpg,a dog\nb.jpg,\"right, a cat\"\n");
        let data = TrainData::read(&[captions]).unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..50 {
            for sample in data.epoch(&mut rng, 2, 4, |_, view| view % 2 == 1) {
                if sample.view % 2 == 1 {
                    assert!(sample.texts.iter().all(|&t| !data.sided[t as usize]));
                }
                assert_eq!(sample.texts.len(), 2);
            }
        }
        assert!(!says_side("a bright leftover"));
    }
}
