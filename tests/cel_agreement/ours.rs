//! An expression as a policy has it, run on what a policy sees: for the agreement command and for the test that asks a real
//! API server.

use portcullis::engine::cel::{Answer, BadExpression, Given, Meter, Program, Type, Value, given::Names, scope};
use serde_json::Value as Json;

/// What a policy sees. Null for what is not there; `params` is none where the policy names no parameters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) object: Json,
    pub(crate) old_object: Json,
    /// What is called `request`.
    pub(crate) attributes: Json,
    pub(crate) namespace: Json,
    pub(crate) params: Option<Json>,
}

/// An expression of a policy, and its variables before it.
#[derive(Debug)]
pub(crate) struct Expression {
    pub(crate) program: Program,
    variables: Vec<(String, Program)>,
}

// === impl Request ===

impl<'a> Names<'a> for &'a Request {
    fn value(&self, name: &str) -> Option<Answer<'a>> {
        let json = match name {
            "object" => &self.object,
            "oldObject" => &self.old_object,
            "request" => &self.attributes,
            "namespaceObject" => &self.namespace,
            "params" => self.params.as_ref()?,
            _ => return None,
        };
        Some(Ok(Value::from_json(json)))
    }
}

// === impl Expression ===

impl Expression {
    /// With the variables of its policy, which are compiled in order.
    pub(crate) fn compile(source: &str, variables: &[(&str, &str)], params: bool) -> Result<Self, BadExpression> {
        let mut types: Vec<(String, Type)> = Vec::new();
        let mut compiled = Vec::new();
        for (name, source) in variables {
            let program = Program::compile(source, &scope::validation(&types, params))?;
            types.push(((*name).to_owned(), program.result.clone()));
            compiled.push(((*name).to_owned(), program));
        }
        let program = Program::compile(source, &scope::validation(&types, params))?;
        Ok(Self { program, variables: compiled })
    }

    /// What is read of the value that it comes to.
    pub(crate) fn run<T>(&self, request: &Request, read: impl FnOnce(Answer<'_>) -> T) -> T {
        let given = Given::new(&request, &self.variables, None);
        read(self.program.run(&given, &mut Meter::new()))
    }
}
