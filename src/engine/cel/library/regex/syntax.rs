//! Go's patterns (RE2 syntax, `regexp/syntax` of Go 1.26) in the words of the `regex` crate; what Go refuses is refused, as Go
//! words it.
//!
//! Groups capture nothing, as no function returns what they hold. Every character is written out, so that nothing is left to how
//! that crate reads a pattern: `\d` is ASCII, `[a&&b]` are three characters.

use crate::engine::{cel::library::regex::class, limits};

/// A pattern of the `regex` crate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Translated {
    pub(super) pattern: String,
    /// About how many states it has: what it takes to make it.
    pub(super) size: usize,
    /// About how many of them one character is tried against at worst.
    pub(super) width: usize,
}

/// # Errors
/// As Go words them: ``missing closing ): `(` ``.
pub(super) fn translate(pattern: &str) -> Result<Translated, String> {
    if pattern.len() > limits::CEL_PATTERN {
        return Err("expression too large".to_owned());
    }
    let mut parser = Parser {
        whole: pattern,
        rest: pattern,
        flags: Flags::default(),
        inner: Group::default(),
        outer: Vec::new(),
        repeated: None,
        classes: 0,
    };
    let item = parser.parse()?;
    if item.size > limits::CEL_PATTERN {
        return Err(refusal("expression too large", pattern));
    }
    Ok(Translated { pattern: item.text, size: item.size, width: item.width })
}

pub(super) fn refusal(what: &str, place: &str) -> String {
    format!("{what}: `{place}`")
}

/// What was read between here and there.
pub(super) fn consumed<'p>(before: &'p str, after: &str) -> &'p str {
    before.get(..before.len().saturating_sub(after.len())).unwrap_or_default()
}

/// A character that stands for itself.
pub(super) fn literal(character: char) -> String {
    if character.is_ascii_alphanumeric() { character.to_string() } else { format!("\\x{{{:X}}}", u32::from(character)) }
}

/// The most repetitions, also of nested ones: `(a{100}){10}` (`repeatIsValid` of Go).
const REPETITIONS: usize = 1000;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    /// `i`
    pub(super) fold: bool,
    /// `m`
    lines: bool,
    /// `s`
    any: bool,
    /// `U`
    lazy: bool,
}

/// What is repeated as one: a character, a class, a group.
#[derive(Debug, Default)]
struct Item {
    text: String,
    size: usize,
    width: usize,
    /// The product of the repetitions nested in it.
    repetitions: usize,
    depth: usize,
}

/// What stands between parentheses.
#[derive(Debug, Default)]
struct Group {
    /// The flags that hold again after it.
    outside: Flags,
    alternatives: Vec<Item>,
    items: Vec<Item>,
}

struct Parser<'p> {
    whole: &'p str,
    rest: &'p str,
    flags: Flags,
    inner: Group,
    /// The groups around it, the innermost last.
    outer: Vec<Group>,
    /// From the operator on, where the last thing was one.
    repeated: Option<&'p str>,
    /// The size of the classes so far.
    classes: usize,
}

// === impl Item ===

impl Item {
    fn new(text: impl Into<String>, size: usize) -> Self {
        Self { text: text.into(), size, width: size.min(4), repetitions: 1, depth: 0 }
    }

    fn joined(items: Vec<Self>, between: &str) -> Self {
        let texts: Vec<&str> = items.iter().map(|item| item.text.as_str()).collect();
        Self {
            text: texts.join(between),
            size: items.iter().fold(1, |sum, item| sum.saturating_add(item.size)),
            width: items.iter().fold(1, |sum, item| sum.saturating_add(item.width)),
            repetitions: items.iter().map(|item| item.repetitions).max().unwrap_or(1),
            depth: items.iter().map(|item| item.depth).max().unwrap_or_default(),
        }
    }

    /// Repeats it with an operator, `*?`, whose most (or least, where there is no most) is given.
    fn repeated(self, operator: &str, times: usize) -> Self {
        Self {
            text: format!("(?:{}{operator})", self.text),
            size: self.size.saturating_mul(times.max(1)).saturating_add(1),
            width: self.width.saturating_mul(times.max(1)).saturating_add(1),
            repetitions: if times == 0 { 1 } else { self.repetitions.saturating_mul(times) },
            depth: self.depth + 1,
        }
    }
}

// === impl Group ===

impl Group {
    fn end_alternative(&mut self) {
        let items = std::mem::take(&mut self.items);
        self.alternatives.push(Item::joined(items, ""));
    }

    fn end(mut self) -> Item {
        self.end_alternative();
        Item::joined(self.alternatives, "|")
    }
}

// === impl Parser ===

impl<'p> Parser<'p> {
    fn parse(&mut self) -> Result<Item, String> {
        while let Some(first) = self.rest.chars().next() {
            let before = self.rest;
            let mut repeated = None;
            match first {
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.skip(1);
                    self.inner.end_alternative();
                }
                '^' => self.single(if self.flags.lines { "(?m:^)" } else { r"(?:\A)" }),
                '$' => self.single(if self.flags.lines { "(?m:$)" } else { r"(?:\z)" }),
                '.' => self.single(if self.flags.any { "(?s:.)" } else { r"[^\n]" }),
                '[' => {
                    let (class, rest) = class::bracketed(self.rest, self.flags)?;
                    self.rest = rest;
                    self.class(class)?;
                }
                '*' | '+' | '?' => {
                    self.skip(1);
                    self.repeat(before, &first.to_string(), 1)?;
                    repeated = Some(before);
                }
                '{' if counts(before).is_none() => self.character('{', 1),
                '{' => {
                    let (least, most, after) = counts(before).unwrap_or((0, None, before));
                    self.rest = after;
                    if least > REPETITIONS || most.is_some_and(|most| most > REPETITIONS || most < least) {
                        return Err(refusal("invalid repeat count", consumed(before, after)));
                    }
                    let most_text = most.map(|most| most.to_string()).unwrap_or_default();
                    self.repeat(before, &format!("{{{least},{most_text}}}"), most.unwrap_or(least))?;
                    repeated = Some(before);
                }
                '\\' => self.escape()?,
                character => self.character(character, character.len_utf8()),
            }
            self.repeated = repeated;
        }
        if !self.outer.is_empty() {
            return Err(refusal("missing closing )", self.whole));
        }
        Ok(std::mem::take(&mut self.inner).end())
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn single(&mut self, text: &str) {
        self.skip(1);
        self.inner.items.push(Item::new(text, 2));
    }

    fn character(&mut self, character: char, bytes: usize) {
        self.skip(bytes);
        let text = literal(character);
        let text = if self.flags.fold { format!("(?i:{text})") } else { text };
        self.inner.items.push(Item::new(text, 1));
    }

    fn class(&mut self, class: class::Class) -> Result<(), String> {
        self.classes += class.size;
        if self.classes > limits::CEL_PATTERN {
            return Err(refusal("expression too large", self.whole));
        }
        self.inner.items.push(Item::new(class.text, class.size));
        Ok(())
    }

    /// After an operator: `?` behind it makes it lazy, and it repeats what stands before it.
    fn repeat(&mut self, before: &'p str, operator: &str, times: usize) -> Result<(), String> {
        let mut lazy = self.flags.lazy;
        if let Some(rest) = self.rest.strip_prefix('?') {
            self.rest = rest;
            lazy = !lazy;
        }
        if let Some(first) = self.repeated {
            return Err(refusal("invalid nested repetition operator", consumed(first, self.rest)));
        }
        let Some(item) = self.inner.items.pop() else {
            return Err(refusal("missing argument to repetition operator", consumed(before, self.rest)));
        };
        let item = item.repeated(&format!("{operator}{}", if lazy { "?" } else { "" }), times);
        if times >= 2 && item.repetitions > REPETITIONS {
            return Err(refusal("invalid repeat count", consumed(before, self.rest)));
        }
        self.nested(item)
    }

    fn nested(&mut self, item: Item) -> Result<(), String> {
        if item.depth > limits::CEL_PATTERN_DEPTH {
            return Err(refusal("expression nests too deeply", self.whole));
        }
        self.inner.items.push(item);
        Ok(())
    }

    fn open(&mut self) -> Result<(), String> {
        let before = self.rest;
        let outside = self.flags;
        let name = before.strip_prefix("(?P<").or_else(|| before.strip_prefix("(?<"));
        if let Some(name) = name {
            let Some((name, rest)) = name.split_once('>') else {
                return Err(refusal("invalid named capture", before));
            };
            self.rest = rest;
            if name.is_empty() || !name.chars().all(|each| each == '_' || each.is_ascii_alphanumeric()) {
                return Err(refusal("invalid named capture", consumed(before, rest)));
            }
        } else if let Some(flags) = before.strip_prefix("(?") {
            if !self.set_flags(before, flags)? {
                return Ok(());
            }
        } else {
            self.skip(1);
        }
        if self.outer.len() >= limits::CEL_PATTERN_DEPTH {
            return Err(refusal("expression nests too deeply", self.whole));
        }
        let inner = Group { outside, ..Group::default() };
        self.outer.push(std::mem::replace(&mut self.inner, inner));
        Ok(())
    }

    /// `(?i)`, or `(?i:` which begins a group.
    fn set_flags(&mut self, before: &str, flags: &'p str) -> Result<bool, String> {
        self.rest = flags;
        let mut on = true;
        let mut seen = true;
        let mut wanted = self.flags;
        while let Some(flag) = self.rest.chars().next() {
            self.skip(flag.len_utf8());
            match flag {
                'i' => wanted.fold = on,
                'm' => wanted.lines = on,
                's' => wanted.any = on,
                'U' => wanted.lazy = on,
                '-' if on => {
                    on = false;
                    seen = false;
                    continue;
                }
                ':' | ')' if seen => {
                    self.flags = wanted;
                    return Ok(flag == ':');
                }
                _ => return Err(refusal("invalid or unsupported Perl syntax", consumed(before, self.rest))),
            }
            seen = true;
        }
        Err(refusal("missing closing )", self.whole))
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(outer) = self.outer.pop() else {
            return Err(refusal("unexpected )", self.whole));
        };
        self.skip(1);
        let group = std::mem::replace(&mut self.inner, outer);
        self.flags = group.outside;
        let mut item = group.end();
        item.text = format!("(?:{})", item.text);
        item.depth += 1;
        self.nested(item)
    }

    fn escape(&mut self) -> Result<(), String> {
        let escaped = self.rest.chars().nth(1);
        let assertion = match escaped {
            Some('A') => Some(r"(?:\A)"),
            Some('z') => Some(r"(?:\z)"),
            Some('b') => Some(r"(?-u:\b)"),
            Some('B') => Some(r"(?-u:\B)"),
            _ => None,
        };
        if let Some(assertion) = assertion {
            self.single(assertion);
            self.skip(1);
            return Ok(());
        }
        if let Some(quoted) = self.rest.strip_prefix(r"\Q") {
            let (quoted, rest) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
            quoted.chars().for_each(|each| self.character(each, 0));
            self.rest = rest;
            return Ok(());
        }
        if let Some((class, rest)) = class::escaped(self.rest)? {
            self.rest = rest;
            return self.class(class.alone(self.flags));
        }
        let (code, rest) = class::character(self.rest)?;
        self.rest = rest;
        match char::from_u32(code) {
            Some(character) => {
                self.character(character, 0);
                Ok(())
            }
            None => self.class(class::Class::nothing()),
        }
    }
}

/// `{2}`, `{2,}` or `{2,5}`: least, most and what comes after; none where the brace is but a character.
fn counts(text: &str) -> Option<(usize, Option<usize>, &str)> {
    let (least, rest) = number(text.strip_prefix('{')?)?;
    let Some(rest) = rest.strip_prefix(',') else {
        return Some((least, Some(least), rest.strip_prefix('}')?));
    };
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((least, None, rest));
    }
    let (most, rest) = number(rest)?;
    Some((least, Some(most), rest.strip_prefix('}')?))
}

/// A number without leading zeros; one that is too large is more than any that is allowed.
fn number(text: &str) -> Option<(usize, &str)> {
    let rest = text.trim_start_matches(|each: char| each.is_ascii_digit());
    let digits = consumed(text, rest);
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().unwrap_or(usize::MAX), rest))
}
