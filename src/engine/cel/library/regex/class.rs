//! Classes of characters (`[a-z]`, `\d`, `\p{Greek}`) and escaped characters.

use crate::engine::cel::library::regex::syntax::{Flags, consumed, literal, refusal};

/// States of a class of Unicode, as there are hundreds of ranges in most, each of several bytes.
const UNICODE_SIZE: usize = 800;

/// What Go takes for a general category, and what it takes for one: `Any`, `Assigned`.
const CATEGORIES: &str = "
    any ascii assigned
    c cc cf cn co cs l lc ll lm lo lt lu m mc me mn n nd nl no p pc pd pe pf pi po ps s sc sk sm so z zl zp zs
    other control cntrl format unassigned privateuse surrogate
    letter casedletter lowercaseletter modifierletter otherletter titlecaseletter uppercaseletter
    mark combiningmark spacingmark enclosingmark nonspacingmark
    number decimalnumber digit letternumber othernumber
    punctuation punct connectorpunctuation dashpunctuation closepunctuation finalpunctuation initialpunctuation
    otherpunctuation openpunctuation
    symbol currencysymbol modifiersymbol mathsymbol othersymbol
    separator lineseparator paragraphseparator spaceseparator
";

/// A class, as the `regex` crate writes it.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) text: String,
    pub(super) size: usize,
}

/// `[^a-z\d]`, and what comes after it.
///
/// # Errors
/// As Go words them.
pub(super) fn bracketed(text: &str, flags: Flags) -> Result<(Class, &str), String> {
    let mut rest = text.strip_prefix('[').unwrap_or(text);
    let negated = rest.strip_prefix('^');
    rest = negated.unwrap_or(rest);
    let mut class = Class { text: String::new(), size: 1 };
    let mut first = true;
    loop {
        if let Some(rest) = rest.strip_prefix(']')
            && !first
        {
            return Ok((class.closed(negated.is_some(), flags), rest));
        }
        first = false;
        if let Some((named, after)) = posix(rest)? {
            class.add(named);
            rest = after;
        } else if let Some((escaped, after)) = escaped(rest)? {
            class.add(escaped);
            rest = after;
        } else {
            let (low, mut after) = member(rest, text)?;
            let mut high = low;
            if let Some(end) = after.strip_prefix('-')
                && !end.is_empty()
                && !end.starts_with(']')
            {
                (high, after) = member(end, text)?;
                if high < low {
                    return Err(refusal("invalid character class range", consumed(rest, after)));
                }
            }
            class.range(low, high);
            rest = after;
        }
    }
}

/// `\d` or `\p{Greek}`, in brackets or for itself, and what comes after it; none where it is neither.
///
/// # Errors
/// A class of Unicode that there is not.
pub(super) fn escaped(text: &str) -> Result<Option<(Class, &str)>, String> {
    let Some(rest) = text.strip_prefix('\\') else { return Ok(None) };
    let mut rest = rest.chars();
    let (class, size) = match rest.next() {
        Some('d') => ("[:digit:]", 1),
        Some('D') => ("[:^digit:]", 4),
        Some('w') => ("[:word:]", 4),
        Some('W') => ("[:^word:]", 8),
        Some('s') => (r"\t\n\x0C\r\x20", 3),
        Some('S') => (r"[^\t\n\x0C\r\x20]", 6),
        Some('p') => return unicode(text, rest.as_str(), false).map(Some),
        Some('P') => return unicode(text, rest.as_str(), true).map(Some),
        _ => return Ok(None),
    };
    Ok(Some((Class { text: class.to_owned(), size }, rest.as_str())))
}

/// The code of an escaped character (`\n`, `\x{61}`, `\.`), and what comes after it.
///
/// # Errors
/// An escape that there is not.
pub(super) fn character(text: &str) -> Result<(u32, &str), String> {
    let mut rest = text.chars();
    rest.next();
    let Some(first) = rest.next() else {
        return Err(refusal("trailing backslash at end of expression", ""));
    };
    let after = rest.as_str();
    let invalid = |rest: &str| Err(refusal("invalid escape sequence", consumed(text, rest)));
    let simple = match first {
        'a' => '\x07',
        'f' => '\x0C',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0B',
        '0' => return Ok(octal(after, 0)),
        '1'..='7' if after.starts_with(|next: char| ('0'..='7').contains(&next)) => {
            return Ok(octal(after, first.to_digit(8).unwrap_or_default()));
        }
        'x' => return hexadecimal(text, after),
        other if other.is_ascii() && !other.is_ascii_alphanumeric() => other,
        _ => return invalid(after),
    };
    Ok((u32::from(simple), after))
}

// === impl Class ===

impl Class {
    /// What no text matches.
    pub(super) fn nothing() -> Self {
        Self { text: "[a&&b]".to_owned(), size: 1 }
    }

    /// For itself, out of brackets.
    pub(super) fn alone(self, flags: Flags) -> Self {
        self.closed(false, flags)
    }

    fn add(&mut self, part: Self) {
        self.text.push_str(&part.text);
        self.size += part.size;
    }

    /// Surrogates are in no text: a range that begins or ends among them is cut.
    fn range(&mut self, low: u32, high: u32) {
        let low = char::from_u32(low).unwrap_or('\u{E000}');
        let high = char::from_u32(high).unwrap_or('\u{D7FF}');
        if low == high {
            self.text.push_str(&literal(low));
        } else if low < high {
            self.text.push_str(&format!("{}-{}", literal(low), literal(high)));
        }
        self.size += 1;
    }

    fn closed(self, negated: bool, flags: Flags) -> Self {
        let text = match (self.text.is_empty(), negated) {
            (true, true) => "(?s:.)".to_owned(),
            (true, false) => Self::nothing().text,
            (false, true) => format!("[^{}]", self.text),
            (false, false) => format!("[{}]", self.text),
        };
        Self { text: if flags.fold { format!("(?i:{text})") } else { text }, size: self.size }
    }
}

/// A character of a class, which may be escaped.
fn member<'p>(rest: &'p str, class: &str) -> Result<(u32, &'p str), String> {
    if rest.starts_with('\\') {
        return character(rest);
    }
    let mut characters = rest.chars();
    match characters.next() {
        Some(character) => Ok((u32::from(character), characters.as_str())),
        None => Err(refusal("missing closing ]", class)),
    }
}

/// `[:alpha:]` or `[:^alpha:]`.
fn posix(text: &str) -> Result<Option<(Class, &str)>, String> {
    const NAMES: [&str; 14] = [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper",
        "word", "xdigit",
    ];
    let Some((name, rest)) = text.strip_prefix("[:").and_then(|inner| inner.split_once(":]")) else { return Ok(None) };
    if !NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return Err(refusal("invalid character class range", consumed(text, rest)));
    }
    Ok(Some((Class { text: format!("[:{name}:]"), size: 4 }, rest)))
}

/// `\pL`, `\p{Greek}`, `\P{^Greek}`: `name` begins behind `\p`.
fn unicode<'p>(text: &'p str, name: &'p str, negated: bool) -> Result<(Class, &'p str), String> {
    let mut characters = name.chars();
    let (name, rest) = match characters.next() {
        Some('{') => {
            characters.as_str().split_once('}').ok_or_else(|| refusal("invalid character class range", text))?
        }
        Some(letter) => (name.get(..letter.len_utf8()).unwrap_or_default(), characters.as_str()),
        None => return Err(refusal("invalid character class range", text)),
    };
    let invalid = || refusal("invalid character class range", consumed(text, rest));
    let plain = name.strip_prefix('^');
    let negated = negated != plain.is_some();
    let name = plain.unwrap_or(name);
    if name.is_empty() || !name.chars().all(|each| each.is_ascii_alphanumeric() || matches!(each, '_' | '-' | ' ')) {
        return Err(invalid());
    }
    let sign = if negated { 'P' } else { 'p' };
    if is_category(name) {
        return Ok((Class { text: format!(r"\{sign}{{gc={name}}}"), size: UNICODE_SIZE }, rest));
    }
    let class = format!(r"\{sign}{{sc={name}}}");
    if regex::Regex::new(&class).is_err() {
        return Err(invalid());
    }
    Ok((Class { text: class, size: UNICODE_SIZE }, rest))
}

/// Whether Unicode has a general category of that name, whatever its case and however its words are parted.
fn is_category(name: &str) -> bool {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).map(|each| each.to_ascii_lowercase()).collect();
    CATEGORIES.split_ascii_whitespace().any(|category| category == name)
}

fn octal(text: &str, first: u32) -> (u32, &str) {
    let mut code = first;
    let mut rest = text.chars();
    for _ in 0..2 {
        let mut next = rest.clone();
        let Some(digit) = next.next().and_then(|each| each.to_digit(8)) else { break };
        code = code * 8 + digit;
        rest = next;
    }
    (code, rest.as_str())
}

/// `\x61` or `\x{1F600}`, of which `digits` is what stands behind the `x`.
fn hexadecimal<'p>(text: &'p str, digits: &'p str) -> Result<(u32, &'p str), String> {
    let braced = digits.strip_prefix('{');
    let mut rest = braced.unwrap_or(digits).chars();
    let mut code = 0;
    let mut count = 0;
    loop {
        let next = rest.next();
        match next.and_then(|next| next.to_digit(16)) {
            Some(digit) => {
                code = code * 16 + digit;
                count += 1;
                if braced.is_none() && count == 2 {
                    return Ok((code, rest.as_str()));
                }
            }
            None if braced.is_some() && next == Some('}') && count > 0 => return Ok((code, rest.as_str())),
            None => {
                if braced.is_none() && count == 0 {
                    // Go reads both before it looks at them.
                    rest.next();
                }
                break;
            }
        }
        if code > u32::from(char::MAX) {
            break;
        }
    }
    Err(refusal("invalid escape sequence", consumed(text, rest.as_str())))
}
