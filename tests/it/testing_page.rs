//! What `docs/testing.md` and `docs/cel.md` say is printed is printed, and their tables are made from the code.

use std::fs;

use portcullis::{
    cases,
    engine::cel::{functions::Overload, library},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    binary::{finish, portcullis, project},
    docs::assert_made,
};

const PAGE: &str = "docs/testing.md";
const CEL: &str = "docs/cel.md";

/// A block of the page that stands behind a marker.
struct Block<'p> {
    /// As `file: no-debug.yaml`.
    marker: &'p str,
    text: &'p str,
}

/// The page in pieces: text as it is, and what the blocks behind markers hold.
fn blocks(page: &str) -> Vec<(&str, Option<Block<'_>>)> {
    let mut pieces = Vec::new();
    let mut rest = page;
    while let Some((fence, marker)) = next_marker(rest) {
        let (before, block) = rest.split_at(fence);
        let (text, _) = block.split_once("```\n").expect("the end of a block");
        pieces.push((before, Some(Block { marker, text })));
        rest = block.strip_prefix(text).unwrap();
    }
    pieces.push((rest, None));
    pieces
}

/// Where the text of the next block begins, and what its marker says.
fn next_marker(page: &str) -> Option<(usize, &str)> {
    let at = ["<!-- file: ", "<!-- printed by: "].iter().filter_map(|marker| page.find(marker)).min()?;
    let (_, behind) = page.split_at(at + "<!-- ".len());
    let (marker, block) = behind.split_once(" -->\n```").expect("a marker right before a block");
    let (_, text) = block.split_once('\n').expect("lines");
    Some((page.len() - text.len(), marker))
}

#[test]
fn the_output_on_the_pages_is_the_output() {
    printed(PAGE);
    printed(CEL);
}

fn printed(name: &str) {
    let page = fs::read_to_string(project(name)).unwrap();
    let folder = TempDir::new().unwrap();
    let (mut made, mut runs) = (String::new(), 0);
    for (before, block) in blocks(&page) {
        made.push_str(before);
        let Some(Block { marker, text }) = block else { continue };
        if let Some(name) = marker.strip_prefix("file: ") {
            fs::write(folder.path().join(name), text).unwrap();
            made.push_str(text);
        } else {
            let command = marker.strip_prefix("printed by: portcullis ").expect("a command of ours");
            let ran = finish(portcullis().args(command.split(' ')).current_dir(folder.path()), b"");
            made.push_str(&ran.out);
            runs += 1;
        }
    }
    assert!(runs > 1, "{runs}");
    assert_or_update(name, &page, &made);
}

fn assert_or_update(name: &str, page: &str, made: &str) {
    if std::env::var_os("UPDATE_FILES").is_some() {
        fs::write(project(name), made).unwrap();
    } else {
        assert!(page == made, "{name} is not up to date: run the tests once with UPDATE_FILES=1; it would be\n{made}");
    }
}

#[test]
fn every_key_is_on_the_page() {
    let schema = cases::schema();
    let mut made = String::new();
    for (title, definition) in [
        ("A file", &schema),
        ("A case", &schema["$defs"]["Case"]),
        ("A `request`", &schema["$defs"]["Request"]),
        ("`expect`", &schema["$defs"]["Expectation"]),
        ("One of `findings`", &schema["$defs"]["ExpectedFinding"]),
    ] {
        made.push_str(&format!("| {title} | |\n| --- | --- |\n"));
        let needed = definition["required"].as_array().cloned().unwrap_or_default();
        for (key, property) in definition["properties"].as_object().expect("properties") {
            let says = property["description"].as_str().unwrap_or_else(|| panic!("`{key}` says nothing"));
            let must = if needed.contains(&Value::from(key.as_str())) { " (required)" } else { "" };
            made.push_str(&format!("| `{key}`{must} | {} |\n", says.replace('\n', " ")));
        }
        made.push('\n');
    }
    assert_made(PAGE, "keys", &format!("{}\n", made.trim_end()));
}

#[test]
fn every_function_is_on_the_page() {
    let mut made = "| function | ways to call it |\n| --- | --- |\n".to_owned();
    for name in library::names().filter(|name| !name.contains(['_', '@', '!'])) {
        let ways: Vec<_> = library::overloads(name).iter().map(way).collect();
        made.push_str(&format!("| `{name}` | {} |\n", ways.join("<br>")));
    }
    assert_made(CEL, "functions", &made);
}

/// As in `string.find(string) → string`.
fn way(overload: &Overload) -> String {
    let types: Vec<_> = overload.params.iter().map(ToString::to_string).collect();
    let (target, args) = match types.split_first().filter(|_| overload.member) {
        Some((target, args)) => (format!("{target}."), args.join(", ")),
        None => (String::new(), types.join(", ")),
    };
    format!("`{target}{}({args}) → {}`", overload.function, overload.result)
}
