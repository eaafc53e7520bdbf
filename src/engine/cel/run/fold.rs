//! Comprehensions: what macros expand to.

use std::rc::Rc;

use crate::engine::cel::{
    Answer, Failure, Value,
    ast::{Call, Expr, Fold, Kind},
    functions,
    library::{cluster, standard},
    run::Runner,
    value::Map,
};

/// A comprehension that runs.
pub(super) struct Frame<'a> {
    fold: &'a Fold,
    item: Value<'a>,
    item2: Value<'a>,
    /// None until it is asked for, or the first turn is over.
    result: Option<Answer<'a>>,
    /// Not for its result, which sees only what was gathered.
    shows_items: bool,
    /// The scope around it.
    around: usize,
}

// === impl Runner ===

impl<'a> Runner<'_, 'a> {
    /// A variable of a comprehension, or a name of the scope.
    pub(super) fn name(&mut self, name: &'a str) -> Answer<'a> {
        let mut at = self.scope;
        while let Some(index) = at.checked_sub(1)
            && let Some(frame) = self.frames.get(index)
        {
            if *frame.fold.result_name == *name {
                return self.gathered(index);
            }
            if frame.shows_items {
                if *frame.fold.item == *name {
                    return Ok(frame.item.clone());
                }
                if frame.fold.item2.as_deref() == Some(name) {
                    return Ok(frame.item2.clone());
                }
            }
            at = frame.around;
        }
        let missing = || Err(Failure::error(format!("no such attribute(s): {name}")));
        self.given.names.value(name).unwrap_or_else(missing)
    }

    /// Whether a comprehension around has a variable of this name.
    pub(super) fn is_in_frame(&self, name: &str) -> bool {
        let mut at = self.scope;
        while let Some(frame) = at.checked_sub(1).and_then(|index| self.frames.get(index)) {
            let item = frame.shows_items && (*frame.fold.item == *name || frame.fold.item2.as_deref() == Some(name));
            if item || *frame.fold.result_name == *name {
                return true;
            }
            at = frame.around;
        }
        false
    }

    /// What was gathered so far. It starts with what is run where the comprehension stands, by the first who asks.
    #[inline(never)]
    fn gathered(&mut self, index: usize) -> Answer<'a> {
        let Some(frame) = self.frames.get(index) else { return Err(Failure::no_such_overload()) };
        if let Some(result) = &frame.result {
            return result.clone();
        }
        let (fold, around) = (frame.fold, frame.around);
        let scope = std::mem::replace(&mut self.scope, around);
        let first = self.eval(&fold.init);
        self.scope = scope;
        if let Some(frame) = self.frames.get_mut(index) {
            frame.result = Some(first.clone());
        }
        first
    }

    #[inline(never)]
    pub(super) fn fold(&mut self, fold: &'a Fold) -> Answer<'a> {
        let (range, more) = self.range(&fold.range)?;
        let around = self.scope;
        let index = self.frames.len();
        self.frames.push(Frame {
            fold,
            item: Value::Null,
            item2: Value::Null,
            result: None,
            shows_items: true,
            around,
        });
        self.scope = index + 1;
        let turned = match (self.turns(fold, index, &range), more) {
            (Ok(()), Some(more)) if !self.is_settled(fold) => Err(Failure::Unknown(more)),
            (turned, _) => turned,
        };
        if let Some(frame) = self.frames.get_mut(index) {
            frame.shows_items = false;
        }
        let answer = turned.and_then(|()| self.fold_result(fold, index));
        self.frames.truncate(index);
        self.scope = around;
        answer
    }

    /// What is looped over; and where there may be more of it than is known, what that is. `exists` may be true of what is known.
    #[inline(never)]
    fn range(&mut self, range: &'a Expr) -> Result<(Value<'a>, Option<String>), Failure> {
        let unknown = match self.eval(range) {
            Err(Failure::Unknown(unknown)) => unknown,
            answer => return answer.map(|range| (range, None)),
        };
        match &range.kind {
            Kind::Call(call) if &*call.function == cluster::REFERRERS => {
                let args = call.args.iter().map(|arg| self.eval(arg)).collect::<Result<Vec<_>, _>>()?;
                let known = cluster::known_referrers(&mut functions::Call {
                    args: &args,
                    meter: self.meter,
                    patterns: &mut self.given.patterns.borrow_mut(),
                    cluster: self.given.cluster,
                })?;
                Ok((known, Some(unknown)))
            }
            _ => Err(Failure::Unknown(unknown)),
        }
    }

    /// Whether no further turn could change the result.
    fn is_settled(&mut self, fold: &'a Fold) -> bool {
        matches!(self.eval(&fold.condition), Ok(Value::Bool(false)))
    }

    /// The result; what was gathered is given away where it is all that is asked for.
    fn fold_result(&mut self, fold: &'a Fold, index: usize) -> Answer<'a> {
        if let Kind::Name(name) = &fold.result.kind
            && **name == *fold.result_name
            && let Some(result) = self.frames.get_mut(index).and_then(|frame| frame.result.take())
        {
            self.charge(1)?;
            return result;
        }
        self.eval(&fold.result)
    }

    #[inline(never)]
    fn turns(&mut self, fold: &'a Fold, index: usize, range: &Value<'a>) -> Result<(), Failure> {
        let two = fold.item2.is_some();
        match range {
            Value::List(list) => {
                for (place, item) in list.iter().enumerate() {
                    let key = || Value::Int(i64::try_from(place).unwrap_or(i64::MAX));
                    let (one, other) = if two { (key(), item) } else { (item, Value::Null) };
                    if !self.turn(fold, index, one, other)? {
                        break;
                    }
                }
                Ok(())
            }
            Value::Map(map) => {
                for (key, item) in map.iter() {
                    if !self.turn(fold, index, key.to_value(), item)? {
                        break;
                    }
                }
                Ok(())
            }
            other if two => {
                Err(Failure::error(format!("unsupported comprehension range type: {}", other.type_name().as_str())))
            }
            other => Err(Failure::error(format!("got '{}', expected iterable type", other.type_name().as_str()))),
        }
    }

    /// One turn; false where it was the last.
    #[inline(never)]
    fn turn(&mut self, fold: &'a Fold, index: usize, item: Value<'a>, item2: Value<'a>) -> Result<bool, Failure> {
        // A turn may cost nothing at all.
        self.meter.work(1)?;
        if let Some(frame) = self.frames.get_mut(index) {
            frame.item = item;
            frame.item2 = item2;
        }
        match self.eval(&fold.condition) {
            Ok(Value::Bool(false)) => return Ok(false),
            Err(Failure::Spent(why)) => return Err(Failure::Spent(why)),
            _ => {}
        }
        let step = self.eval(&fold.step);
        if let Err(Failure::Spent(why)) = step {
            return Err(Failure::Spent(why));
        }
        if let Some(frame) = self.frames.get_mut(index) {
            frame.result = Some(step);
        }
        Ok(true)
    }

    /// Whether the first argument of a call is what the innermost comprehension gathers: it may be changed in place, for the call is
    /// all that keeps it.
    pub(super) fn gathers(&self, call: &Call) -> bool {
        let Some(frame) = self.scope.checked_sub(1).and_then(|index| self.frames.get(index)) else { return false };
        matches!(call.args.first(), Some(Expr { kind: Kind::Name(name), .. }) if **name == *frame.fold.result_name)
    }

    /// Takes out what was gathered: the step that runs puts something in its place.
    fn take_gathered(&mut self) -> Answer<'a> {
        let Some(index) = self.scope.checked_sub(1) else { return Err(Failure::no_such_overload()) };
        // It may be that nobody asked for it yet.
        if self.frames.get(index).is_some_and(|frame| frame.result.is_none()) {
            self.gathered(index)?;
        }
        match self.frames.get_mut(index).and_then(|frame| frame.result.take()) {
            Some(result) => result,
            None => Err(Failure::no_such_overload()),
        }
    }

    /// `@result + [x]`, in place.
    #[inline(never)]
    pub(super) fn append(&mut self, call: &'a Call, more: &'a Expr) -> Answer<'a> {
        let Some(index) = self.scope.checked_sub(1) else { return Err(Failure::no_such_overload()) };
        if self.frames.get(index).is_some_and(|frame| frame.result.is_none())
            && let Err(Failure::Spent(why)) = self.gathered(index)
        {
            return Err(Failure::Spent(why));
        }
        self.charge(1)?;
        let more = match self.eval(more) {
            Err(Failure::Spent(why)) => return Err(Failure::Spent(why)),
            more => more,
        };
        match (self.take_gathered(), more) {
            (Ok(Value::List(gathered)), Ok(Value::List(more))) => {
                self.charge(1)?;
                standard::join(gathered, &more, self.meter)
            }
            (Ok(gathered), Ok(more)) => self.apply(call, &[gathered, more]),
            (Err(failure), _) | (_, Err(failure)) => {
                self.charge(1)?;
                Err(failure)
            }
        }
    }

    /// `cel.@mapInsert(@result, k, v)` and `cel.@mapInsert(@result, {k: v})`, in place.
    #[inline(never)]
    pub(super) fn insert(&mut self, call: &'a Call) -> Answer<'a> {
        let Some(index) = self.scope.checked_sub(1) else { return Err(Failure::no_such_overload()) };
        let gathered = self.gathered(index).map(drop);
        let gathered = self.charged(1, gathered);
        let more = match call.args.as_slice() {
            // cel-go runs both arguments of two, and of three none after one that fails.
            [_, entries] => self.eval(entries).map(|entries| [entries, Value::Null]),
            [_, key, value] if gathered.is_ok() => {
                let key = self.eval(key)?;
                Ok([key, self.eval(value)?])
            }
            _ => return gathered.map(|()| Value::Null),
        };
        match gathered.and_then(|()| self.take_gathered()) {
            Ok(gathered) => {
                let more = self.charged(1, more)?;
                self.inserted(gathered, more, call.args.len() == 2)
            }
            failed => self.charged(1, failed),
        }
    }

    fn inserted(&mut self, gathered: Value<'a>, more: [Value<'a>; 2], all: bool) -> Answer<'a> {
        let Value::Map(map) = gathered else { return Err(Failure::no_such_overload()) };
        let mut entries = standard::entries_of(map, self.meter)?;
        let inside = Rc::make_mut(&mut entries);
        match more {
            [Value::Map(other), _] if all => {
                for (key, value) in other.iter() {
                    standard::put(inside, &key.to_value(), value, self.meter)?;
                }
            }
            [key, value] if !all => standard::put(inside, &key, value, self.meter)?,
            _ => return Err(Failure::no_such_overload()),
        }
        Ok(Value::Map(Map::Shared(entries)))
    }
}
