//! The names that expressions read of a request: each is made when the first expression asks, and once for all policies.

use std::{cell::OnceCell, collections::BTreeMap};

use serde_json::{Value as Json, json};

use crate::engine::{
    cel::{
        Answer, Failure, Value,
        given::{Names, collector, krakend},
    },
    node::Node,
    policy::Policy,
    subject::Subject,
    view::{self, Lens},
};

/// What of a subject is no JSON yet when an expression asks for it.
#[derive(Debug, Default)]
pub(super) struct Facts {
    request: OnceCell<Json>,
    namespace: OnceCell<Json>,
    collector: OnceCell<Result<Json, String>>,
    krakend: OnceCell<Result<Json, String>>,
}

/// A subject and the cluster around it, as one policy sees them.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) facts: &'a Facts,
    pub(super) subject: &'a Subject<'a>,
    /// What stands for `object`: a mutation sees what those before it made.
    pub(super) object: &'a Json,
    pub(super) lens: &'a Lens<'a>,
    pub(super) policy: &'a Policy,
}

impl<'a> Names<'a> for Seen<'a> {
    fn value(&self, name: &str) -> Option<Answer<'a>> {
        let Self { facts, subject, object, .. } = *self;
        let of_node = |node: Node<'a>| node.value().map_or(Value::Null, Value::from_json);
        Some(match name {
            "object" => Ok(Value::from_json(object)),
            "oldObject" => Ok(of_node(subject.old())),
            "request" => Ok(Value::from_json(facts.request.get_or_init(|| subject.request()))),
            "namespaceObject" => self.namespace(),
            "params" => self.params(),
            "collector" => told(facts.collector.get_or_init(|| collector::of(&subject.key, self.judged()))),
            "krakend" => told(facts.krakend.get_or_init(|| krakend::of(&subject.key, self.judged()))),
            _ => return None,
        })
    }
}

impl<'a> Seen<'a> {
    /// The object, or what is deleted.
    fn judged(&self) -> &'a Json {
        match self.object {
            Json::Null => self.subject.old().value().unwrap_or(&Json::Null),
            object => object,
        }
    }

    fn namespace(&self) -> Answer<'a> {
        let name = &*self.subject.key.namespace;
        if name.is_empty() {
            return Ok(Value::Null);
        }
        match self.lens.namespace(name) {
            view::Answer::Found(namespace) => {
                let make = || {
                    let mut metadata = BTreeMap::from([("name", json!(name)), ("labels", json!(namespace.labels))]);
                    if !namespace.annotations.is_empty() {
                        metadata.insert("annotations", json!(namespace.annotations));
                    }
                    json!({ "metadata": metadata })
                };
                Ok(Value::from_json(self.facts.namespace.get_or_init(make)))
            }
            // INVARIANT: a namespace is there as long as something is written into it, known or not.
            view::Answer::Absent | view::Answer::Unknown => {
                Err(Failure::Unknown(format!("which labels and annotations namespace `{name}` has")))
            }
        }
    }

    fn params(&self) -> Answer<'a> {
        let Some(params) = &self.policy.params else { return Ok(Value::Null) };
        match self.lens.params(&params.name) {
            view::Answer::Found(object) => Ok(Value::from_json(object)),
            view::Answer::Absent => Ok(Value::Null),
            view::Answer::Unknown => {
                Err(Failure::Unknown(format!("what ConfigMap `{}` of the parameters holds", params.name)))
            }
        }
    }
}

fn told(given: &Result<Json, String>) -> Answer<'_> {
    given.as_ref().map(Value::from_json).map_err(Failure::error)
}
