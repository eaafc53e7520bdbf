//! Files are replaced whole: whoever reads one meanwhile sees the old text or the new, never half of it.

use std::{
    ffi::OsString,
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    io::{ErrorKind, Read, Result, Write},
    path::{Path, PathBuf},
};

use crate::files::encoding::Encoding;

/// So many names are tried for the new file before it is renamed; two are hardly ever the same.
const NAMES: u64 = 8;

/// Writes beside the file and renames. A link is followed, and the file's permissions and encoding stay.
///
/// # Errors
/// Where it cannot be written; then nothing is left beside it.
pub fn in_place(path: &Path, text: &str) -> Result<()> {
    let path = match fs::canonicalize(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => path.to_owned(),
        found => found?,
    };
    let (permissions, encoding) = match File::open(&path) {
        Ok(file) => (Some(file.metadata()?.permissions()), encoding(file)?),
        Err(error) if error.kind() == ErrorKind::NotFound => (None, Encoding::Utf8),
        Err(error) => return Err(error),
    };
    let (beside, mut file) = create_beside(&path)?;
    let fill = || {
        permissions.map_or(Ok(()), |permissions| file.set_permissions(permissions))?;
        file.write_all(&encoding.encode(text))?;
        file.sync_all()?;
        fs::rename(&beside, &path)
    };
    fill().inspect_err(|_| {
        let _ = fs::remove_file(&beside);
    })
}

fn encoding(file: File) -> Result<Encoding> {
    let mut mark = Vec::new();
    file.take(2).read_to_end(&mut mark)?;
    Ok(Encoding::of(&mark))
}

/// A new file that nobody could have put there before: its name cannot be guessed. It is hidden, so that it is no
/// manifest while it is there.
fn create_beside(path: &Path) -> Result<(PathBuf, File)> {
    let random = RandomState::new();
    let mut attempt = 0;
    loop {
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".{:016x}", random.hash_one(attempt)));
        let beside = path.with_file_name(name);
        match File::options().write(true).create_new(true).open(&beside) {
            Ok(file) => return Ok((beside, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && attempt < NAMES => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}
