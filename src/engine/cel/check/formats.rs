//! `"…".format([…])` where both are written out: the clauses against what is formatted (cel-go ext/formatting.go).

use crate::engine::cel::{
    ast::{Call, Element, Expr, Kind, Literal},
    check::{Bad, Checked},
    types::Type,
};

/// A clause of a format: `%s`, `%.2f`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Clause {
    letter: char,
}

/// The format and its arguments, where both are written out.
pub(super) fn written_out(call: &Call) -> Option<(&Expr, &str, &[Element])> {
    let target = call.target.as_ref().filter(|_| &*call.function == "format")?;
    let (Kind::Literal(Literal::String(format)), [list]) = (&target.kind, call.args.as_slice()) else {
        return None;
    };
    let Kind::List(elements) = &list.kind else {
        return None;
    };
    Some((target, format, elements))
}

/// # Errors
/// A clause that is none, one too many or too few, or one for another type. `type_of` gives that of an argument or a part of it.
pub(super) fn check(
    format_at: &Expr,
    format: &str,
    elements: &[Element],
    mut type_of: impl FnMut(&Expr) -> Type,
) -> Checked<()> {
    let mut rest = elements.iter();
    let mut used = 0;
    for clause in clauses(format) {
        let clause = clause.map_err(|why| Bad::new(format_at.at, why))?;
        let Some(element) = rest.next() else {
            let message = format!("the format has more than the {} to be formatted", elements.len());
            return Err(Bad::new(format_at.at, message));
        };
        used += 1;
        clause.takes(&element.value, &mut type_of)?;
    }
    if let Some(unused) = rest.next() {
        let message = format!("the format has {used} of the {} to be formatted", elements.len());
        return Err(Bad::new(unused.value.at, message));
    }
    Ok(())
}

fn clauses(format: &str) -> impl Iterator<Item = Result<Clause, String>> {
    let mut rest = format.chars().peekable();
    std::iter::from_fn(move || {
        loop {
            if rest.next()? != '%' {
                continue;
            }
            if rest.next_if_eq(&'%').is_some() {
                continue;
            }
            let mut written = String::from("%");
            if rest.next_if_eq(&'.').is_some() {
                written.push('.');
                let mut digits = 0;
                while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                    written.push(digit);
                    digits += 1;
                }
                if digits == 0 {
                    return Some(Err(format!("`{written}` is no precision: digits are missing")));
                }
            }
            return Some(match rest.next() {
                Some(letter @ ('s' | 'd' | 'f' | 'e' | 'b' | 'x' | 'X' | 'o')) => Ok(Clause { letter }),
                Some(letter) => Err(format!("`{written}{letter}` is no clause; there are %s %d %f %e %b %x %X %o")),
                None => Err(format!("`{written}` ends the format, and is no clause")),
            });
        }
    })
}

// === impl Clause ===

impl Clause {
    fn takes(self, value: &Expr, type_of: &mut impl FnMut(&Expr) -> Type) -> Checked<()> {
        let of = type_of(value);
        if !self.fits(&of) {
            return Err(Bad::new(value.at, format!("`%{}` takes {}, not {of}", self.letter, self.wanted())));
        }
        match (self.letter, &value.kind) {
            ('s', Kind::List(elements)) => elements.iter().try_for_each(|element| self.takes(&element.value, type_of)),
            ('s', Kind::Map(entries)) => entries.iter().try_for_each(|entry| {
                self.takes(&entry.key, type_of)?;
                self.takes(&entry.value, type_of)
            }),
            _ => Ok(()),
        }
    }

    fn fits(self, of: &Type) -> bool {
        use Type as T;
        if matches!(of, T::Dyn) {
            return true;
        }
        let of = of.unwrapped();
        match self.letter {
            'd' | 'o' => matches!(of, T::Int | T::Uint),
            'b' => matches!(of, T::Int | T::Uint | T::Bool),
            'f' | 'e' => matches!(of, T::Double | T::String),
            'x' | 'X' => matches!(of, T::Int | T::Uint | T::String | T::Bytes),
            _ => !matches!(of, T::Any | T::Opaque(_) | T::Optional(_) | T::Object(_)),
        }
    }

    const fn wanted(self) -> &'static str {
        match self.letter {
            'd' | 'o' => "an int or a uint",
            'b' => "an int, a uint or a bool",
            'f' | 'e' => "a double",
            'x' | 'X' => "an int, a uint, a string or bytes",
            _ => "what has a text",
        }
    }
}
