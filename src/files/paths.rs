//! Which files a path means, and their texts.

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    engine::limits,
    files::{Refusal, Source, encoding::Encoding},
};

const EXTENSIONS: &[&str] = &["yaml", "yml", "json"];

/// Reads every file that the paths mean, in their order, folders sorted by name. `-` is standard input.
pub fn read(paths: &[PathBuf]) -> (Vec<Source>, Vec<Refusal>) {
    read_those(paths, has_extension)
}

/// The same where of folders only some files are wanted.
pub fn read_those(paths: &[PathBuf], wanted: impl Fn(&Path) -> bool) -> (Vec<Source>, Vec<Refusal>) {
    let mut sources: Vec<Source> = Vec::new();
    let mut refusals = Vec::new();
    let mut refuse = |file: &Path, message: String, help: Option<&str>| {
        refusals.push(Refusal { file: shown(file), span: None, message, help: help.map(str::to_owned) });
    };
    for path in paths {
        if path.as_os_str() == "-" {
            match read_bounded(std::io::stdin().lock()) {
                Ok(text) => sources.push(Source { name: "-".to_owned(), text: text.into() }),
                Err(message) => refuse(path, message, None),
            }
            continue;
        }
        // What is named is read, whatever it is called or is: `<(helm template .)` is a pipe. In a folder only files are.
        let named = !path.is_dir();
        for entry in
            walkdir::WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter().filter_entry(visible)
        {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let at = error.path().unwrap_or(path).to_owned();
                    refuse(&at, io_words(error.into_io_error()), None);
                    continue;
                }
            };
            if !(named || entry.file_type().is_file() && wanted(entry.path())) {
                continue;
            }
            match std::fs::File::open(entry.path()).map_err(|error| io_words(Some(error))).and_then(read_file) {
                Ok(text) => sources.push(Source { name: shown(entry.path()), text: text.into() }),
                Err(message) => refuse(entry.path(), message, None),
            }
        }
    }
    // A file that two paths mean is judged once.
    let mut names = std::collections::BTreeSet::new();
    sources.retain(|source| names.insert(source.name.clone()));
    (sources, refusals)
}

fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    text.strip_prefix("./").unwrap_or(&text).to_owned()
}

/// Hidden folders and files are no manifests, except where they are named.
fn visible(entry: &walkdir::DirEntry) -> bool {
    entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.')
}

fn has_extension(path: &Path) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| EXTENSIONS.contains(&extension))
}

/// A file that says that it is too large is not read at all.
fn read_file(file: std::fs::File) -> Result<String, String> {
    if file.metadata().is_ok_and(|metadata| metadata.len() > limits::FILE_BYTES) {
        Err(too_large())
    } else {
        read_bounded(file)
    }
}

/// The text, if it is text and not too much of it.
fn read_bounded(reader: impl Read) -> Result<String, String> {
    let mut bytes = Vec::new();
    reader.take(limits::FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| io_words(Some(error)))?;
    if bytes.len() as u64 > limits::FILE_BYTES {
        return Err(too_large());
    }
    Encoding::decode(bytes)
}

fn too_large() -> String {
    format!("it is larger than {} MiB", limits::FILE_BYTES / 1024 / 1024)
}

fn io_words(error: Option<std::io::Error>) -> String {
    use std::io::ErrorKind;
    match error {
        None => "a folder that contains itself".to_owned(),
        Some(error) => match error.kind() {
            ErrorKind::NotFound => "no such file or folder".to_owned(),
            ErrorKind::PermissionDenied => "not allowed to read it".to_owned(),
            _ => format!("it cannot be read: {error}"),
        },
    }
}

/// Kept here so that a caller need not know what a path may be.
pub fn is_stdin(paths: &[PathBuf]) -> bool {
    paths.iter().any(|path| path.as_os_str() == "-")
}

/// The text of a file for a caller that names one file alone.
pub fn read_one(path: &Path) -> (Option<Source>, Option<Refusal>) {
    let (sources, refusals) = read(&[path.to_owned()]);
    (sources.into_iter().next(), refusals.into_iter().next())
}

/// A source that is already text, as in tests.
pub fn source(name: &str, text: impl Into<Arc<str>>) -> Source {
    Source { name: name.to_owned(), text: text.into() }
}
