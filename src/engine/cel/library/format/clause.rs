//! The clauses of a format: `%s`, `%.3f`.

/// How an argument is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clause {
    /// `%s`
    String,
    /// `%d`
    Decimal,
    /// `%f`, with so many digits.
    Fixed(i64),
    /// `%e`, which takes what is written as its precision for a width.
    Scientific(i64),
    /// `%b`
    Binary,
    /// `%x`, or `%X` in capitals.
    Hex { upper: bool },
    /// `%o`
    Octal,
}

/// What is met in a format: text, or a clause and the number of its argument.
#[derive(Debug)]
pub(super) enum Step<'f> {
    Text(&'f str),
    /// A clause that is none says so after its argument is known to be there.
    Clause(usize, Result<Clause, String>),
}

/// What `%f` and `%e` have where they say nothing.
const PRECISION: i64 = 6;

/// Goes through a format until a step fails.
pub(super) fn each<'f, E>(format: &'f str, mut take: impl FnMut(Step<'f>) -> Result<(), E>) -> Result<(), E> {
    let mut rest = format;
    let mut index = 0;
    while let Some((text, after)) = rest.split_once('%') {
        take(Step::Text(text))?;
        if let Some(after) = after.strip_prefix('%') {
            take(Step::Text("%"))?;
            rest = after;
            continue;
        }
        match read(after) {
            Ok((clause, after)) => {
                take(Step::Clause(index, Ok(clause)))?;
                rest = after;
            }
            Err(message) => {
                take(Step::Clause(index, Err(message)))?;
                return Ok(());
            }
        }
        index += 1;
    }
    take(Step::Text(rest))
}

/// What stands behind a `%`, and what comes after it.
fn read(text: &str) -> Result<(Clause, &str), String> {
    if text.is_empty() {
        return Err("unexpected end of string".to_owned());
    }
    let unparsed = |why: &str| format!("could not parse formatting clause: {why}");
    let (precision, rest) =
        precision(text).map_err(|why| unparsed(&format!("error while parsing precision: {why}")))?;
    let mut rest = rest.chars();
    let clause = match rest.next() {
        Some('s') => Clause::String,
        Some('d') => Clause::Decimal,
        Some('f') => Clause::Fixed(precision),
        Some('e') => Clause::Scientific(precision),
        Some('b') => Clause::Binary,
        Some('x') => Clause::Hex { upper: false },
        Some('X') => Clause::Hex { upper: true },
        Some('o') => Clause::Octal,
        other => {
            let other = other.map(String::from).unwrap_or_default();
            return Err(unparsed(&format!("unrecognized formatting clause \"{other}\"")));
        }
    };
    Ok((clause, rest.as_str()))
}

fn precision(text: &str) -> Result<(i64, &str), String> {
    let Some(digits) = text.strip_prefix('.') else { return Ok((PRECISION, text)) };
    let rest = digits.trim_start_matches(|each: char| each.is_ascii_digit());
    if rest.is_empty() {
        return Err("could not find end of precision specifier".to_owned());
    }
    let digits = digits.strip_suffix(rest).unwrap_or_default();
    let precision = digits.parse().map_err(|_| {
        let why = if digits.is_empty() { "invalid syntax" } else { "value out of range" };
        format!("error while converting precision to integer: strconv.Atoi: parsing \"{digits}\": {why}")
    })?;
    Ok((precision, rest))
}

// === impl Clause ===

impl Clause {
    /// In cel-go's words: what is no argument of it.
    pub(super) fn refusal(self, type_name: &str) -> String {
        let only = match self {
            Self::String => {
                "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and \
                 timestamps"
            }
            Self::Decimal => "decimal clause can only be used on integers",
            Self::Fixed(_) => "fixed-point clause can only be used on doubles",
            Self::Scientific(_) => "scientific clause can only be used on doubles",
            Self::Binary => "only integers and bools can be formatted as binary",
            Self::Hex { .. } => "only integers, byte buffers, and strings can be formatted as hex",
            Self::Octal => "octal clause can only be used on integers",
        };
        format!("error during formatting: {only}, was given {type_name}")
    }
}
