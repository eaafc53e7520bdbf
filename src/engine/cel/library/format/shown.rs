//! Values as a format shows them.

use crate::engine::cel::{
    Failure, Meter, Value,
    library::{format::clause::Clause, go},
    value::{Bytes, Key, List, Map},
};

/// Go's printer refuses a precision of more than a million, which it sees one digit late.
const PRECISIONS: i64 = 10_000_009;

/// What is shown so far, each part paid before it is made.
#[derive(Debug)]
pub(super) struct Shown<'m> {
    pub(super) text: String,
    pub(super) meter: &'m mut Meter,
}

// === impl Shown ===

impl Shown<'_> {
    pub(super) fn text(&mut self, part: &str) -> Result<(), Failure> {
        self.meter.allocate(part.len())?;
        self.text.push_str(part);
        Ok(())
    }

    pub(super) fn value(&mut self, arg: &Value<'_>, clause: Clause) -> Result<(), Failure> {
        let refused = || Failure::error(clause.refusal(arg.type_name().as_str()));
        let shown = match (clause, arg) {
            (Clause::String, _) => return self.top(arg, refused),
            (Clause::Decimal, Value::Int(int)) => int.to_string(),
            (Clause::Decimal, Value::Uint(uint)) => uint.to_string(),
            (Clause::Fixed(precision), _) => fixed(double(arg).ok_or_else(refused)?, precision),
            (Clause::Scientific(width), _) => scientific(double(arg).ok_or_else(refused)?, width),
            (Clause::Binary, Value::Bool(bool)) => u8::from(*bool).to_string(),
            (Clause::Binary, Value::Int(int)) => signed(*int, format!("{:b}", int.unsigned_abs())),
            (Clause::Binary, Value::Uint(uint)) => format!("{uint:b}"),
            (Clause::Octal, Value::Int(int)) => signed(*int, format!("{:o}", int.unsigned_abs())),
            (Clause::Octal, Value::Uint(uint)) => format!("{uint:o}"),
            (Clause::Hex { upper }, _) => {
                let shown = match arg {
                    Value::Int(int) => signed(*int, format!("{:x}", int.unsigned_abs())),
                    Value::Uint(uint) => format!("{uint:x}"),
                    Value::String(string) => hex(string.as_str().as_bytes()),
                    Value::Bytes(bytes) => hex(bytes.as_slice()),
                    _ => return Err(refused()),
                };
                if upper { shown.to_ascii_uppercase() } else { shown }
            }
            _ => return Err(refused()),
        };
        self.text(&shown)
    }

    fn top(&mut self, arg: &Value<'_>, refused: impl FnOnce() -> Failure) -> Result<(), Failure> {
        match arg {
            Value::List(list) => self.list(list),
            Value::Map(map) => self.map(map),
            Value::Optional(_)
            | Value::Struct(_)
            | Value::Quantity(_)
            | Value::Semver(_)
            | Value::Ip(_)
            | Value::Cidr(_)
            | Value::Url(_)
            | Value::Format(_) => Err(refused()),
            other => self.plain(other),
        }
    }

    /// As `string(…)` has it.
    fn plain(&mut self, value: &Value<'_>) -> Result<(), Failure> {
        match value {
            Value::String(string) => self.text(string.as_str()),
            Value::Bytes(bytes) => self.text(utf8(bytes)?),
            Value::Duration(duration) => self.text(&duration.to_string()),
            // The rest is short.
            other => self.text(&other.to_string()),
        }
    }

    /// In a list or a map: as CEL writes it.
    fn nested(&mut self, value: &Value<'_>) -> Result<(), Failure> {
        match value {
            Value::String(string) => self.quoted(string.as_str()),
            Value::Bytes(bytes) => {
                self.text("b")?;
                self.quoted(utf8(bytes)?)
            }
            Value::Double(double) if double.is_nan() => self.text("\"NaN\""),
            Value::Double(double) if double.is_infinite() => {
                self.text(if *double > 0.0 { "\"+Inf\"" } else { "\"-Inf\"" })
            }
            Value::Double(double) => self.text(&format!("{double:.6}")),
            Value::Timestamp(time) => self.text(&format!("timestamp(\"{time}\")")),
            Value::Duration(duration) => self.text(&format!("duration(\"{duration}\")")),
            other => {
                let name = other.type_name();
                let refused =
                    || Failure::error(format!("error during formatting: no formatting function for {}", name.as_str()));
                self.top(other, refused)
            }
        }
    }

    fn list(&mut self, list: &List<'_>) -> Result<(), Failure> {
        self.text("[")?;
        for (index, item) in list.iter().enumerate() {
            if index > 0 {
                self.text(", ")?;
            }
            self.nested(&item)?;
        }
        self.text("]")
    }

    /// In the order of the keys as they are shown.
    fn map(&mut self, map: &Map<'_>) -> Result<(), Failure> {
        self.meter.allocate_items(map.len())?;
        let shown = map.iter().map(|(key, value)| Ok((shown_key(&key)?, value)));
        let mut entries = shown.collect::<Result<Vec<(String, Value<'_>)>, Failure>>()?;
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.text("{")?;
        for (index, (key, value)) in entries.iter().enumerate() {
            if index > 0 {
                self.text(", ")?;
            }
            self.text(key)?;
            self.text(":")?;
            self.nested(value)?;
        }
        self.text("}")
    }

    fn quoted(&mut self, string: &str) -> Result<(), Failure> {
        // What is escaped takes more, and is paid with the rest.
        self.meter.allocate(string.len())?;
        let quoted = go::quote(string);
        self.text(&quoted)
    }
}

fn utf8<'b>(bytes: &'b Bytes<'_>) -> Result<&'b str, Failure> {
    let refused = "error during formatting: could not convert argument \"invalid UTF-8 in bytes, cannot convert to string\" to string";
    str::from_utf8(bytes.as_slice()).map_err(|_| Failure::error(refused))
}

fn shown_key(key: &Key<'_>) -> Result<String, Failure> {
    match key {
        Key::String(string) => Ok(go::quote(string.as_str())),
        Key::Other(key) => Err(Failure::error(format!(
            "error during formatting: no formatting function for map key of type {}",
            key.type_name().as_str()
        ))),
        other => Ok(other.to_string()),
    }
}

/// A double, or the name of one that is no number.
fn double(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Double(double) => Some(*double),
        Value::String(name) => match name.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// In groups of three digits. The printer keeps eight bits of a precision.
fn fixed(double: f64, precision: i64) -> String {
    if precision > PRECISIONS {
        return "%!(NOVERB)".to_owned();
    }
    if let Some(name) = no_number(double) {
        return name.to_owned();
    }
    let precision = usize::try_from(precision & 0xFF).unwrap_or_default();
    let digits = format!("{:.precision$}", double.abs());
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let mut shown = if double < 0.0 { "-".to_owned() } else { String::new() };
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            shown.push(',');
        }
        shown.push(digit);
    }
    if !fraction.is_empty() {
        shown.push('.');
        shown.push_str(fraction);
    }
    shown
}

/// `1.052033×10⁰³`. The printer keeps sixteen bits of a width.
fn scientific(double: f64, width: i64) -> String {
    if width > PRECISIONS {
        return "%!(NOVERB)".to_owned();
    }
    let width = usize::try_from(width & 0xFFFF).unwrap_or_default();
    if let Some(name) = no_number(double) {
        return format!("{name:>width$}");
    }
    let shown = format!("{:.6e}", double.abs());
    let (digits, exponent) = shown.split_once('e').unwrap_or((&shown, "0"));
    let power: String = match exponent.strip_prefix('-') {
        Some(power) => format!("-{power:0>2}"),
        None => format!("{exponent:0>2}"),
    };
    let raised: String = power.chars().map(raised).collect();
    let sign = if double < 0.0 { "-" } else { "" };
    format!("{:>width$}", format!("{sign}{digits}×10{raised}"))
}

fn no_number(double: f64) -> Option<&'static str> {
    if double.is_nan() {
        return Some("NaN");
    }
    double.is_infinite().then_some(if double > 0.0 { "∞" } else { "-∞" })
}

const fn raised(character: char) -> char {
    match character {
        '0' => '⁰',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        '9' => '⁹',
        _ => '⁻',
    }
}

fn signed(int: i64, digits: String) -> String {
    if int < 0 { format!("-{digits}") } else { digits }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}
