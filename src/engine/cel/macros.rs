//! Macros, expanded exactly as cel-go does: costs are counted on what they expand to.
//! (cel-go parser/macro.go, ext/comprehensions.go and cel/library.go at 0.26.)

use std::sync::Arc;

use crate::engine::cel::ast::{Call, Element, Expr, Fold, Kind, Literal};

/// The variable in which a comprehension gathers its result. No one can write this name.
pub const RESULT: &str = "@result";

/// The variable of a loop over nothing, which exists to name a value.
pub const UNUSED: &str = "#unused";

/// As cel-go names it: puts entries into the map that a comprehension gathers.
pub const MAP_INSERT: &str = "cel.@mapInsert";

/// The list that is sorted by keys of its elements. No one can write this name.
const SORTED: &str = "@__sortBy_input__";

/// Every macro, for those who look for a name that is spelled alike.
pub const NAMES: [&str; 13] = [
    "all",
    "exists",
    "existsOne",
    "exists_one",
    "filter",
    "has",
    "map",
    "optFlatMap",
    "optMap",
    "sortBy",
    "transformList",
    "transformMap",
    "transformMapEntry",
];

/// The older name of [`RESULT`], which no variable may have either.
const OLD_RESULT: &str = "__result__";

/// No macro adds more nodes than this to those it was called with.
pub const NODES: usize = 16;

/// No macro puts more levels than this around what it was called with.
pub const LEVELS: usize = 5;

/// A macro, with how it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Macro {
    Has,
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
    /// With an index or key, and a value.
    AllTwo,
    ExistsTwo,
    ExistsOneTwo,
    TransformList,
    TransformMap,
    TransformMapEntry,
    OptMap,
    OptFlatMap,
    SortBy,
}

/// Where a macro is called wrongly, and why.
type Bad = (u32, String);

/// The macro of this name that takes so many arguments. Without one it is a call as any other.
pub fn find(function: &str, member: bool, args: usize) -> Option<Macro> {
    Some(match (function, member, args) {
        ("has", false, 1) => Macro::Has,
        ("all", true, 2) => Macro::All,
        ("all", true, 3) => Macro::AllTwo,
        ("exists", true, 2) => Macro::Exists,
        ("exists", true, 3) => Macro::ExistsTwo,
        // Only with two variables has it the newer name.
        ("exists_one", true, 2) => Macro::ExistsOne,
        ("exists_one" | "existsOne", true, 3) => Macro::ExistsOneTwo,
        ("map", true, 2 | 3) => Macro::Map,
        ("filter", true, 2) => Macro::Filter,
        ("transformList", true, 3 | 4) => Macro::TransformList,
        ("transformMap", true, 3 | 4) => Macro::TransformMap,
        ("transformMapEntry", true, 3 | 4) => Macro::TransformMapEntry,
        ("optMap", true, 2) => Macro::OptMap,
        ("optFlatMap", true, 2) => Macro::OptFlatMap,
        ("sortBy", true, 2) => Macro::SortBy,
        _ => return None,
    })
}

/// How a macro is written.
pub fn usage(name: &str) -> &'static str {
    match name {
        "has" => "`has(a.b)`",
        "map" => "`list.map(x, value)` or `list.map(x, condition, value)`",
        "filter" => "`list.filter(x, condition)`",
        "optMap" | "optFlatMap" => "`optional.optMap(x, value)`",
        "sortBy" => "`list.sortBy(x, key)`",
        "transformList" | "transformMap" => {
            "`map.transformList(k, v, value)` or `map.transformList(k, v, condition, value)`"
        }
        "existsOne" => "`map.existsOne(k, v, condition)` or `list.exists_one(x, condition)`",
        "transformMapEntry" => "`map.transformMapEntry(k, v, {key: value})`",
        _ => "`list.all(x, condition)` or `map.all(k, v, condition)`",
    }
}

// === impl Macro ===

impl Macro {
    pub const fn is_fold(self) -> bool {
        !matches!(self, Self::Has)
    }

    /// Whether its target is there twice once it is expanded.
    pub const fn copies_target(self) -> bool {
        matches!(self, Self::OptMap | Self::OptFlatMap)
    }

    /// # Errors
    /// Arguments of the wrong kind.
    pub fn expand(self, at: u32, target: Option<Expr>, args: Vec<Expr>) -> Result<Expr, Bad> {
        let made = Maker { at };
        let mut args = args.into_iter();
        let first = args.next().ok_or_else(|| missing(at))?;
        let Some(target) = target else {
            return has(made, first);
        };
        let item = variable(&first)?;
        let item2 = match self {
            Self::Has => return has(made, first),
            Self::All | Self::Exists | Self::ExistsOne | Self::Map | Self::Filter => None,
            Self::SortBy => {
                let key = args.next().ok_or_else(|| missing(at))?;
                return made.sorted(item, target, key);
            }
            Self::OptMap | Self::OptFlatMap => {
                let body = args.next().ok_or_else(|| missing(at))?;
                return Ok(made.optional(self, item, target, body));
            }
            _ => Some(second_variable(&item, &args.next().ok_or_else(|| missing(at))?)?),
        };
        let body = args.next().ok_or_else(|| missing(at))?;
        Ok(made.fold(self, target, item, item2, body, args.next()))
    }
}

fn missing(at: u32) -> Bad {
    (at, "an argument is missing".to_owned())
}

fn has(made: Maker, of: Expr) -> Result<Expr, Bad> {
    match of.kind {
        // Of what was asked already, cel-go asks the same again.
        Kind::Select { operand, field, .. } => Ok(made.node(Kind::Select { operand, field, test: true })),
        _ => Err((of.at, "`has` takes a selection, as `has(a.b)`".to_owned())),
    }
}

fn variable(of: &Expr) -> Result<Arc<str>, Bad> {
    match &of.kind {
        Kind::Name(name) if &**name == RESULT || &**name == OLD_RESULT => {
            Err((of.at, format!("`{name}` cannot be the name of a variable")))
        }
        Kind::Name(name) => Ok(Arc::clone(name)),
        _ => Err((of.at, "this must be the name of a variable, as `x` in `all(x, x > 0)`".to_owned())),
    }
}

fn second_variable(first: &str, of: &Expr) -> Result<Arc<str>, Bad> {
    let name = variable(of)?;
    if *name == *first {
        return Err((of.at, format!("both variables are named `{name}`")));
    }
    Ok(name)
}

/// Makes nodes that stand where the macro is called.
#[derive(Clone, Copy)]
struct Maker {
    at: u32,
}

// === impl Maker ===

impl Maker {
    const fn node(self, kind: Kind) -> Expr {
        Expr { at: self.at, kind }
    }

    fn name(self, name: &str) -> Expr {
        self.node(Kind::Name(name.into()))
    }

    fn result(self) -> Expr {
        self.name(RESULT)
    }

    const fn literal(self, literal: Literal) -> Expr {
        self.node(Kind::Literal(literal))
    }

    fn call(self, function: &str, args: Vec<Expr>) -> Expr {
        self.node(Kind::Call(Box::new(Call { function: function.into(), target: None, args, overloads: Vec::new() })))
    }

    fn member(self, function: &str, target: Expr, args: Vec<Expr>) -> Expr {
        let call = Call { function: function.into(), target: Some(target), args, overloads: Vec::new() };
        self.node(Kind::Call(Box::new(call)))
    }

    /// `@result + [value]`.
    fn appended(self, value: Expr) -> Expr {
        let list = self.node(Kind::List(vec![Element { value, optional: false }]));
        self.call("_+_", vec![self.result(), list])
    }

    fn equals_one(self) -> Expr {
        self.call("_==_", vec![self.result(), self.literal(Literal::Int(1))])
    }

    /// What `body` and `last` are depends on the macro: a predicate, or a filter and what is kept.
    fn fold(
        self,
        of: Macro,
        range: Expr,
        item: Arc<str>,
        item2: Option<Arc<str>>,
        body: Expr,
        last: Option<Expr>,
    ) -> Expr {
        let always = self.literal(Literal::Bool(true));
        let unless = |only: Option<Expr>, step| match only {
            Some(only) => self.call("_?_:_", vec![only, step, self.result()]),
            None => step,
        };
        let (filter, kept) = match last {
            Some(last) => (Some(body), last),
            None => (None, body),
        };
        let (init, condition, step, result) = match of {
            Macro::All | Macro::AllTwo => (
                self.literal(Literal::Bool(true)),
                self.call("@not_strictly_false", vec![self.result()]),
                self.call("_&&_", vec![self.result(), kept]),
                self.result(),
            ),
            Macro::Exists | Macro::ExistsTwo => (
                self.literal(Literal::Bool(false)),
                self.call("@not_strictly_false", vec![self.call("!_", vec![self.result()])]),
                self.call("_||_", vec![self.result(), kept]),
                self.result(),
            ),
            Macro::ExistsOne | Macro::ExistsOneTwo => {
                let one_more = self.call("_+_", vec![self.result(), self.literal(Literal::Int(1))]);
                (self.literal(Literal::Int(0)), always, unless(Some(kept), one_more), self.equals_one())
            }
            Macro::Filter => {
                let keep = self.appended(Expr { at: self.at, kind: Kind::Name(Arc::clone(&item)) });
                (self.node(Kind::List(Vec::new())), always, unless(Some(kept), keep), self.result())
            }
            Macro::TransformMap => {
                let insert = vec![self.result(), self.name(&item), kept];
                let step = unless(filter, self.call(MAP_INSERT, insert));
                (self.node(Kind::Map(Vec::new())), always, step, self.result())
            }
            Macro::TransformMapEntry => {
                let step = unless(filter, self.call(MAP_INSERT, vec![self.result(), kept]));
                (self.node(Kind::Map(Vec::new())), always, step, self.result())
            }
            Macro::Map | Macro::TransformList | Macro::Has | Macro::OptMap | Macro::OptFlatMap | Macro::SortBy => {
                let step = unless(filter, self.appended(kept));
                (self.node(Kind::List(Vec::new())), always, step, self.result())
            }
        };
        let fold = Fold { range, item, item2, result_name: RESULT.into(), init, condition, step, result };
        self.node(Kind::Fold(Box::new(fold)))
    }

    /// `body` with a name for a value: a loop over nothing.
    fn named(self, name: &Arc<str>, value: Expr, body: Expr) -> Expr {
        self.node(Kind::Fold(Box::new(Fold {
            range: self.node(Kind::List(Vec::new())),
            item: UNUSED.into(),
            item2: None,
            result_name: Arc::clone(name),
            init: value,
            condition: self.literal(Literal::Bool(false)),
            step: self.name(name),
            result: body,
        })))
    }

    /// The list, and the keys of its elements, to the function that sorts by them.
    fn sorted(self, item: Arc<str>, list: Expr, key: Expr) -> Result<Expr, Bad> {
        let can_be_a_list = !matches!(list.kind, Kind::Literal(_) | Kind::Map(_) | Kind::Struct { .. });
        if !can_be_a_list {
            return Err((list.at, "`sortBy` sorts a list".to_owned()));
        }
        let keys = self.fold(Macro::Map, self.name(SORTED), item, None, key, None);
        let sorted = self.member("@sortByAssociatedKeys", self.name(SORTED), vec![keys]);
        Ok(self.named(&SORTED.into(), list, sorted))
    }

    /// `target.hasValue() ? optional.of(body with name = target.value()) : optional.none()`.
    fn optional(self, of: Macro, name: Arc<str>, target: Expr, body: Expr) -> Expr {
        let named = self.named(&name, self.member("value", target.clone(), Vec::new()), body);
        let some = if of == Macro::OptMap { self.call("optional.of", vec![named]) } else { named };
        let none = self.call("optional.none", Vec::new());
        self.call("_?_:_", vec![self.member("hasValue", target, Vec::new()), some, none])
    }
}
