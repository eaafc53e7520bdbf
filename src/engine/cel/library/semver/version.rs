//! A version.

use std::cmp::Ordering;

use crate::engine::cel::library::go;

/// `1.2.3-beta.1`. What stands behind a `+` is checked and left out: it says nothing about order or equality.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Semver {
    numbers: [u64; 3],
    pre_release: Vec<Identifier>,
}

/// A number is less than a word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(u64),
    Word(Box<str>),
}

// === impl Semver ===

impl Semver {
    /// # Errors
    /// In the words of Kubernetes' parser, github.com/blang/semver.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("Version string empty".to_owned());
        }
        let mut parts = text.splitn(3, '.');
        let (Some(major), Some(minor), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("No Major.Minor.Patch elements found".to_owned());
        };
        let major = number("major", "Major", major)?;
        let minor = number("minor", "Minor", minor)?;
        let (rest, build) = rest.split_once('+').map_or((rest, None), |(rest, build)| (rest, Some(build)));
        let (patch, pre_release) = rest.split_once('-').map_or((rest, None), |(patch, pre)| (patch, Some(pre)));
        let patch = number("patch", "Patch", patch)?;
        let pre_release = pre_release.map(|pre| pre.split('.').map(identifier).collect::<Result<_, _>>());
        let pre_release = pre_release.transpose()?.unwrap_or_default();
        for part in build.into_iter().flat_map(|build| build.split('.')) {
            if part.is_empty() {
                return Err("Build meta data is empty".to_owned());
            }
            if !part.bytes().all(is_of_word) {
                return Err(format!("Invalid character(s) found in build meta data {}", go::quote(part)));
            }
        }
        Ok(Self { numbers: [major, minor, patch], pre_release })
    }

    /// With a `v` before it, leading zeros, or fewer than three numbers.
    ///
    /// # Errors
    /// As Kubernetes words them.
    pub fn parse_loosely(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let mut parts: Vec<String> = text.splitn(3, '.').map(without_leading_zeros).collect();
        if parts.len() < 3 && parts.last().is_some_and(|last| last.contains(['+', '-'])) {
            return Err("short version cannot contain PreRelease/Build meta data".to_owned());
        }
        parts.resize(3, "0".to_owned());
        Self::parse(&parts.join("."))
    }

    pub const fn major(&self) -> u64 {
        self.numbers[0]
    }

    pub const fn minor(&self) -> u64 {
        self.numbers[1]
    }

    pub const fn patch(&self) -> u64 {
        self.numbers[2]
    }
}

impl PartialOrd for Semver {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A pre-release comes before its release.
impl Ord for Semver {
    fn cmp(&self, other: &Self) -> Ordering {
        let released = |version: &Self| version.pre_release.is_empty();
        let numbers = self.numbers.cmp(&other.numbers);
        numbers.then(released(self).cmp(&released(other))).then_with(|| self.pre_release.cmp(&other.pre_release))
    }
}

fn number(which: &str, capital: &str, text: &str) -> Result<u64, String> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("Invalid character(s) found in {which} number {}", go::quote(text)));
    }
    if has_leading_zero(text) {
        return Err(format!("{capital} number must not contain leading zeroes {}", go::quote(text)));
    }
    go::parse_uint(text)
}

fn identifier(text: &str) -> Result<Identifier, String> {
    if text.is_empty() {
        return Err("Prerelease is empty".to_owned());
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        if has_leading_zero(text) {
            return Err(format!("Numeric PreRelease version must not contain leading zeroes {}", go::quote(text)));
        }
        return go::parse_uint(text).map(Identifier::Number);
    }
    if !text.bytes().all(is_of_word) {
        return Err(format!("Invalid character(s) found in prerelease {}", go::quote(text)));
    }
    Ok(Identifier::Word(text.into()))
}

fn has_leading_zero(digits: &str) -> bool {
    digits.len() > 1 && digits.starts_with('0')
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

fn without_leading_zeros(part: &str) -> String {
    if part.len() < 2 {
        return part.to_owned();
    }
    let rest = part.trim_start_matches('0');
    if rest.starts_with(|c: char| c.is_ascii_digit()) { rest.to_owned() } else { format!("0{rest}") }
}
