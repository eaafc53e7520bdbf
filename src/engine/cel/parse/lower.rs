//! From the parser's tree to ours: macros are expanded, and limits hold, before anything larger is made.

use std::sync::Arc;

use cel_interpreter::common::ast::{
    CallExpr, EntryExpr, Expr as Parsed, IdedEntryExpr, IdedExpr, LiteralValue, SourceInfo,
};

use crate::engine::{
    cel::{
        ast::{Call, Element, Entry, Expr, Field, Kind, Literal},
        macros::{self, Macro},
        program::BadExpression,
    },
    limits,
};

type Lowered<T = Expr> = Result<T, BadExpression>;

/// One source on its way to a tree.
pub(super) struct Lower<'s> {
    source: &'s str,
    places: &'s SourceInfo,
    /// Made so far.
    nodes: usize,
    /// Operators, selections and calls of members around this one, as cel-go counts its own recursion.
    depth: usize,
    /// Comprehensions around this one.
    folds: usize,
    /// Nodes around this one.
    levels: usize,
}

// === impl Lower ===

impl<'s> Lower<'s> {
    pub(super) const fn new(source: &'s str, places: &'s SourceInfo) -> Self {
        Self { source, places, nodes: 0, depth: 0, folds: 0, levels: 0 }
    }

    pub(super) fn root(mut self, root: IdedExpr) -> Lowered {
        self.expr(root)
    }

    fn expr(&mut self, parsed: IdedExpr) -> Lowered {
        let at = self.place(parsed.id);
        self.count(at, 1)?;
        self.levels += 1;
        if self.levels > limits::CEL_LEVELS {
            return Err(self.refuse(at, too_deep()));
        }
        let made = self.kind(at, parsed.expr);
        self.levels -= 1;
        made
    }

    fn kind(&mut self, at: u32, parsed: Parsed) -> Lowered {
        let kind = match parsed {
            Parsed::Unspecified | Parsed::Comprehension(_) => return Err(self.refuse(at, "this is no expression")),
            Parsed::Ident(name) => Kind::Name(name.into()),
            Parsed::Literal(literal) => Kind::Literal(lower_literal(&literal)),
            Parsed::Select(select) => {
                let operand = self.deeper(at, |lower| lower.expr(*select.operand))?;
                Kind::Select { operand: Box::new(operand), field: select.field.into(), test: select.test }
            }
            Parsed::List(list) => Kind::List(self.elements(list.elements, &list.optional_indices)?),
            Parsed::Map(map) => Kind::Map(self.entries(map.entries)?),
            Parsed::Struct(made) => Kind::Struct { name: made.type_name.into(), fields: self.fields(made.entries)? },
            Parsed::Call(call) => return self.call(at, call),
        };
        Ok(Expr { at, kind })
    }

    fn call(&mut self, at: u32, call: CallExpr) -> Lowered {
        if let Some(found) = macros::find(&call.func_name, call.target.is_some(), call.args.len()) {
            return self.expand(at, found, call);
        }
        let counts = call.target.is_some() || is_counted(&call.func_name);
        let made = |lower: &mut Self| {
            let target = call.target.map(|target| lower.expr(*target)).transpose()?;
            let args = call.args.into_iter().map(|arg| lower.expr(arg)).collect::<Lowered<Vec<_>>>()?;
            Ok(Call { function: call.func_name.into(), target, args, overloads: Vec::new() })
        };
        let call = if counts { self.deeper(at, made)? } else { made(self)? };
        Ok(Expr { at, kind: Kind::Call(Box::new(call)) })
    }

    fn expand(&mut self, at: u32, found: Macro, call: CallExpr) -> Lowered {
        self.count(at, macros::NODES)?;
        let before = self.nodes;
        let (target, args) = self.deeper(at, |lower| {
            lower.levels += macros::LEVELS;
            let target = call.target.map(|target| lower.expr(*target)).transpose()?;
            if found.copies_target() {
                lower.count(at, lower.nodes - before)?;
            }
            lower.folds += usize::from(found.is_fold());
            if lower.folds > limits::CEL_FOLDS {
                let message = format!("`{}` is nested more than {} deep", call.func_name, limits::CEL_FOLDS);
                return Err(lower.refuse(at, message));
            }
            let args = call.args.into_iter().map(|arg| lower.expr(arg)).collect::<Lowered<Vec<_>>>()?;
            lower.folds -= usize::from(found.is_fold());
            lower.levels -= macros::LEVELS;
            Ok((target, args))
        })?;
        found.expand(at, target, args).map_err(|(at, message)| self.refuse(at, message))
    }

    fn elements(&mut self, elements: Vec<IdedExpr>, optional: &[usize]) -> Lowered<Vec<Element>> {
        let element = |(index, value)| Ok(Element { value: self.expr(value)?, optional: optional.contains(&index) });
        elements.into_iter().enumerate().map(element).collect()
    }

    fn entries(&mut self, entries: Vec<IdedEntryExpr>) -> Lowered<Vec<Entry>> {
        let mut made = Vec::with_capacity(entries.len());
        for entry in entries {
            let at = self.place(entry.id);
            let EntryExpr::MapEntry(entry) = entry.expr else {
                return Err(self.refuse(at, "this is no entry of a mapping"));
            };
            let (key, value) = (self.expr(entry.key)?, self.expr(entry.value)?);
            made.push(Entry { at, key, value, optional: entry.optional });
        }
        Ok(made)
    }

    fn fields(&mut self, entries: Vec<IdedEntryExpr>) -> Lowered<Vec<Field>> {
        let mut made = Vec::with_capacity(entries.len());
        for entry in entries {
            let at = self.place(entry.id);
            let EntryExpr::StructField(field) = entry.expr else {
                return Err(self.refuse(at, "this is no field"));
            };
            let value = self.expr(field.value)?;
            made.push(Field { at, name: field.field.into(), value, optional: field.optional });
        }
        Ok(made)
    }

    fn deeper<T>(&mut self, at: u32, make: impl FnOnce(&mut Self) -> Lowered<T>) -> Lowered<T> {
        self.depth += 1;
        if self.depth > limits::CEL_DEPTH {
            return Err(self.refuse(at, too_deep()));
        }
        let made = make(self);
        self.depth -= 1;
        made
    }

    fn count(&mut self, at: u32, nodes: usize) -> Lowered<()> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > limits::CEL_NODES {
            let message =
                format!("the expression comes to more than {} parts; split it into variables", limits::CEL_NODES);
            return Err(self.refuse(at, message));
        }
        Ok(())
    }

    fn place(&self, id: u64) -> u32 {
        self.places.offset_for(id).map_or(0, |(start, _)| start)
    }

    fn refuse(&self, at: u32, message: impl Into<String>) -> BadExpression {
        BadExpression::new(self.source, at as usize, message)
    }
}

pub(super) fn too_deep() -> String {
    format!("the expression is nested more than {} deep; split it into variables", limits::CEL_DEPTH)
}

/// What cel-go counts as a level of its own: everything that is written with an operator between operands.
fn is_counted(function: &str) -> bool {
    function.starts_with('_') && !matches!(function, "_&&_" | "_||_") || function == "@in"
}

fn lower_literal(literal: &LiteralValue) -> Literal {
    match literal {
        LiteralValue::Null => Literal::Null,
        LiteralValue::Boolean(value) => Literal::Bool(**value),
        LiteralValue::Int(value) => Literal::Int(**value),
        LiteralValue::UInt(value) => Literal::Uint(**value),
        LiteralValue::Double(value) => Literal::Double(**value),
        LiteralValue::String(value) => Literal::String(Arc::from(value.inner())),
        LiteralValue::Bytes(value) => Literal::Bytes(Arc::from(value.inner())),
    }
}
