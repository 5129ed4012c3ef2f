//! Keeps the reference in docs/cli.md equal to what `--help` prints.

use std::fmt::Write as _;
use std::path::Path;

use crate::args;

const BEGIN: &str = "<!-- begin: generated from the program -->\n";
const END: &str = "<!-- end: generated from the program -->\n";

/// The help texts of the program and of each command.
fn reference() -> String {
    // A fixed width, or the text would depend on the terminal that the tests run in.
    let mut root = args::command().term_width(100);
    root.build();
    let mut text = String::new();
    let mut commands = vec![root];
    while let Some(command) = commands.pop() {
        // Commands in their order, each before its own subcommands.
        let subcommands = command.get_subcommands().filter(|command| command.get_name() != "help");
        commands.extend(subcommands.cloned().collect::<Vec<_>>().into_iter().rev());
        let mut command = command.term_width(100);
        let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
        let help = command.render_help().to_string();
        let help = help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        let _ = write!(text, "\n### `{name}`\n\n```text\n{}\n```\n", help.trim_end());
    }
    text.push('\n');
    text
}

#[test]
fn the_reference_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has a mark where the reference begins");
    let (found, after) = rest.split_once(END).expect("the page has a mark where the reference ends");
    let expected = reference();
    if found != expected && std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(found, expected, "docs/cli.md is out of date: run `UPDATE_DOCS=1 cargo test --release` once");
}
