//! `google.protobuf.Any`: a message written as bytes, and what it stands for (protobuf's encoding, `proto.Unmarshal` of Go).

use std::{collections::BTreeMap, rc::Rc};

use crate::engine::{
    cel::{
        Answer, Failure, Meter, Value,
        library::{
            protobuf::{Message, field::Field, json},
            time::{Duration, Timestamp},
        },
        value::{Bytes, Key, Map, Text},
    },
    limits,
};

/// What stands behind the number of a field.
#[derive(Clone, Copy)]
enum Written<'b> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'b [u8]),
    Fixed32(u32),
    /// Fields of their own, which no message here has.
    Group,
}

/// The fields of a message, one after the other.
struct Fields<'b>(&'b [u8]);

/// Why bytes are not the message that they are said to be.
enum Bad {
    Malformed,
    Failed(Failure),
}

type Read<T> = Result<T, Bad>;

/// What the message of this type stands for, also where an `Any` is in an `Any`.
///
/// # Errors
/// A type that is not known, and bytes that are no such message.
pub(super) fn unpack<'a>(url: Option<Value<'_>>, bytes: Option<Value<'_>>, meter: &mut Meter) -> Answer<'a> {
    let url = match &url {
        Some(Value::String(url)) => url.as_str(),
        _ => "",
    };
    let bytes = match &bytes {
        Some(Value::Bytes(bytes)) => bytes.as_slice(),
        _ => &[],
    };
    meter.work(bytes.len() / 8)?;
    let (mut url, mut bytes) = (url, bytes);
    let read = loop {
        match Message::named(url.rsplit('/').next().unwrap_or_default()) {
            None => break Err(Bad::Malformed),
            Some(Message::Any) => match any(bytes) {
                Ok(inner) => (url, bytes) = inner,
                Err(bad) => break Err(bad),
            },
            Some(message) => break (Reader { meter, levels: limits::CEL_VALUE_DEPTH }).message(message, bytes),
        }
    };
    read.map_err(|bad| match bad {
        Bad::Failed(failure) => failure,
        Bad::Malformed => Failure::error(format!(
            "unsupported conversion to ref.Val: google.protobuf.Any of {}",
            Value::String(Text::Borrowed(url))
        )),
    })
}

fn any(bytes: &[u8]) -> Read<(&str, &[u8])> {
    let (mut url, mut value): (&str, &[u8]) = ("", &[]);
    for field in Fields(bytes) {
        match field? {
            (1, Written::Bytes(bytes)) => url = text(bytes)?,
            (2, Written::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    Ok((url, value))
}

fn text(bytes: &[u8]) -> Read<&str> {
    std::str::from_utf8(bytes).map_err(|_| Bad::Malformed)
}

struct Reader<'m> {
    meter: &'m mut Meter,
    /// How much deeper values may be nested.
    levels: usize,
}

// === impl Reader ===

impl Reader<'_> {
    fn message<'a>(&mut self, message: Message, bytes: &[u8]) -> Read<Value<'a>> {
        Ok(match message {
            Message::Any => return Err(Bad::Malformed),
            Message::Duration => {
                let (seconds, nanoseconds) = span(bytes)?;
                Value::Duration(Duration::saturating(seconds, nanoseconds))
            }
            Message::Timestamp => {
                let (seconds, nanoseconds) = span(bytes)?;
                Value::Timestamp(Timestamp::since_1970(seconds, nanoseconds))
            }
            Message::Empty => {
                Fields(bytes).try_for_each(|field| field.map(drop))?;
                return Message::Empty.make(&BTreeMap::new(), self.meter).map_err(Bad::Failed);
            }
            Message::ListValue => self.list(bytes)?,
            Message::Struct => self.entries(bytes)?,
            Message::Value => self.value(bytes)?,
            Message::Wrapper(field) => self.wrapped(field, bytes)?,
        })
    }

    fn wrapped<'a>(&mut self, field: Field, bytes: &[u8]) -> Read<Value<'a>> {
        let mut value = field.zero();
        for written in Fields(bytes) {
            let (1, written) = written? else { continue };
            value = match (field, written) {
                (Field::Bool, Written::Varint(bits)) => Value::Bool(bits != 0),
                (Field::Int32, Written::Varint(bits)) => Value::Int(int32(bits)),
                (Field::Int64, Written::Varint(bits)) => Value::Int(bits.cast_signed()),
                (Field::Uint32, Written::Varint(bits)) => Value::Uint(bits & u64::from(u32::MAX)),
                (Field::Uint64, Written::Varint(bits)) => Value::Uint(bits),
                (Field::Double, Written::Fixed64(bits)) => Value::Double(f64::from_bits(bits)),
                (Field::Float, Written::Fixed32(bits)) => Value::Double(f32::from_bits(bits).into()),
                (Field::String, Written::Bytes(bytes)) => self.text(bytes)?,
                (Field::Bytes, Written::Bytes(bytes)) => {
                    self.allocate(bytes.len())?;
                    Value::Bytes(Bytes::Shared(bytes.into()))
                }
                _ => continue,
            };
        }
        Ok(value)
    }

    #[inline(never)]
    fn value<'a>(&mut self, bytes: &[u8]) -> Read<Value<'a>> {
        self.meter.allocate_items(1).map_err(Bad::Failed)?;
        self.levels = self.levels.checked_sub(1).ok_or_else(too_deep)?;
        let mut value = Value::Null;
        for field in Fields(bytes) {
            value = match field? {
                (1, Written::Varint(_)) => Value::Null,
                (2, Written::Fixed64(bits)) => Value::Double(f64::from_bits(bits)),
                (3, Written::Bytes(bytes)) => self.text(bytes)?,
                (4, Written::Varint(bits)) => Value::Bool(bits != 0),
                (5, Written::Bytes(bytes)) => self.entries(bytes)?,
                (6, Written::Bytes(bytes)) => self.list(bytes)?,
                _ => continue,
            };
        }
        self.levels += 1;
        Ok(value)
    }

    #[inline(never)]
    fn list<'a>(&mut self, bytes: &[u8]) -> Read<Value<'a>> {
        let mut items = Vec::new();
        for field in Fields(bytes) {
            if let (1, Written::Bytes(bytes)) = field? {
                items.push(self.value(bytes)?);
            }
        }
        Ok(Value::list(items))
    }

    #[inline(never)]
    fn entries<'a>(&mut self, bytes: &[u8]) -> Read<Value<'a>> {
        let mut entries = BTreeMap::new();
        for field in Fields(bytes) {
            if let (1, Written::Bytes(bytes)) = field? {
                let (key, value) = self.entry(bytes)?;
                entries.insert(key, value);
            }
        }
        Ok(if entries.is_empty() { json::empty() } else { Value::Map(Map::Shared(Rc::new(entries))) })
    }

    fn entry<'a>(&mut self, bytes: &[u8]) -> Read<(Key<'a>, Value<'a>)> {
        let (mut key, mut value): (&str, &[u8]) = ("", &[]);
        for field in Fields(bytes) {
            match field? {
                (1, Written::Bytes(bytes)) => key = text(bytes)?,
                (2, Written::Bytes(bytes)) => value = bytes,
                _ => {}
            }
        }
        self.allocate(key.len())?;
        Ok((Key::String(Text::Shared(key.into())), self.value(value)?))
    }

    fn text<'a>(&mut self, bytes: &[u8]) -> Read<Value<'a>> {
        self.allocate(bytes.len())?;
        Ok(Value::text(text(bytes)?))
    }

    fn allocate(&mut self, bytes: usize) -> Read<()> {
        self.meter.allocate(bytes).map_err(Bad::Failed)
    }
}

fn too_deep() -> Bad {
    Bad::Failed(Failure::error(format!("it is nested more than {} levels deep", limits::CEL_VALUE_DEPTH)))
}

/// Seconds, and nanoseconds.
fn span(bytes: &[u8]) -> Read<(i64, i64)> {
    let (mut seconds, mut nanoseconds) = (0, 0);
    for field in Fields(bytes) {
        match field? {
            (1, Written::Varint(bits)) => seconds = bits.cast_signed(),
            (2, Written::Varint(bits)) => nanoseconds = int32(bits),
            _ => {}
        }
    }
    Ok((seconds, nanoseconds))
}

#[expect(clippy::cast_possible_truncation, reason = "the rest of the bits counts for nothing")]
fn int32(bits: u64) -> i64 {
    i64::from((bits as u32).cast_signed())
}

// === impl Fields ===

/// Groups in groups: Go's `protowire` takes no more (`DefaultRecursionLimit`).
const GROUPS: usize = 10_000;

/// The largest number of a field.
const LAST_NUMBER: u64 = (1 << 29) - 1;

impl<'b> Iterator for Fields<'b> {
    type Item = Read<(u64, Written<'b>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let read = self.field();
        if read.is_none() {
            self.0 = &[];
        }
        Some(read.ok_or(Bad::Malformed))
    }
}

impl<'b> Fields<'b> {
    /// A field, or a group with all that is in it.
    fn field(&mut self) -> Option<(u64, Written<'b>)> {
        let (number, kind) = self.tag()?;
        if kind != 3 {
            return Some((number, self.written(kind)?));
        }
        let mut open = vec![number];
        while let Some(group) = open.last().copied() {
            match self.tag()? {
                (_, 3) if open.len() >= GROUPS => return None,
                (inner, 3) => open.push(inner),
                (ended, 4) if ended == group => {
                    open.pop();
                }
                (_, kind) => {
                    self.written(kind)?;
                }
            }
        }
        Some((number, Written::Group))
    }

    fn tag(&mut self) -> Option<(u64, u64)> {
        let tag = self.varint()?;
        (1..=LAST_NUMBER).contains(&(tag >> 3)).then_some((tag >> 3, tag & 7))
    }

    fn written(&mut self, kind: u64) -> Option<Written<'b>> {
        Some(match kind {
            0 => Written::Varint(self.varint()?),
            1 => Written::Fixed64(u64::from_le_bytes(*self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Written::Bytes(bytes)
            }
            5 => Written::Fixed32(u32::from_le_bytes(*self.array()?)),
            _ => return None,
        })
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for place in 0..10 {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            if place == 9 && *byte > 1 {
                return None;
            }
            value |= u64::from(byte & 0x7F) << (7 * place);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn array<const N: usize>(&mut self) -> Option<&'b [u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(array)
    }
}
