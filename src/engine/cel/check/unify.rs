//! Which types fit which, and what type parameters stand for: cel-go's rules (checker/types.go at 0.26), on which depends what
//! compiles.

use std::sync::Arc;

use crate::engine::{cel::types::Type, limits};

/// What the variables stand for so far.
#[derive(Debug, Default)]
pub(super) struct Unifier {
    bound: Vec<Option<Type>>,
    /// What was bound to what before, to be taken back where an attempt fails.
    journal: Vec<(u32, Option<Type>)>,
    steps: usize,
}

// === impl Unifier ===

impl Unifier {
    pub(super) fn fresh(&mut self) -> Type {
        self.bound.push(None);
        Type::Variable(u32::try_from(self.bound.len() - 1).unwrap_or(u32::MAX))
    }

    /// Types may share parts, and so be larger by far than what was written: every step through one is counted. What is answered
    /// once this is true is of no worth.
    pub(super) const fn is_exhausted(&self) -> bool {
        self.steps > limits::CEL_TYPE_STEPS
    }

    /// Whether a value of the first type can be where the second is wanted; variables are bound where it can, and only then.
    pub(super) fn assignable(&mut self, from: &Type, to: &Type) -> bool {
        self.all_assignable(std::iter::once((from, to)))
    }

    pub(super) fn all_assignable<'t>(&mut self, pairs: impl IntoIterator<Item = (&'t Type, &'t Type)>) -> bool {
        self.journal.clear();
        if pairs.into_iter().all(|(from, to)| self.fits(from, to)) {
            return true;
        }
        while let Some((variable, before)) = self.journal.pop() {
            if let Some(bound) = self.bound.get_mut(variable as usize) {
                *bound = before;
            }
        }
        false
    }

    /// The more general of two types that fit one another.
    pub(super) fn most_general(&mut self, one: Type, other: Type) -> Type {
        if self.is_as_general(&one, &other) { one } else { other }
    }

    /// With variables replaced by what they stand for.
    pub(super) fn resolved(&mut self, of: &Type) -> Type {
        self.measure(of);
        self.replace(of, false)
    }

    /// With variables replaced, and by `dyn` where they stand for anything.
    pub(super) fn settled(&mut self, of: &Type) -> Type {
        self.measure(of);
        self.replace(of, true)
    }

    /// Exhausts itself on a type that is too large.
    pub(super) fn measure(&mut self, of: &Type) {
        let mut left = limits::CEL_TYPE_PARTS;
        self.measure_within(of, &mut left);
        if left == 0 {
            self.steps = usize::MAX;
        }
    }

    fn step(&mut self) -> bool {
        self.steps = self.steps.saturating_add(1);
        !self.is_exhausted()
    }

    fn measure_within(&mut self, of: &Type, left: &mut usize) {
        *left = left.saturating_sub(1);
        if *left == 0 || !self.step() {
            return;
        }
        match of {
            Type::Variable(variable) => {
                if let Some(bound) = self.bound_to(*variable) {
                    self.measure_within(&bound, left);
                }
            }
            Type::List(of) | Type::Optional(of) | Type::Type(of) => self.measure_within(of, left),
            Type::Map(key, value) => {
                self.measure_within(key, left);
                self.measure_within(value, left);
            }
            _ => {}
        }
    }

    fn bound_to(&self, variable: u32) -> Option<Type> {
        self.bound.get(variable as usize).cloned().flatten()
    }

    fn bind(&mut self, variable: u32, to: Type) {
        if let Some(bound) = self.bound.get_mut(variable as usize) {
            let before = bound.replace(to);
            self.journal.push((variable, before));
        }
    }

    fn fits(&mut self, from: &Type, to: &Type) -> bool {
        if !self.step() {
            return false;
        }
        if let Type::Variable(variable) = to {
            match self.substitutes(from, *variable) {
                (true, _) => return true,
                (false, true) => return false,
                (false, false) => {}
            }
        }
        if let Type::Variable(variable) = from {
            return self.substitutes(to, *variable).0;
        }
        match (from, to) {
            (Type::Dyn | Type::Any | Type::Error, _)
            | (_, Type::Dyn | Type::Any | Type::Error)
            | (Type::Type(_), Type::Type(_)) => true,
            (Type::Null, other) | (other, Type::Null) => is_nullable(other),
            (Type::List(from), Type::List(to)) | (Type::Optional(from), Type::Optional(to)) => self.fits(from, to),
            (Type::Map(key, value), Type::Map(to_key, to_value)) => {
                self.fits(key, to_key) && self.fits(value, to_value)
            }
            (Type::Object(from), Type::Object(to)) => from.extends(to) || to.extends(from),
            _ => from.unwrapped() == to.unwrapped(),
        }
    }

    /// Whether the variable can stand for this type, and whether it stood for one already.
    fn substitutes(&mut self, of: &Type, variable: u32) -> (bool, bool) {
        if matches!(of, Type::Variable(same) if *same == variable) {
            return (true, true);
        }
        let Some(bound) = self.bound_to(variable) else {
            let free = !self.occurs(variable, of);
            if free {
                self.bind(variable, of.clone());
            }
            return (free, false);
        };
        if of.is_exactly(&bound) {
            return (true, true);
        }
        if !self.fits(of, &bound) {
            return (false, true);
        }
        let general = self.most_general(of.clone(), bound);
        if !self.occurs(variable, &general) {
            self.bind(variable, general);
        }
        (true, true)
    }

    fn occurs(&mut self, variable: u32, within: &Type) -> bool {
        if !self.step() {
            return true;
        }
        match within {
            Type::Variable(other) if *other == variable => true,
            Type::Variable(other) => self.bound_to(*other).is_some_and(|bound| self.occurs(variable, &bound)),
            Type::List(of) | Type::Optional(of) | Type::Type(of) => self.occurs(variable, of),
            Type::Map(key, value) => self.occurs(variable, key) || self.occurs(variable, value),
            _ => false,
        }
    }

    fn is_as_general(&mut self, one: &Type, other: &Type) -> bool {
        if !self.step() {
            return true;
        }
        match (one, other) {
            (Type::Dyn | Type::Any | Type::Variable(_), _) | (Type::Type(_), Type::Type(_)) => true,
            (_, Type::Dyn | Type::Any | Type::Variable(_)) => false,
            (Type::List(one), Type::List(other)) | (Type::Optional(one), Type::Optional(other)) => {
                self.is_as_general(one, other)
            }
            (Type::Map(key, value), Type::Map(other_key, other_value)) => {
                self.is_as_general(key, other_key) && self.is_as_general(value, other_value)
            }
            (Type::Object(one), Type::Object(other)) => other.extends(one),
            _ => one.unwrapped() == other.unwrapped(),
        }
    }

    fn replace(&mut self, of: &Type, to_dyn: bool) -> Type {
        if !self.step() {
            return Type::Dyn;
        }
        match of {
            Type::Variable(variable) => match self.bound_to(*variable) {
                Some(bound) => self.replace(&bound, to_dyn),
                None if to_dyn => Type::Dyn,
                None => of.clone(),
            },
            Type::List(of) => Type::list(self.replace(of, to_dyn)),
            Type::Optional(of) => Type::optional(self.replace(of, to_dyn)),
            Type::Type(of) => Type::of_type(self.replace(of, to_dyn)),
            Type::Map(key, value) => Type::map(self.replace(key, to_dyn), self.replace(value, to_dyn)),
            _ => of.clone(),
        }
    }
}

/// What one call puts in the place of an overload's type parameters.
#[derive(Debug, Default)]
pub(super) struct Parameters(Vec<(&'static str, Type)>);

// === impl Parameters ===

impl Parameters {
    pub(super) fn in_place(&mut self, of: &Type, unifier: &mut Unifier) -> Type {
        match of {
            Type::Parameter(name) => {
                if let Some((_, variable)) = self.0.iter().find(|(known, _)| known == name) {
                    return variable.clone();
                }
                let variable = unifier.fresh();
                self.0.push((name, variable.clone()));
                variable
            }
            Type::List(of) => Type::List(Arc::new(self.in_place(of, unifier))),
            Type::Optional(of) => Type::Optional(Arc::new(self.in_place(of, unifier))),
            Type::Type(of) => Type::Type(Arc::new(self.in_place(of, unifier))),
            Type::Map(key, value) => Type::map(self.in_place(key, unifier), self.in_place(value, unifier)),
            _ => of.clone(),
        }
    }
}

/// `null` fits where there may be an object: a rule of cel-go's first checker, which it keeps.
const fn is_nullable(of: &Type) -> bool {
    matches!(
        of,
        Type::Null
            | Type::Wrapper(_)
            | Type::Opaque(_)
            | Type::Optional(_)
            | Type::Object(_)
            | Type::Duration
            | Type::Timestamp
    )
}
