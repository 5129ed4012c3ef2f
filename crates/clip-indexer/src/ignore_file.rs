//! `.clipignore` files: what to exclude in their folder, in the syntax of `.gitignore`.
//!
//! Unlike the index's excludes, they travel with the photos. `.gitignore` files themselves are ignored: what does not
//! belong in a repository may well be a photo.

use clip_files::regular::{OpenError, open_with_metadata};
use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clip_files::system_error::{describe, says_missing};

use crate::excluded::components;
use crate::pattern::Pattern;

/// The name of these files.
pub const IGNORE_FILE: &str = ".clipignore";

/// The most bytes of a file that are read: a thousand times as many as anybody writes.
const MAX_BYTES: u64 = 256 << 10;

/// The most patterns of a file: every file below is compared with every one.
const MAX_LINES: usize = 4096;

/// How many faults of a file are reported one by one.
const MAX_FAULTS: usize = 10;

/// Something in a `.clipignore` that is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoreFault {
    /// The `.clipignore`.
    pub path: PathBuf,
    /// The line, from 1; `None` if it is about the whole file.
    pub line: Option<u64>,
    /// A phrase that goes after path and line.
    pub reason: String,
}

impl IgnoreFault {
    /// What an index keeps of it, to know it again. A line that was moved is another fault.
    pub(crate) fn known_as(&self) -> String {
        let line = self.line.map(|line| format!(", line {line}")).unwrap_or_default();
        format!("{}{line}: {}", self.path.display(), self.reason)
    }
}

/// A line: its pattern, and whether it excludes or, after a `!`, includes.
#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    keeps: bool,
}

/// The files that were read so far, by folder.
#[derive(Debug, Default)]
pub(crate) struct IgnoreFiles {
    rules: HashMap<PathBuf, Vec<Rule>>,
    faults: Vec<IgnoreFault>,
}

impl IgnoreFiles {
    /// Reads the file in a folder, if there is one.
    ///
    /// # Errors
    /// The system's error if there may be a file that cannot be read: what is to be excluded is then unknown.
    pub fn read(&mut self, folder: &Path) -> io::Result<()> {
        if self.rules.contains_key(folder) {
            return Ok(());
        }
        let path = folder.join(IGNORE_FILE);
        let file = match open_with_metadata(&path) {
            Ok((file, _)) => file,
            Err(OpenError::NotRegular(kind)) => {
                // Reading a named pipe would never end.
                let reason = format!("not a file but {}", clip_files::kind::name(kind));
                self.faults.push(IgnoreFault { path, line: None, reason });
                return Ok(());
            }
            Err(OpenError::System(error)) if says_missing(&error) => {
                // A link that leads nowhere stands for rules that somebody wanted.
                if std::fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink()) {
                    return Err(io::Error::new(error.kind(), "it is a broken symbolic link"));
                }
                return Ok(());
            }
            Err(OpenError::System(error)) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        self.parse(folder, &path, &bytes);
        Ok(())
    }

    fn parse(&mut self, folder: &Path, path: &Path, bytes: &[u8]) {
        let mut faults = Vec::new();
        let mut fault = |line, reason: String| faults.push(IgnoreFault { path: path.to_path_buf(), line, reason });
        let mut bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if bytes.len() as u64 > MAX_BYTES {
            fault(None, format!("larger than {} KiB; what comes after is ignored", MAX_BYTES >> 10));
            let end = bytes.iter().take(MAX_BYTES as usize).rposition(|byte| *byte == b'\n').unwrap_or(0);
            bytes = &bytes[..end];
        }
        let mut rules = Vec::new();
        for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            match Rule::parse(line) {
                Ok(Some(_)) if rules.len() == MAX_LINES => {
                    fault(Some(number), format!("more than {MAX_LINES} patterns; the others are ignored"));
                    break;
                }
                Ok(Some(rule)) => {
                    // What else is in the class counts, as for git, but nobody means such a range.
                    if let Some(reason) = rule.pattern.empty_range() {
                        fault(Some(number), reason);
                    }
                    rules.push(rule);
                }
                Ok(None) => {}
                Err(reason) => fault(Some(number), format!("ignored: {reason}")),
            }
        }
        let more = faults.len().saturating_sub(MAX_FAULTS);
        faults.truncate(MAX_FAULTS);
        if more > 0 {
            let reason = format!("{more} more line{} ignored", if more == 1 { " is" } else { "s are" });
            faults.push(IgnoreFault { path: path.to_path_buf(), line: None, reason });
        }
        self.faults.append(&mut faults);
        self.rules.insert(folder.to_path_buf(), rules);
    }

    /// Reads the files in the folders from `outer` down to the one that contains `root`, and returns the file that excludes
    /// `root` or a folder above it, if any. Files that cannot be read exclude nothing.
    pub fn read_above(&mut self, root: &Path, outer: &Path) -> Option<PathBuf> {
        let mut above: Vec<&Path> = root.ancestors().skip(1).take_while(|folder| folder.starts_with(outer)).collect();
        above.reverse();
        for folder in &above {
            if let Err(error) = self.read(folder) {
                let reason = format!("cannot be read: {}", describe(&error));
                self.faults.push(IgnoreFault { path: folder.join(IGNORE_FILE), line: None, reason });
            }
        }
        let is_folder = |path: &Path| path != root || root.is_dir();
        above
            .iter()
            .skip(1)
            .copied()
            .chain([root])
            .find_map(|path| self.leaving_out(path, is_folder(path)))
            .map(|folder| folder.join(IGNORE_FILE))
    }

    /// Whether this very file or folder is excluded, regardless of the folders above it.
    pub fn ignores(&self, path: &Path, is_folder: bool) -> bool {
        self.leaving_out(path, is_folder).is_some()
    }

    /// The folder whose file excludes this very file or folder. The innermost file with a line that matches decides, by its
    /// last such line.
    fn leaving_out<'a>(&self, path: &'a Path, is_folder: bool) -> Option<&'a Path> {
        if self.rules.is_empty() {
            return None;
        }
        let all = components(path);
        for folder in path.ancestors().skip(1) {
            let Some(rules) = self.rules.get(folder) else { continue };
            let below = &all[components(folder).len()..];
            if let Some(rule) = rules.iter().rev().find(|rule| rule.pattern.matches(below, is_folder)) {
                return (!rule.keeps).then_some(folder);
            }
        }
        None
    }

    /// The faults of the files that were read since the last call.
    pub fn take_faults(&mut self) -> Vec<IgnoreFault> {
        std::mem::take(&mut self.faults)
    }
}

impl Rule {
    /// Parses a line; `None` if it has no pattern.
    fn parse(line: &[u8]) -> Result<Option<Rule>, &'static str> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = without_trailing_blanks(str::from_utf8(line).map_err(|_| "expected UTF-8")?);
        if text.is_empty() || text.starts_with('#') {
            return Ok(None);
        }
        let (keeps, text) = text.strip_prefix('!').map_or((false, text), |text| (true, text));
        Ok(Some(Rule { pattern: Pattern::of_ignore_file(text)?, keeps }))
    }
}

/// Trailing blanks count only after a backslash.
fn without_trailing_blanks(text: &str) -> &str {
    let kept = text.trim_end_matches(' ');
    let backslashes = kept.len() - kept.trim_end_matches('\\').len();
    // An even number of backslashes are escaped backslashes.
    if kept.len() < text.len() && backslashes % 2 == 1 { &text[..=kept.len()] } else { kept }
}

/// Reads bytes as a file and asserts what must hold of the result. For the module `fuzzing`.
#[cfg(any(test, fuzzing))]
pub(crate) fn check(bytes: &[u8]) {
    let folder = Path::new("/photos");
    let parse = |bytes: &[u8]| {
        let mut files = IgnoreFiles::default();
        files.parse(folder, &folder.join(IGNORE_FILE), bytes);
        files
    };
    let mut files = parse(bytes);
    let faults = files.take_faults();
    assert!(faults.len() <= MAX_FAULTS + 1);
    assert!(faults.iter().all(|fault| fault.line != Some(0) && !fault.reason.contains(char::is_control)), "{faults:?}");
    let rules = files.rules.values().map(Vec::len).sum::<usize>();
    assert!(rules <= MAX_LINES);
    let paths = ["/photos/a", "/photos/b/a.jpg", "/photos/b/ /[/\\/ä"].map(Path::new);
    let ignored = |files: &IgnoreFiles| paths.map(|path| files.ignores(path, path == paths[0]));
    ignored(&files);
    // Where there is room for one more line, it decides.
    if bytes.len() as u64 + 8 <= MAX_BYTES && rules < MAX_LINES {
        assert_eq!(ignored(&parse(&[bytes, b"\n*\n"].concat())), [true; 3]);
        assert_eq!(ignored(&parse(&[bytes, b"\n!*\n"].concat())), [false; 3]);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Files by folder, given as text.
    fn files(files: &[(&str, &str)]) -> IgnoreFiles {
        let mut all = IgnoreFiles::default();
        for (folder, text) in files {
            all.parse(Path::new(folder), &Path::new(folder).join(IGNORE_FILE), text.as_bytes());
        }
        all
    }

    fn ignored<'a>(files: &IgnoreFiles, paths: &[&'a str]) -> Vec<&'a str> {
        let is_ignored = |path: &&str| files.ignores(Path::new(path), path.ends_with('/'));
        paths.iter().copied().filter(is_ignored).collect()
    }

    #[test]
    fn the_innermost_file_decides_and_in_it_the_last_line() {
        let files = files(&[
            ("/p", "# all drafts\n*.png\r\n\n!keep.png\n/top.jpg\n"),
            ("/p/a", "!*.png\nraw/\n"),
            ("/p/a/b", "x.png"),
        ]);
        let paths = [
            "/p/1.png",
            "/p/keep.png",
            "/p/top.jpg",
            "/p/c/top.jpg",
            "/p/a/1.png",
            "/p/a/b/x.png",
            "/p/a/b/raw/",
            "/q/1.png",
        ];
        assert_eq!(ignored(&files, &paths), ["/p/1.png", "/p/top.jpg", "/p/a/b/x.png", "/p/a/b/raw/"]);
    }

    #[test]
    fn blanks_at_the_end_and_marks_at_the_beginning() {
        let files = files(&[("/p", "\u{feff}a.jpg  \nb.jpg\\ \nc.jpg\\\\ \n\\#d\n\\!e\n#f")]);
        let paths = ["/p/a.jpg", "/p/b.jpg", "/p/b.jpg ", "/p/#d", "/p/!e", "/p/f"];
        assert_eq!(ignored(&files, &paths), ["/p/a.jpg", "/p/b.jpg ", "/p/#d", "/p/!e"]);
    }

    #[test]
    fn broken_lines_are_told_with_their_numbers_and_the_others_count() {
        let mut all = IgnoreFiles::default();
        all.parse(Path::new("/p"), Path::new("/p/.clipignore"), b"*.png\n[ab\nx\\\n\xff\xfe\n*.gif");
        let faults = all.take_faults();
        assert_eq!(faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [Some(2), Some(3), Some(4)]);
        assert_eq!(faults[0].reason, "ignored: expected ] after [");
        assert_eq!(ignored(&all, &["/p/a.png", "/p/a.gif", "/p/a.jpg"]), ["/p/a.png", "/p/a.gif"]);
        let mut reversed = files(&[("/p", "[z-ab].png\n")]);
        let faults = reversed.take_faults();
        assert_eq!((faults.len(), faults[0].line), (1, Some(1)));
        assert_eq!(faults[0].reason, "expected the range a-z, found z-a, which holds nothing");
        assert_eq!(ignored(&reversed, &["/p/b.png", "/p/c.png"]), ["/p/b.png"]);
        let mut many = files(&[("/p", &"[\n".repeat(1000))]);
        let faults = many.take_faults();
        assert_eq!((faults.len(), faults[10].reason.as_str()), (11, "990 more lines are ignored"));
    }

    #[test]
    fn a_file_of_many_megabytes_is_read_in_part() {
        let dir = tempfile::tempdir().unwrap();
        for (text, lines) in
            [("# nothing\n".repeat(1 << 20), 1), ("x".repeat(5 << 20), 0), ("*.a*b?c*\n".repeat(1 << 19), 4096)]
        {
            fs::write(dir.path().join(IGNORE_FILE), format!("*.png\n{text}*.gif\n")).unwrap();
            let mut files = IgnoreFiles::default();
            files.read(dir.path()).unwrap();
            let faults = files.take_faults();
            assert!(faults[0].line.is_none() && faults[0].reason.contains("256 KiB"), "{faults:?}");
            assert_eq!(faults.len(), if lines == 4096 { 2 } else { 1 }, "{faults:?}");
            assert!(
                files.ignores(&dir.path().join("a.png"), false) && !files.ignores(&dir.path().join("a.gif"), false)
            );
        }
    }

    #[test]
    fn what_is_no_file_is_told_and_what_is_not_there_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = IgnoreFiles::default();
        files.read(dir.path()).unwrap();
        assert!(files.take_faults().is_empty());
        fs::create_dir(dir.path().join(IGNORE_FILE)).unwrap();
        files.read(dir.path()).unwrap();
        assert_eq!(files.take_faults()[0].reason, "not a file but a folder");
    }

    #[test]
    fn a_folder_is_left_out_by_the_files_above_it() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("raw/2019/jan");
        fs::create_dir_all(&inner).unwrap();
        let by = |outer: &str, text: &str| {
            fs::write(dir.path().join(IGNORE_FILE), text).unwrap();
            IgnoreFiles::default().read_above(&inner, &dir.path().join(outer))
        };
        assert_eq!(by("", "raw/\n"), Some(dir.path().join(IGNORE_FILE)));
        assert_eq!(by("", "jan/\n"), Some(dir.path().join(IGNORE_FILE)));
        assert_eq!(by("", "raw/*/*.jpg\n"), None);
        assert_eq!(by("raw", "raw/\n"), None, "it is outside of what is indexed");
    }
}
