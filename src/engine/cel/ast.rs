//! An expression after macros were expanded: what is checked, and then run.

use std::sync::Arc;

use crate::engine::cel::functions::Overload;

/// A node, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Byte in the source: where cel-go puts its caret.
    pub at: u32,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Literal(Literal),
    /// A variable, or a variable of a [`Fold`] around it.
    Name(Arc<str>),
    /// A type by its name, as in `type(x) == int`. Only the checker makes it.
    Type(Arc<str>),
    Select {
        operand: Box<Expr>,
        field: Arc<str>,
        /// From `has(…)`: whether it is there.
        test: bool,
    },
    Call(Box<Call>),
    List(Vec<Element>),
    Map(Vec<Entry>),
    /// `JSONPatch{op: "add"}`.
    Struct {
        name: Arc<str>,
        fields: Vec<Field>,
    },
    Fold(Box<Fold>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Arc<str>),
    Bytes(Arc<[u8]>),
}

/// A call of a function, an operator (`_+_`) or a member function. The checker turns `lists.range(3)`, which is parsed as a member
/// of `lists`, into a call of `lists.range`.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub function: Arc<str>,
    pub target: Option<Expr>,
    pub args: Vec<Expr>,
    /// Those that the static types leave, in the order of their declaration; one in most cases. Only the checker knows.
    pub overloads: Vec<&'static Overload>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    pub value: Expr,
    /// `[?x]`.
    pub optional: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub at: u32,
    pub key: Expr,
    pub value: Expr,
    /// `{?k: x}`.
    pub optional: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub at: u32,
    pub name: Arc<str>,
    pub value: Expr,
    /// `T{?f: x}`.
    pub optional: bool,
}

/// A comprehension, exactly as cel-go expands its macros: costs are counted on what it expands to.
#[derive(Clone, Debug, PartialEq)]
pub struct Fold {
    pub range: Expr,
    pub item: Arc<str>,
    /// With two variables `item` is the index or key.
    pub item2: Option<Arc<str>>,
    pub result_name: Arc<str>,
    pub init: Expr,
    pub condition: Expr,
    pub step: Expr,
    pub result: Expr,
}

// === impl Expr ===

impl Expr {
    /// What it is made of, one level down.
    pub fn parts(&self) -> impl Iterator<Item = &Self> {
        let parts: Vec<&Self> = match &self.kind {
            Kind::Literal(_) | Kind::Name(_) | Kind::Type(_) => Vec::new(),
            Kind::Select { operand, .. } => vec![operand],
            Kind::Call(call) => call.target.iter().chain(&call.args).collect(),
            Kind::List(elements) => elements.iter().map(|element| &element.value).collect(),
            Kind::Map(entries) => entries.iter().flat_map(|entry| [&entry.key, &entry.value]).collect(),
            Kind::Struct { fields, .. } => fields.iter().map(|field| &field.value).collect(),
            Kind::Fold(fold) => vec![&fold.range, &fold.init, &fold.condition, &fold.step, &fold.result],
        };
        parts.into_iter()
    }
}
