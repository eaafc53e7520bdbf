//! Expressions of a policy: each is compiled where it is written, and refused there with a caret under the place.

use std::collections::BTreeSet;

use crate::engine::{
    cel::{
        Program, Scope, Type,
        ast::{Kind, Literal},
        scope,
    },
    limits,
    node::Path,
    policy::{
        Params,
        body::{Body, Mutation, Said, Validation},
        compile::{BadPolicy, patch},
        spec::{
            GuardPolicySpec,
            cel::{MutationSpec, NamedExpression, ParamRef, PatchType, ValidationSpec},
        },
    },
    rules::RULES,
};

/// What of a policy is expressions, apart from its body.
pub(super) struct Expressions {
    pub conditions: Vec<(String, Program)>,
    pub params: Option<Params>,
    pub variables: Vec<(String, Program)>,
}

/// Match conditions, parameters and variables.
pub(super) fn expressions(spec: &GuardPolicySpec) -> Result<Expressions, BadPolicy> {
    let at = Path::of(&["spec"]);
    let params = spec.param_ref.as_ref().map(|param_ref| params(&at.key("paramRef"), param_ref)).transpose()?;
    let scope = scope::conditions(params.is_some());
    let mut conditions = Vec::new();
    for (index, named) in spec.match_conditions.iter().enumerate() {
        let at = at.key("matchConditions").index(index);
        conditions.push(one(&at, named, &scope, &conditions, Some(&Type::Bool))?);
    }
    let mut variables: Vec<(String, Program)> = Vec::new();
    for (index, named) in spec.variables.iter().enumerate() {
        let at = at.key("variables").index(index);
        if !is_identifier(&named.name) {
            let message = format!("`{}` is no name that an expression can write: letters, digits and `_`", named.name);
            return Err(BadPolicy::new(at.key("name"), message));
        }
        let scope = scope::validation(&types(&variables), params.is_some());
        variables.push(one(&at, named, &scope, &variables, None)?);
    }
    Ok(Expressions { conditions, params, variables })
}

/// Conditions that are false as they are written: a usual way to switch a policy off for a while.
pub(super) fn never_true(conditions: &[(String, Program)]) -> impl Iterator<Item = BadPolicy> {
    let is_false = |program: &Program| program.root.kind == Kind::Literal(Literal::Bool(false));
    let never = conditions.iter().enumerate().filter(move |(_, (_, condition))| is_false(condition));
    never.map(|(index, _)| {
        let at = Path::of(&["spec", "matchConditions"]).index(index).key("expression");
        BadPolicy::new(at, "it is never true, so the policy judges nothing")
    })
}

/// The validations or the mutations, of which there are some.
pub(super) fn body(policy: &str, spec: &GuardPolicySpec, expressions: &Expressions) -> Result<Body, BadPolicy> {
    if let Some(rule) = RULES.iter().find(|rule| rule.prefix == policy) {
        let message = format!("`{policy}` is what the codes of the rule `{}` begin with; take another name", rule.name);
        return Err(BadPolicy::new(Path::of(&["metadata", "name"]), message));
    }
    let at = Path::of(&["spec"]);
    let (types, params) = (types(&expressions.variables), expressions.params.is_some());
    let mut names = BTreeSet::new();
    let mut code = |at: &Path, name: &str| -> Result<String, BadPolicy> {
        let bad = |message: String| Err(BadPolicy::new(at.key("name"), message));
        if !is_label(name) {
            return bad(format!(
                "`{name}` is no name for a code: lower case letters, digits and `-`, as in `too-high`"
            ));
        }
        if name == NOT_IDEMPOTENT || name == NOT_JUDGED {
            return bad(format!("`{name}` is what Portcullis itself says of a policy; take another name"));
        }
        if !names.insert(name.to_owned()) {
            return bad(format!("there are two of the name `{name}`: its code would stand for both"));
        }
        Ok(format!("{policy}/{name}"))
    };
    if spec.mutations.is_empty() {
        let scope = scope::validation(&types, params);
        let all = spec.validations.iter().enumerate().map(|(index, spec)| {
            let at = at.key("validations").index(index);
            validation(&at, spec, code(&at, &spec.name)?, &scope)
        });
        return Ok(Body::Validations(all.collect::<Result<_, _>>()?));
    }
    let scope = scope::mutation(&types, params);
    let all = spec.mutations.iter().enumerate().map(|(index, spec)| {
        let at = at.key("mutations").index(index);
        mutation(&at, spec, code(&at, &spec.name)?, &scope)
    });
    Ok(Body::Mutations(all.collect::<Result<_, _>>()?))
}

/// The second half of the code of a policy whose mutations never come to an end.
pub const NOT_IDEMPOTENT: &str = "not-idempotent";

/// The second half of the code of a policy that cannot be judged: a match condition failed, or its parameters are not there.
pub const NOT_JUDGED: &str = "not-judged";

fn validation(at: &Path, spec: &ValidationSpec, code: String, scope: &Scope) -> Result<Validation, BadPolicy> {
    is_one_line(&at.key("message"), &spec.message)?;
    is_one_line(&at.key("help"), &spec.help)?;
    let optional = |field: &str, source: &Option<String>, wanted: &Type| {
        source.as_deref().map(|source| compiled(&at.key(field), source, scope, Some(wanted))).transpose()
    };
    Ok(Validation {
        expression: compiled(&at.key("expression"), &spec.expression, scope, Some(&Type::Bool))?,
        message: optional("messageExpression", &spec.message_expression, &Type::String)?,
        path: optional("pathExpression", &spec.path_expression, &Type::list(Type::Dyn))?,
        reason: spec.reason,
        said: Said {
            code,
            level: spec.level,
            title: title(&spec.message, "this must be true", &spec.expression),
            message: spec.message.clone(),
            help: spec.help.clone(),
            why: spec.why.clone(),
            example: spec.example.clone(),
        },
    })
}

fn mutation(at: &Path, spec: &MutationSpec, code: String, scope: &Scope) -> Result<Mutation, BadPolicy> {
    is_one_line(&at.key("message"), &spec.message)?;
    is_one_line(&at.key("help"), &spec.help)?;
    let bad = |field: &str, message: &str| Err(BadPolicy::new(at.key(field), message.to_owned()));
    if spec.patch_type == PatchType::ApplyConfiguration || spec.apply_configuration.is_some() {
        let field = if spec.apply_configuration.is_some() { "applyConfiguration" } else { "patchType" };
        return bad(
            field,
            "`ApplyConfiguration` is not supported: it needs the schema of every kind; write `patchType: JSONPatch` and a \
             `jsonPatch`",
        );
    }
    let Some(json_patch) = &spec.json_patch else {
        return bad(
            "jsonPatch",
            "a mutation needs a `jsonPatch` with an `expression` that gives a list of `JSONPatch`",
        );
    };
    let at_patch = at.key("jsonPatch").key("expression");
    let program = compiled(&at_patch, &json_patch.expression, scope, None)?;
    let is_patch = |of: &Type| matches!(of, Type::Object(of) if &*of.name == "JSONPatch");
    if !matches!(&program.result, Type::List(of) if is_patch(of) || matches!(**of, Type::Parameter(_))) {
        let message = format!(
            "it gives `{}`; a patch is a list of `JSONPatch`, as `[JSONPatch{{op: 'remove', path: '/spec/x'}}]`",
            program.result
        );
        return Err(BadPolicy::new(at_patch, message));
    }
    if let Some(mistake) = patch::mistake(&program) {
        return Err(BadPolicy::in_expression(at_patch, mistake));
    }
    Ok(Mutation {
        said: Said {
            code,
            level: spec.level,
            title: title(&spec.message, "this patch must change nothing", &program.source),
            message: spec.message.clone(),
            help: spec.help.clone(),
            why: spec.why.clone(),
            example: spec.example.clone(),
        },
        patch: program,
    })
}

fn title(message: &str, wanted: &str, source: &str) -> String {
    if message.is_empty() {
        return format!("{wanted}: {}", source.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    message.to_owned()
}

fn params(at: &Path, param_ref: &ParamRef) -> Result<Params, BadPolicy> {
    if param_ref.name.is_empty() {
        let message = "`paramRef` names one ConfigMap in Portcullis' own namespace".to_owned();
        return Err(BadPolicy::new(at.key("name"), message));
    }
    Ok(Params { name: param_ref.name.clone(), not_found: param_ref.parameter_not_found_action })
}

/// An expression whose name no other of its list has.
fn one(
    at: &Path,
    named: &NamedExpression,
    scope: &Scope,
    others: &[(String, Program)],
    wanted: Option<&Type>,
) -> Result<(String, Program), BadPolicy> {
    if others.iter().any(|(name, _)| *name == named.name) {
        let message = format!("there are two of the name `{}`", named.name);
        return Err(BadPolicy::new(at.key("name"), message));
    }
    Ok((named.name.clone(), compiled(&at.key("expression"), &named.expression, scope, wanted)?))
}

fn compiled(at: &Path, source: &str, scope: &Scope, wanted: Option<&Type>) -> Result<Program, BadPolicy> {
    let bad = |message: String| BadPolicy::new(at.clone(), message);
    if source.trim().is_empty() {
        return Err(bad("there is no expression".to_owned()));
    }
    let program = Program::compile(source, scope).map_err(|bad| BadPolicy::in_expression(at.clone(), bad))?;
    match wanted {
        Some(wanted) if !fits(&program.result, wanted) => Err(bad(misfit(&program.result, wanted))),
        _ => Ok(program),
    }
}

/// A dyn is no bool: what it is is not known before it runs. A path that is none is the whole object.
fn fits(of: &Type, wanted: &Type) -> bool {
    of.is_exactly(wanted) || matches!((of, wanted), (Type::List(_) | Type::Dyn, Type::List(_)))
}

fn misfit(of: &Type, wanted: &Type) -> String {
    let way = match (of, wanted) {
        (Type::Dyn, Type::Bool) => "; compare it, as in `x == true`, or write `bool(x)`",
        (Type::Dyn, Type::String) => "; write `string(x)`",
        _ => "",
    };
    format!("it must give `{wanted}`, and gives `{of}`{way}")
}

fn types(variables: &[(String, Program)]) -> Vec<(String, Type)> {
    variables.iter().map(|(name, program)| (name.clone(), program.result.clone())).collect()
}

fn is_one_line(at: &Path, text: &str) -> Result<(), BadPolicy> {
    let bad = |message: &str| Err(BadPolicy::new(at.clone(), message.to_owned()));
    if text.contains(['\n', '\r']) {
        return bad("it is one line: what is printed beside others has no line breaks");
    }
    if !text.is_empty() && text.trim().is_empty() {
        return bad("it is blank; leave it out");
    }
    if text.len() > limits::CEL_MESSAGE {
        return bad("it is too long: a message is read in a terminal");
    }
    Ok(())
}

/// A DNS label, which a code and a metric can hold.
fn is_label(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.len() <= 63 && name.chars().all(inner) && !name.starts_with('-') && !name.ends_with('-')
}

fn is_identifier(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(inner) && !name.starts_with(|c: char| c.is_ascii_digit())
}
