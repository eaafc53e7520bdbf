//! Lists, maps and structs that an expression writes.

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use crate::engine::cel::{
    Answer, Failure, Value,
    ast::{Element, Entry, Expr, Field},
    library::protobuf::Message,
    run::{Runner, constant},
    value::{Key, Map, Struct},
};

/// What making one costs, whatever is in it (cel-go common/cost.go).
const LIST: u64 = 10;
const MAP: u64 = 30;
const STRUCT: u64 = 40;

// === impl Runner ===

impl<'a> Runner<'_, 'a> {
    #[inline(never)]
    pub(super) fn list(&mut self, expr: &'a Expr, elements: &'a [Element]) -> Answer<'a> {
        self.made(expr, LIST, |runner| runner.elements(elements))
    }

    #[inline(never)]
    pub(super) fn map(&mut self, expr: &'a Expr, entries: &'a [Entry]) -> Answer<'a> {
        self.made(expr, MAP, |runner| runner.entries(entries))
    }

    #[inline(never)]
    pub(super) fn make_struct(&mut self, name: &Arc<str>, fields: &'a [Field]) -> Answer<'a> {
        let made = self.fields(fields).and_then(|made| match Message::named(name) {
            Some(message) => message.make(&made, self.meter),
            None => Ok(Value::Struct(Rc::new(Struct { of: Arc::clone(name), fields: made }))),
        });
        self.charged(STRUCT, made)
    }

    fn made(&mut self, expr: &'a Expr, cost: u64, make: impl FnOnce(&mut Self) -> Answer<'a>) -> Answer<'a> {
        if self.free || !self.is_constant(expr)? {
            let made = make(self);
            return self.charged(cost, made);
        }
        self.free = true;
        let made = make(self);
        self.free = false;
        made
    }

    fn is_constant(&mut self, expr: &Expr) -> Result<bool, Failure> {
        let mut seen = 0;
        let constant = constant::is_constant(expr, &mut seen);
        self.meter.work(seen / 8)?;
        Ok(constant)
    }

    #[inline(never)]
    fn elements(&mut self, elements: &'a [Element]) -> Answer<'a> {
        self.meter.allocate_items(elements.len())?;
        self.meter.work(elements.len())?;
        let mut values = Vec::with_capacity(elements.len());
        for element in elements {
            let value = self.eval(&element.value)?;
            if !element.optional {
                values.push(value);
                continue;
            }
            match value {
                Value::Optional(Some(value)) => values.push(Value::clone(&value)),
                Value::Optional(None) => {}
                other => return Err(not_optional("list element", &other)),
            }
        }
        Ok(Value::list(values))
    }

    #[inline(never)]
    fn entries(&mut self, entries: &'a [Entry]) -> Answer<'a> {
        self.meter.allocate_items(entries.len().saturating_mul(2))?;
        self.meter.work(entries.len())?;
        let mut made = BTreeMap::new();
        for entry in entries {
            let key = self.eval(&entry.key)?;
            let value = self.eval(&entry.value)?;
            self.meter.work(key.as_str().map_or(0, str::len) / 64)?;
            Key::check(&key)?;
            let key = Key::from_value(&key);
            match value {
                value if !entry.optional => {
                    made.insert(key, value);
                }
                Value::Optional(Some(value)) => {
                    made.insert(key, Value::clone(&value));
                }
                Value::Optional(None) => {
                    made.remove(&key);
                }
                other => return Err(not_optional(&format!("entry '{key}'"), &other)),
            }
        }
        Ok(Value::Map(Map::Shared(Rc::new(made))))
    }

    #[inline(never)]
    fn fields(&mut self, fields: &'a [Field]) -> Result<BTreeMap<Arc<str>, Value<'a>>, Failure> {
        self.meter.allocate_items(fields.len().saturating_mul(2))?;
        let mut made = BTreeMap::new();
        for field in fields {
            match self.eval(&field.value)? {
                value if !field.optional => {
                    made.insert(Arc::clone(&field.name), value);
                }
                Value::Optional(Some(value)) => {
                    made.insert(Arc::clone(&field.name), Value::clone(&value));
                }
                Value::Optional(None) => {
                    made.remove(&field.name);
                }
                other => return Err(not_optional(&format!("entry '{}'", field.name), &other)),
            }
        }
        Ok(made)
    }
}

fn not_optional(what: &str, value: &Value<'_>) -> Failure {
    Failure::error(format!("cannot initialize optional {what} from non-optional value {value}"))
}
