//! The peak of resident memory of decoding each hostile file, in a process of its own. Linux only.
//!
//! ```text
//! cargo bench -p clip-image --bench memory -- FOLDER
//! ```
//!
//! The files are written into the folder and stay there.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;
use std::process::Command;

use clip_image::{Limits, decode_for};
use hostile_files::{FILES, Scale};

#[path = "../tests/hostile_files/mod.rs"]
mod hostile_files;

/// What most models want.
const SHORTER_SIDE: u32 = 224;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds a flag of its own.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match &arguments[..] {
        [folder] => measure_all(Path::new(folder)),
        [command, file] if command == "decode" => decode(Path::new(file)),
        _ => Err("expected arguments: FOLDER".into()),
    }
}

fn measure_all(folder: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    println!("| file | bytes | peak memory, MiB | result |\n|---|---|---|---|");
    for file in FILES {
        let path = folder.join(file.name);
        if !path.exists() {
            std::fs::write(&path, (file.make)(&Scale::FULL))?;
        }
        let output = Command::new(std::env::current_exe()?).arg("decode").arg(&path).output()?;
        let result = String::from_utf8_lossy(&output.stdout);
        println!("| `{}` | {} | {}", file.name, path.metadata()?.len(), result.trim());
    }
    Ok(())
}

fn decode(path: &Path) -> Result<(), Box<dyn Error>> {
    let result = match decode_for(path, &Limits::default(), Some(SHORTER_SIDE)) {
        Ok(photo) => format!("{} x {} pixels", photo.image.width(), photo.image.height()),
        Err(error) => error.to_string(),
    };
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse()?;
    println!("{} | {result} |", kib / 1024);
    Ok(())
}
