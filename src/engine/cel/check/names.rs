//! Names: variables, types as values, and what has a dot in its name.

use std::sync::Arc;

use crate::engine::cel::{
    ast::{Expr, Kind, Literal},
    check::{Bad, Checked, expr::Checker, words},
    library::protobuf::{self, Message},
    types::Type,
};

/// Types that expressions may name. Kubernetes declares no name for its other types.
const TYPES: [&str; 16] = [
    "bool",
    "bytes",
    "double",
    "google.protobuf.Duration",
    "google.protobuf.Empty",
    "google.protobuf.Timestamp",
    "int",
    "list",
    "map",
    "net.CIDR",
    "net.IP",
    "null_type",
    "optional_type",
    "string",
    "type",
    "uint",
];

// === impl Checker ===

impl Checker<'_> {
    pub(super) fn name(&mut self, expr: &mut Expr) -> Checked<Type> {
        let Kind::Name(written) = &expr.kind else {
            return Ok(Type::of_type(Type::Dyn));
        };
        let name = Arc::clone(written);
        let name = name.strip_prefix('.').unwrap_or(&name);
        if let Some((kind, of)) = self.declared(expr.at, name) {
            expr.kind = kind;
            return Ok(of);
        }
        if let Some((_, why)) = self.scope.refused.iter().find(|(refused, _)| *refused == name) {
            return Err(Bad::new(expr.at, *why));
        }
        Err(Bad::new(expr.at, words::no_name(name, self.known())))
    }

    /// Where a chain of names is one name with dots, as `net.IP`, it becomes that.
    pub(super) fn qualified_name(&mut self, expr: &mut Expr) -> Option<Type> {
        if !matches!(expr.kind, Kind::Select { test: false, .. }) {
            return None;
        }
        let (kind, of) = self.declared(expr.at, &dotted(expr)?)?;
        expr.kind = kind;
        Some(of)
    }

    pub(super) fn is_variable(&self, name: &str) -> bool {
        let name = name.strip_prefix('.').unwrap_or(name);
        self.locals.iter().any(|(local, _)| **local == *name)
            || self.scope.names.iter().any(|(known, _)| *known == name)
            || self.scope.refused.iter().any(|(refused, _)| *refused == name)
    }

    fn declared(&mut self, at: u32, name: &str) -> Option<(Kind, Type)> {
        if let Some((local, of)) = self.locals.iter().rev().find(|(local, _)| **local == *name) {
            let (local, of) = (Arc::clone(local), of.clone());
            if matches!(of, Type::Type(_) | Type::Variable(_)) {
                self.named.push((at, Arc::clone(&local), of.clone()));
            }
            return Some((Kind::Name(local), of));
        }
        if let Some((known, of)) = self.scope.names.iter().find(|(known, _)| *known == name) {
            let name: Arc<str> = (*known).into();
            self.uses.insert(Arc::clone(&name));
            return Some((Kind::Name(name), of.clone()));
        }
        if name == protobuf::NULL_VALUE {
            return Some((Kind::Literal(Literal::Int(0)), Type::Int));
        }
        let of = named_type(name)?;
        Some((Kind::Type(name.into()), Type::of_type(of)))
    }

    /// Where the variable of a loop is a type, cel-go takes its name for that of a type, and finds none (interpreter/planner.go).
    pub(super) fn no_variable_is_a_type(&mut self) -> Checked<()> {
        for (at, name, of) in std::mem::take(&mut self.named) {
            if matches!(self.unifier.resolved(&of), Type::Type(_)) {
                return Err(Bad::new(at, format!("`{name}` is a type, which the variable of a loop cannot be")));
            }
        }
        Ok(())
    }

    fn known(&self) -> impl Iterator<Item = &str> {
        let locals = self.locals.iter().map(|(name, _)| &**name).filter(|name| !name.starts_with(['@', '#']));
        locals.chain(self.scope.names.iter().map(|(name, _)| *name)).chain(TYPES)
    }
}

/// `a.b.c` as one name, where it is nothing but names.
pub(super) fn dotted(expr: &Expr) -> Option<String> {
    let mut parts = Vec::new();
    let mut expr = expr;
    loop {
        match &expr.kind {
            Kind::Name(name) => {
                parts.push(name.strip_prefix('.').unwrap_or(name));
                parts.reverse();
                return Some(parts.join("."));
            }
            Kind::Select { operand, field, test: false } => {
                parts.push(field);
                expr = operand;
            }
            _ => return None,
        }
    }
}

/// Where the first name of `a.b.c` stands.
pub(super) fn first_name(expr: &Expr) -> u32 {
    match &expr.kind {
        Kind::Select { operand, .. } => first_name(operand),
        _ => expr.at,
    }
}

fn named_type(name: &str) -> Option<Type> {
    Some(match name {
        "bool" => Type::Bool,
        "bytes" => Type::Bytes,
        "double" => Type::Double,
        "google.protobuf.Duration" => Type::Duration,
        "google.protobuf.Empty" => Message::Empty.type_of(),
        "google.protobuf.Timestamp" => Type::Timestamp,
        "int" => Type::Int,
        "list" => Type::list(Type::Dyn),
        "map" => Type::map(Type::Dyn, Type::Dyn),
        "net.CIDR" | "net.IP" | "optional_type" | "type" => Type::opaque(name),
        "null_type" => Type::Null,
        "string" => Type::String,
        "uint" => Type::Uint,
        _ => return None,
    })
}
