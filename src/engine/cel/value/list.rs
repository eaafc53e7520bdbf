//! Lists, wherever their elements are.

use std::rc::Rc;

use crate::engine::cel::{
    Failure, Meter, Value,
    value::{List, number},
};

/// The elements of a list, each made when it is asked for.
#[derive(Debug)]
pub struct Items<'l, 'a> {
    list: &'l List<'a>,
    next: usize,
}

// === impl List ===

impl<'a> List<'a> {
    pub const fn empty() -> Self {
        List::Json(&[])
    }

    pub fn len(&self) -> usize {
        match self {
            List::Json(items) => items.len(),
            List::Shared(items) => items.len(),
            List::Range(below) => usize::try_from(*below).unwrap_or_default(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, index: usize) -> Option<Value<'a>> {
        match self {
            List::Json(items) => items.get(index).map(Value::from_json),
            List::Shared(items) => items.get(index).cloned(),
            List::Range(below) => i64::try_from(index).ok().filter(|index| index < below).map(Value::Int),
        }
    }

    #[expect(clippy::iter_without_into_iter, reason = "elements are made, and none is lent")]
    pub const fn iter(&self) -> Items<'_, 'a> {
        Items { list: self, next: 0 }
    }

    /// Whether an element equals it.
    ///
    /// # Errors
    /// Where comparing takes more than the request may.
    pub fn contains(&self, value: &Value<'_>, meter: &mut Meter) -> Result<bool, Failure> {
        for item in self.iter() {
            if value.equals(&item, meter)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The place that an index means, in range or not.
    ///
    /// # Errors
    /// What is no whole number.
    pub fn index(value: &Value<'_>) -> Result<i64, Failure> {
        let unsupported = || Failure::error(format!("unsupported index value {value} in list"));
        match value {
            Value::Int(index) => Ok(*index),
            Value::Uint(index) => i64::try_from(*index).map_err(|_| unsupported()),
            Value::Double(index) => number::exact_int(*index).ok_or_else(unsupported),
            other => Err(Failure::error(format!("unsupported index type '{}' in list", other.type_name().as_str()))),
        }
    }
}

impl<'a> From<Vec<Value<'a>>> for List<'a> {
    fn from(items: Vec<Value<'a>>) -> Self {
        List::Shared(Rc::new(items))
    }
}

// === impl Items ===

impl<'a> Iterator for Items<'_, 'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let item = self.list.get(self.next)?;
        self.next += 1;
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.list.len().saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Items<'_, '_> {}
