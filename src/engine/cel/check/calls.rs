//! Calls: which of a function's overloads the static types leave.

use std::sync::Arc;

use crate::engine::cel::{
    ast::{Call, Kind, Literal},
    check::{
        Bad, Checked,
        expr::Checker,
        look_ups,
        names::{dotted, first_name},
        unify::{Parameters, Unifier},
        words,
    },
    functions::Overload,
    library::{self, json_patch},
    types::Type,
};

// === impl Checker ===

impl Checker<'_> {
    pub(super) fn call(&mut self, at: u32, call: &mut Call) -> Checked<Type> {
        if &*call.function == "_?._" {
            return self.optional_field(at, call);
        }
        self.in_format(&*call.function == "format", |checker| checker.in_order(at, call))
    }

    /// As cel-go: first the arguments, then the target, which may turn out to be part of the function's name.
    fn in_order(&mut self, at: u32, call: &mut Call) -> Checked<Type> {
        self.qualify(call)?;
        if json_patch::is_for_mutations(&call.function) && !self.scope.makes(json_patch::OPERATION) {
            return Err(Bad::new(at, format!("`{}` is for mutations alone", call.function)));
        }
        if library::overloads(&call.function).is_empty() {
            if let Some(target) = &mut call.target {
                self.expr(target)?;
            }
            return Err(Bad::new(at, words::no_function(&call.function, call.target.is_some())));
        }
        let mut given = Vec::with_capacity(call.args.len() + 1);
        for arg in &mut call.args {
            given.push(self.expr(arg)?);
        }
        if let Some(target) = &mut call.target {
            given.insert(0, self.expr(target)?);
        }
        if matches!(&*call.function, "_&&_" | "_||_") {
            return self.logical(call, &given);
        }
        self.resolve(at, call, &given)
    }

    /// Makes `lists.range(3)`, a call of a member of `lists`, one of `lists.range`.
    fn qualify(&mut self, call: &mut Call) -> Checked<()> {
        let Some(target) = &call.target else {
            if let Some(name) = call.function.strip_prefix('.') {
                call.function = name.into();
            }
            self.use_function(&call.function);
            return Ok(());
        };
        let Some(prefix) = dotted(target) else {
            return Ok(());
        };
        let name = format!("{prefix}.{}", call.function);
        if !library::overloads(&name).is_empty() {
            call.function = name.into();
            call.target = None;
            self.use_function(&call.function);
            return Ok(());
        }
        let is_variable = prefix.split('.').next().is_some_and(|root| self.is_variable(root));
        if !is_variable && words::is_library(&prefix) {
            return Err(Bad::new(first_name(target), words::no_function(&name, false)));
        }
        Ok(())
    }

    fn use_function(&mut self, name: &Arc<str>) {
        if name.starts_with("cluster.") {
            self.uses.insert(Arc::clone(name));
        }
    }

    /// `a.?b`.
    fn optional_field(&mut self, at: u32, call: &mut Call) -> Checked<Type> {
        call.overloads = library::overloads(&call.function).iter().collect();
        let [operand, field] = call.args.as_mut_slice() else {
            return Err(Bad::new(at, "`.?` takes a field"));
        };
        let Kind::Literal(Literal::String(field)) = &field.kind else {
            return Err(Bad::new(field.at, "`.?` takes the name of a field"));
        };
        let field = Arc::clone(field);
        let of = self.field(at, operand, &field, true)?;
        Ok(self.unifier.resolved(&of))
    }

    fn logical(&mut self, call: &mut Call, given: &[Type]) -> Checked<Type> {
        for (arg, of) in call.args.iter().zip(given) {
            if !self.unifier.assignable(of, &Type::Bool) {
                let message = format!("{} takes bool, not {}", words::shown(&call.function), self.unifier.settled(of));
                return Err(Bad::new(arg.at, message));
            }
        }
        call.overloads = library::overloads(&call.function).iter().take(1).collect();
        Ok(Type::Bool)
    }

    fn resolve(&mut self, at: u32, call: &mut Call, given: &[Type]) -> Checked<Type> {
        let member = call.target.is_some();
        let mut result = None;
        let mut left: Vec<&'static Overload> = Vec::new();
        for overload in library::overloads(&call.function) {
            if overload.member != member || overload.params.len() != given.len() {
                continue;
            }
            let mut parameters = Parameters::default();
            let wanted: Vec<Type> =
                overload.params.iter().map(|param| parameters.in_place(param, &mut self.unifier)).collect();
            if !self.unifier.all_assignable(given.iter().zip(&wanted)) {
                continue;
            }
            left.push(overload);
            let of = parameters.in_place(&overload.result, &mut self.unifier);
            let of = self.unifier.resolved(&of);
            result = Some(match result {
                None => of,
                Some(before @ (Type::Dyn | Type::Any)) => before,
                Some(before) if before.is_exactly(&of) => before,
                Some(_) => Type::Dyn,
            });
        }
        call.overloads = left;
        let settled = |unifier: &mut Unifier| given.iter().map(|of| unifier.settled(of)).collect::<Vec<_>>();
        let Some(result) = result else {
            return Err(Bad::new(at, words::no_overload(&call.function, &settled(&mut self.unifier), member)));
        };
        if let Some(function) = look_ups::function(&call.function) {
            look_ups::check(function, &call.args, &settled(&mut self.unifier))?;
        }
        Ok(result)
    }
}
