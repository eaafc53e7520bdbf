//! Values as JSON, for what a mutation writes: as a MutatingAdmissionPolicy writes them (protobuf's JSON of `structpb.Value`).

use serde_json::{Map as JsonMap, Number, Value as Json};

use crate::engine::{
    base64,
    cel::{
        Failure, Value,
        value::{Key, List, Map, Struct, number},
    },
    limits,
};

/// Ints up to this are numbers, and beyond it texts: JavaScript's `Number.MAX_SAFE_INTEGER`.
const EXACT: u64 = (1 << 53) - 1;

/// What a value counts for, besides what is in it: less than it takes to keep, and about what it takes to write.
const VALUE: usize = 4;

/// What a mapping counts for, besides what is in it.
const MAPPING: usize = 32;

impl Value<'_> {
    /// The whole of it keeps to one limit: all operations of a mutation are to be written at once, as the list that they are.
    ///
    /// # Errors
    /// A value that JSON has no form for, or more than a mutation may write.
    pub fn to_json(&self) -> Result<Json, Failure> {
        Writer { left: limits::CEL_JSON }.value(self)
    }
}

struct Writer {
    /// Bytes that may still be written; a mapping with something in it counts for more of them, as it takes some 600 to keep.
    left: usize,
}

// === impl Writer ===

impl Writer {
    fn value(&mut self, value: &Value<'_>) -> Result<Json, Failure> {
        self.take(VALUE)?;
        Ok(match value {
            Value::Null => Json::Null,
            Value::Bool(value) => (*value).into(),
            Value::Int(value) if value.unsigned_abs() <= EXACT => (*value).into(),
            Value::Int(value) => value.to_string().into(),
            Value::Uint(value) if *value <= EXACT => (*value).into(),
            Value::Uint(value) => value.to_string().into(),
            Value::Double(value) => double(*value)?,
            Value::String(text) => {
                self.take(text.as_str().len())?;
                text.as_str().into()
            }
            Value::Bytes(bytes) => {
                self.take(bytes.as_slice().len())?;
                base64::encode(bytes.as_slice()).into()
            }
            Value::Duration(duration) => duration.to_string().into(),
            Value::Timestamp(time) => time.to_string().into(),
            Value::List(list) => self.list(list)?,
            Value::Map(map) => self.map(map)?,
            Value::Struct(made) => self.fields(made)?,
            Value::Optional(Some(value)) => self.value(value)?,
            Value::Optional(None) => return Err(Failure::error("optional.none() dereference")),
            other => return Err(Failure::error(format!("JSON has no form for `{}`", other.type_name().as_str()))),
        })
    }

    #[inline(never)]
    fn list(&mut self, list: &List<'_>) -> Result<Json, Failure> {
        list.iter().map(|item| self.value(&item)).collect::<Result<_, _>>().map(Json::Array)
    }

    #[inline(never)]
    fn map(&mut self, map: &Map<'_>) -> Result<Json, Failure> {
        let mut object = JsonMap::new();
        self.take(if map.is_empty() { 0 } else { MAPPING })?;
        for (key, value) in map.iter() {
            let Key::String(key) = key else {
                return Err(Failure::error(format!("JSON has no keys but texts, and not `{key}`")));
            };
            self.take(key.as_str().len())?;
            object.insert(key.as_str().to_owned(), self.value(&value)?);
        }
        Ok(Json::Object(object))
    }

    #[inline(never)]
    fn fields(&mut self, made: &Struct<'_>) -> Result<Json, Failure> {
        let mut object = JsonMap::new();
        self.take(if made.fields.is_empty() { 0 } else { MAPPING })?;
        for (name, value) in &made.fields {
            self.take(name.len())?;
            object.insert(name.to_string(), self.value(value)?);
        }
        Ok(Json::Object(object))
    }

    fn take(&mut self, size: usize) -> Result<(), Failure> {
        let too_large = || Failure::error(format!("a mutation may write {} bytes, and no more", limits::CEL_JSON));
        self.left = self.left.checked_sub(size).ok_or_else(too_large)?;
        Ok(())
    }
}

/// A whole number is written without a point, as Go writes it.
fn double(value: f64) -> Result<Json, Failure> {
    if let Some(int) = number::exact_int(value) {
        return Ok(int.into());
    }
    let none = || Failure::error(format!("JSON has no number for `{}`", number::shortest(value)));
    Number::from_f64(value).map(Json::Number).ok_or_else(none)
}
