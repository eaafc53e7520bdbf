//! The walk over an expression: every node gets its type.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::engine::cel::{
    ast::{Element, Entry, Expr, Field, Fold, Kind, Literal},
    check::{Bad, Checked, formats, unify::Unifier, words},
    library::protobuf::Message,
    program::Scope,
    types::{ObjectType, Type},
};

pub(super) struct Checker<'s> {
    pub(super) scope: &'s Scope,
    pub(super) unifier: Unifier,
    /// Variables of the comprehensions around, the innermost last.
    pub(super) locals: Vec<(Arc<str>, Type)>,
    /// Where they are read that are types, or may turn out to be.
    pub(super) named: Vec<(u32, Arc<str>, Type)>,
    pub(super) uses: BTreeSet<Arc<str>>,
    /// Types that must turn out to be one: those of the parts of a list or mapping.
    alike: Vec<Alike>,
    /// Calls of `format` around: what is formatted may be of several types.
    formats: usize,
    /// The types of what is in calls of `format`, by where it is in memory.
    formatted: BTreeMap<usize, Type>,
}

/// Where each of some parts stands, and of what type it is.
type Alike = Vec<(u32, Type)>;

// === impl Checker ===

impl<'s> Checker<'s> {
    pub(super) fn new(scope: &'s Scope) -> Self {
        Self {
            scope,
            unifier: Unifier::default(),
            locals: Vec::new(),
            named: Vec::new(),
            uses: BTreeSet::new(),
            alike: Vec::new(),
            formats: 0,
            formatted: BTreeMap::new(),
        }
    }

    pub(super) fn whole(&mut self, root: &mut Expr) -> Checked<(Type, BTreeSet<Arc<str>>)> {
        let of = self.expr(root)?;
        for parts in std::mem::take(&mut self.alike) {
            self.must_be_alike(parts)?;
        }
        self.no_variable_is_a_type()?;
        let result = self.unifier.settled(&of);
        self.formats(root)?;
        self.in_bounds(root.at)?;
        Ok((result, std::mem::take(&mut self.uses)))
    }

    pub(super) fn expr(&mut self, expr: &mut Expr) -> Checked<Type> {
        let of = match self.qualified_name(expr) {
            Some(of) => of,
            None => self.unqualified(expr)?,
        };
        if self.formats > 0 {
            self.formatted.insert(std::ptr::from_ref(expr).addr(), of.clone());
        }
        self.unifier.measure(&of);
        self.in_bounds(expr.at)?;
        Ok(of)
    }

    fn unqualified(&mut self, expr: &mut Expr) -> Checked<Type> {
        let at = expr.at;
        Ok(match &mut expr.kind {
            Kind::Literal(literal) => type_of(literal),
            Kind::Name(_) | Kind::Type(_) => self.name(expr)?,
            Kind::Select { operand, field, test } => {
                let (field, test) = (Arc::clone(field), *test);
                let of = self.field(at, operand, &field, false)?;
                if test { Type::Bool } else { self.unifier.resolved(&of) }
            }
            Kind::Call(call) => self.call(at, call)?,
            Kind::List(elements) => self.list(elements)?,
            Kind::Map(entries) => self.map(entries)?,
            Kind::Struct { name, fields } => self.made(at, name, fields)?,
            Kind::Fold(fold) => self.fold(fold)?,
        })
    }

    /// Every format that is written out, against what it is to format.
    fn formats(&mut self, expr: &Expr) -> Checked<()> {
        if let Kind::Call(call) = &expr.kind
            && let Some((at, format, elements)) = formats::written_out(call)
        {
            let (formatted, unifier) = (&self.formatted, &mut self.unifier);
            let type_of = |part: &Expr| match formatted.get(&std::ptr::from_ref(part).addr()) {
                Some(of) => unifier.settled(of),
                None => Type::Dyn,
            };
            formats::check(at, format, elements, type_of)?;
        }
        if self.formatted.is_empty() { Ok(()) } else { expr.parts().try_for_each(|part| self.formats(part)) }
    }

    /// The type of what `operand.field` gives; `optional` for `operand.?field`.
    pub(super) fn field(&mut self, at: u32, operand: &mut Expr, field: &str, optional: bool) -> Checked<Type> {
        let operand = self.expr(operand)?;
        let operand = self.unifier.resolved(&operand);
        let (of, was_optional) = match &operand {
            Type::Optional(of) => (Type::clone(of), true),
            _ => (operand.clone(), false),
        };
        let found = match &of {
            Type::Map(_, value) => Type::clone(value),
            Type::Object(object) => match object.field(field) {
                Some(of) => of.clone(),
                None => return Err(Bad::new(at, words::no_field(object, field))),
            },
            Type::Variable(_) => {
                self.unifier.assignable(&Type::Dyn, &of);
                Type::Dyn
            }
            Type::Dyn | Type::Any | Type::Error => Type::Dyn,
            _ => return Err(Bad::new(at, words::no_fields(&self.unifier.settled(&of), field))),
        };
        Ok(if optional || was_optional { Type::optional(found) } else { found })
    }

    pub(super) fn in_format<T>(&mut self, format: bool, check: impl FnOnce(&mut Self) -> T) -> T {
        self.formats += usize::from(format);
        let checked = check(self);
        self.formats -= usize::from(format);
        checked
    }

    fn list(&mut self, elements: &mut [Element]) -> Checked<Type> {
        let mut joined = None;
        let mut parts = Alike::with_capacity(elements.len());
        for element in elements {
            let at = element.value.at;
            let of = self.expr(&mut element.value)?;
            let of = if element.optional { self.unwrapped(at, of)? } else { of };
            parts.push((at, of.clone()));
            joined = Some(self.joined(joined, of));
        }
        self.expect_alike(parts);
        let of = joined.unwrap_or_else(|| self.unifier.fresh());
        Ok(Type::list(of))
    }

    fn map(&mut self, entries: &mut [Entry]) -> Checked<Type> {
        let (mut key, mut value) = (None, None);
        let (mut keys, mut values) = (Alike::with_capacity(entries.len()), Alike::with_capacity(entries.len()));
        for entry in entries {
            let (key_at, value_at) = (entry.key.at, entry.value.at);
            let of_key = self.expr(&mut entry.key)?;
            keys.push((key_at, of_key.clone()));
            key = Some(self.joined(key, of_key));
            let of_value = self.expr(&mut entry.value)?;
            let of_value = if entry.optional { self.unwrapped(value_at, of_value)? } else { of_value };
            values.push((value_at, of_value.clone()));
            value = Some(self.joined(value, of_value));
        }
        self.expect_alike(keys);
        self.expect_alike(values);
        let key = key.unwrap_or_else(|| self.unifier.fresh());
        let value = value.unwrap_or_else(|| self.unifier.fresh());
        Ok(Type::map(key, value))
    }

    fn made(&mut self, at: u32, name: &mut Arc<str>, fields: &mut [Field]) -> Checked<Type> {
        let wanted = name.strip_prefix('.').unwrap_or(name);
        let (object, made) = self.can_be_made(wanted).map_err(|why| Bad::new(at, why))?;
        *name = Arc::clone(&object.name);
        for field in fields {
            let value_at = field.value.at;
            let of = self.expr(&mut field.value)?;
            let of = if field.optional { self.unwrapped(value_at, of)? } else { of };
            let Some((_, declared)) = object.fields.iter().find(|(name, _)| *name == field.name) else {
                return Err(Bad::new(field.at, words::no_field(&object, &field.name)));
            };
            if !self.unifier.assignable(declared, &of) {
                let message = format!("`{}` is {declared}, not {}", field.name, self.unifier.settled(&of));
                return Err(Bad::new(field.at, message));
            }
        }
        Ok(made)
    }

    /// What is made by this name: its fields, and its type.
    fn can_be_made(&self, name: &str) -> Result<(Arc<ObjectType>, Type), String> {
        if let Some(message) = Message::named(name) {
            return Ok((Arc::new(message.declared()), message.type_of()));
        }
        let of = self.scope.structs.iter().find(|of| matches!(of, Type::Object(object) if *object.name == *name));
        if let Some(Type::Object(object)) = of {
            return Ok((Arc::clone(object), Type::Object(Arc::clone(object))));
        }
        let root = name.split('.').next().unwrap_or_default();
        match self.scope.refused.iter().find(|(refused, _)| *refused == root) {
            Some((_, why)) => Err((*why).to_owned()),
            None => Err(words::no_struct(name, &self.scope.structs)),
        }
    }

    fn fold(&mut self, fold: &mut Fold) -> Checked<Type> {
        let range = self.expr(&mut fold.range)?;
        let gathered = self.expr(&mut fold.init)?;
        let range = self.unifier.resolved(&range);
        let two = fold.item2.is_some();
        let (item, item2) = match &range {
            Type::List(of) if two => (Type::Int, Type::clone(of)),
            Type::List(of) => (Type::clone(of), Type::Dyn),
            Type::Map(key, value) => (Type::clone(key), Type::clone(value)),
            Type::Dyn | Type::Error | Type::Variable(_) => {
                self.unifier.assignable(&Type::Dyn, &range);
                (Type::Dyn, Type::Dyn)
            }
            _ => {
                let message =
                    format!("this loops over {}; it can over a list, a map or a dyn", self.unifier.settled(&range));
                return Err(Bad::new(fold.range.at, message));
            }
        };
        let outside = self.locals.len();
        self.locals.push((Arc::clone(&fold.result_name), gathered.clone()));
        let inside = self.locals.len();
        self.locals.push((Arc::clone(&fold.item), item));
        if let Some(name) = &fold.item2 {
            self.locals.push((Arc::clone(name), item2));
        }
        let condition = self.expr(&mut fold.condition)?;
        self.must_be(fold.condition.at, &Type::Bool, &condition)?;
        let step = self.expr(&mut fold.step)?;
        self.must_be(fold.step.at, &gathered, &step)?;
        self.locals.truncate(inside);
        let result = self.expr(&mut fold.result)?;
        self.locals.truncate(outside);
        Ok(self.unifier.resolved(&result))
    }

    pub(super) fn must_be(&mut self, at: u32, wanted: &Type, of: &Type) -> Checked<()> {
        if self.unifier.assignable(wanted, of) {
            return Ok(());
        }
        Err(Bad::new(at, words::mismatch(&self.unifier.settled(wanted), &self.unifier.settled(of))))
    }

    /// The type of elements so far, and of one more. Where they differ it is `dyn` here, and refused in the end unless they are
    /// formatted.
    fn joined(&mut self, before: Option<Type>, of: Type) -> Type {
        match before {
            None => of,
            Some(before) if self.unifier.assignable(&before, &of) => self.unifier.most_general(before, of),
            Some(_) => Type::Dyn,
        }
    }

    fn unwrapped(&mut self, at: u32, of: Type) -> Checked<Type> {
        match of {
            Type::Optional(of) => Ok(Type::clone(&of)),
            Type::Dyn | Type::Any => Ok(of),
            _ => Err(Bad::new(at, format!("`?` takes an optional, not {}", self.unifier.settled(&of)))),
        }
    }

    fn expect_alike(&mut self, parts: Alike) {
        if self.formats == 0 && parts.len() > 1 {
            self.alike.push(parts);
        }
    }

    /// A rule that Kubernetes adds to cel-go's checker: `dyn` and `int` are two types.
    fn must_be_alike(&mut self, parts: Alike) -> Checked<()> {
        let mut first = None;
        for (at, of) in parts {
            let of = self.unifier.settled(&of);
            match &first {
                None => first = Some(of),
                Some(first) if first.is_exactly(&of) => {}
                Some(first) => return Err(Bad::new(at, words::unlike(first, &of))),
            }
        }
        Ok(())
    }

    fn in_bounds(&self, at: u32) -> Checked<()> {
        if self.unifier.is_exhausted() {
            return Err(Bad::new(at, "the types of this expression are too involved; split it into variables"));
        }
        Ok(())
    }
}

const fn type_of(literal: &Literal) -> Type {
    match literal {
        Literal::Null => Type::Null,
        Literal::Bool(_) => Type::Bool,
        Literal::Int(_) => Type::Int,
        Literal::Uint(_) => Type::Uint,
        Literal::Double(_) => Type::Double,
        Literal::String(_) => Type::String,
        Literal::Bytes(_) => Type::Bytes,
    }
}
