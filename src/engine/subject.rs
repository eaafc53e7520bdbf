//! What is judged: an object, what it was before, and who does what to it.

use std::{
    cell::{Cell, OnceCell},
    fmt,
    rc::Rc,
    sync::Arc,
};

use serde_json::{Value, json, value::RawValue};

use crate::engine::{
    kinds::{
        self,
        telemetry::{Telemetry, TelemetryKind},
    },
    limits,
    name::Name,
    node::Node,
    object::Object,
};

/// What names an object in messages, look-ups and the view.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Empty for the core group.
    pub group: Name,
    pub kind: Name,
    /// Empty for a cluster-scoped object.
    pub namespace: Name,
    pub name: Name,
}

/// What is done to the subject.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    Create,
    Update,
    Delete,
    Connect,
}

/// All that is known of a request without reading the object in it.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    pub operation: Operation,
    pub group: &'a str,
    pub version: &'a str,
    pub kind: &'a str,
    /// The plural, as in `httplistenerpolicies`.
    pub resource: &'a str,
    pub subresource: &'a str,
    /// Empty for a cluster-scoped object.
    pub namespace: &'a str,
    /// Empty on a CREATE with `generateName`, and on a DELETE of a collection.
    pub name: &'a str,
    pub user: &'a str,
    pub dry_run: bool,
}

/// What of a request is read before it is judged.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reads {
    pub object: bool,
    /// What is not read now is read by the first who asks.
    pub old_object: bool,
}

/// The object being judged.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    pub attributes: Attributes<'a>,
    pub key: ObjectKey,
    /// Null where there is none, as on DELETE.
    object: Arc<Value>,
    old: Rc<Old<'a>>,
    /// Several rules ask for it.
    telemetry: OnceCell<Option<Telemetry>>,
    asked: Asked<'a>,
    /// What expressions may still cost, whoever judges it and how often: a request is judged again after it was read again, and
    /// after edits.
    fuel: Rc<Cell<u64>>,
}

/// What of a request only expressions read: as it was sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// Of the user.
    pub uid: &'a str,
    pub groups: Option<&'a RawValue>,
    pub extra: Option<&'a RawValue>,
    pub options: Option<&'a RawValue>,
    /// Group, version and kind, and group, version and resource, where the API server converted the object from them.
    pub kind: Option<[&'a str; 3]>,
    pub resource: Option<[&'a str; 3]>,
}

/// The old object, of which most UPDATEs need nothing: it is as large as the object itself.
#[derive(Debug)]
struct Old<'a> {
    raw: Option<&'a RawValue>,
    read: OnceCell<Arc<Value>>,
}

/// The request carries an object that cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum BadObject {
    #[error("`{field}` is not an object: {source}")]
    NotAnObject { field: &'static str, source: serde_json::Error },
    #[error("`{field}` is missing on {operation}")]
    Missing { field: &'static str, operation: &'static str },
}

// === impl ObjectKey ===

impl ObjectKey {
    pub fn new(group: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            group: Name::word(group),
            kind: Name::word(kind),
            namespace: Name::new(namespace),
            name: Name::new(name),
        }
    }
}

/// `Service telemetry/otel`, or `Namespace telemetry` for what has no namespace.
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(if self.name.is_empty() { "(no name)" } else { &self.name })
    }
}

// === impl Operation ===

impl Operation {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

// === impl Attributes ===

impl<'a> Attributes<'a> {
    /// Of a request by nobody in particular for this object, whose kind is served in this version.
    pub fn of(operation: Operation, key: &'a ObjectKey, version: &'a str) -> Self {
        Self {
            operation,
            group: &key.group,
            version,
            kind: &key.kind,
            resource: kinds::by_kind(&key.group, &key.kind).map_or("", |kind| kind.resource),
            subresource: "",
            namespace: &key.namespace,
            name: &key.name,
            user: "",
            dry_run: false,
        }
    }
}

impl Attributes<'_> {
    /// The namespace whose exceptions may be about the object. The API server says of a Namespace that it is in itself, and
    /// what has no namespace is never excepted.
    pub fn excepting_namespace(&self) -> Option<&str> {
        let is_namespace = self.group.is_empty() && self.kind == "Namespace";
        (!is_namespace && !self.namespace.is_empty()).then_some(self.namespace)
    }
}

// === impl Subject ===

impl<'a> Subject<'a> {
    /// Reads from a request what the selected rules want. Identity on DELETE comes from `oldObject`: a request that
    /// deletes a collection names no object.
    pub fn read(
        attributes: Attributes<'a>,
        object: Option<&'a RawValue>,
        old: Option<&'a RawValue>,
        want: Reads,
    ) -> Result<Self, BadObject> {
        let deletes = attributes.operation == Operation::Delete;
        let object = parse("object", object.filter(|_| want.object))?;
        let (now, later) = if want.old_object || deletes { (old, None) } else { (None, old) };
        let old = parse("oldObject", now)?;
        let judged = if deletes { &old } else { &object };
        if judged.is_null() && (want.object || deletes) {
            let field = if deletes { "oldObject" } else { "object" };
            return Err(BadObject::Missing { field, operation: attributes.operation.name() });
        }
        let mut subject = Self::of(attributes, object, old);
        if let Some(later) = later.filter(|_| attributes.operation == Operation::Update) {
            subject.old = Rc::new(Old { raw: Some(later), read: OnceCell::new() });
        }
        Ok(subject)
    }

    /// A subject whose objects have been read already, as from a file.
    pub fn of(attributes: Attributes<'a>, object: Value, old: Value) -> Self {
        let named = Node::root(if object.is_null() { &old } else { &object }).get("metadata");
        let either = |attribute: &str, field: &str| match (attribute, named.get(field).text()) {
            ("", text) => Name::new(text),
            (attribute, _) => Name::new(attribute),
        };
        let key = ObjectKey {
            group: Name::word(attributes.group),
            kind: Name::word(attributes.kind),
            namespace: either(attributes.namespace, "namespace"),
            name: either(attributes.name, "name"),
        };
        let old = Rc::new(Old { raw: None, read: OnceCell::from(Arc::new(old)) });
        let (asked, fuel) = (Asked::default(), Rc::new(Cell::new(limits::CEL_REQUEST)));
        Self { attributes, key, object: Arc::new(object), old, telemetry: OnceCell::new(), asked, fuel }
    }

    /// The same request with another object, as after an edit.
    #[must_use]
    pub fn with_object(&self, object: Arc<Value>) -> Self {
        let old = Rc::clone(&self.old);
        let (attributes, key, asked) = (self.attributes, self.key.clone(), self.asked);
        Self { attributes, key, object, old, telemetry: OnceCell::new(), asked, fuel: Rc::clone(&self.fuel) }
    }

    /// The old object judged as if it were written now: what the ratchet compares with. None unless this is an UPDATE.
    pub fn before(&self) -> Option<Self> {
        let updates = self.attributes.operation == Operation::Update && !self.old.value().is_null();
        updates.then(|| self.with_object(Arc::clone(self.old.value())))
    }

    /// The object as it would be stored; nothing is in it on DELETE.
    pub fn object(&self) -> Node<'_> {
        Node::root(&self.object)
    }

    /// The same subject with what else its request says.
    #[must_use]
    pub fn asked(mut self, asked: Asked<'a>) -> Self {
        self.asked = asked;
        self
    }

    /// What expressions may still cost, see [`limits::CEL_REQUEST`].
    pub fn fuel(&self) -> u64 {
        self.fuel.get()
    }

    /// So much is left of it.
    pub fn spend(&self, left: u64) {
        self.fuel.set(left);
    }

    /// `request` as the API server gives it to expressions: without `uid` and the objects, and without what is empty.
    pub fn request(&self) -> Value {
        let Attributes { operation, group, version, kind, resource, subresource, user, dry_run, .. } = self.attributes;
        let of_kind = |[group, version, kind]: [&str; 3]| json!({ "group": group, "version": version, "kind": kind });
        let of_resource =
            |[group, version, resource]: [&str; 3]| json!({ "group": group, "version": version, "resource": resource });
        let read = |raw: Option<&RawValue>| raw.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
        let asked = &self.asked;
        let mut user_info = json!({ "username": user });
        let mut request = json!({
            "kind": of_kind([group, version, kind]),
            "resource": of_resource([group, version, resource]),
            "requestKind": of_kind(asked.kind.unwrap_or([group, version, kind])),
            "requestResource": of_resource(asked.resource.unwrap_or([group, version, resource])),
            "operation": operation.name(),
            "dryRun": dry_run,
        });
        let set = |object: &mut Value, field: &str, value: Option<Value>| {
            if let (Some(object), Some(value)) = (object.as_object_mut(), value) {
                object.insert(field.to_owned(), value);
            }
        };
        let text = |text: &str| (!text.is_empty()).then(|| Value::from(text));
        set(&mut user_info, "uid", text(asked.uid));
        // Whoever asks an API server is in some; who asks for what is in a file is not known.
        set(&mut user_info, "groups", Some(read(asked.groups).unwrap_or_else(|| json!([]))));
        set(&mut user_info, "extra", read(asked.extra));
        set(&mut request, "userInfo", Some(user_info));
        set(&mut request, "name", text(self.attributes.name));
        set(&mut request, "namespace", text(&self.key.namespace));
        set(&mut request, "subResource", text(subresource));
        set(&mut request, "requestSubResource", text(subresource));
        set(&mut request, "options", read(asked.options));
        request
    }

    /// What it was before; null where there was nothing, and null where it is not wanted before judging and turns out to be
    /// no object. The API server never sends such a thing, and without an old object an error is merely not forgiven.
    pub fn old(&self) -> Node<'_> {
        Node::root(self.old.value())
    }

    pub fn value(&self) -> &Value {
        &self.object
    }

    /// The object, to be kept beside what edits make of it.
    pub fn shared(&self) -> Arc<Value> {
        Arc::clone(&self.object)
    }

    /// The object as a telemetry object, if it is one.
    pub fn telemetry(&self) -> Option<&Telemetry> {
        let read = || {
            let kind = TelemetryKind::of(&self.key.group, &self.key.kind)?;
            Some(Telemetry::read(kind, &self.object))
        };
        self.telemetry.get_or_init(read).as_ref()
    }

    pub fn operation(&self) -> Operation {
        self.attributes.operation
    }
}

// === impl Old ===

impl Old<'_> {
    fn value(&self) -> &Arc<Value> {
        self.read.get_or_init(|| Arc::new(parse("oldObject", self.raw).unwrap_or_default()))
    }
}

fn parse(field: &'static str, raw: Option<&RawValue>) -> Result<Value, BadObject> {
    let Some(raw) = raw else { return Ok(Value::Null) };
    let object = serde_json::from_str::<Option<Object>>(raw.get());
    let object = object.map_err(|source| BadObject::NotAnObject { field, source })?;
    Ok(object.map_or(Value::Null, |object| Value::Object(object.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(object: &str) -> Result<Value, BadObject> {
        parse("object", Some(&RawValue::from_string(object.to_owned()).unwrap()))
    }

    #[test]
    fn where_there_is_no_object_there_is_null() {
        assert_eq!(read("null").unwrap(), Value::Null);
    }

    /// An UPDATE of a Service whose `oldObject` is this.
    fn update(old: &RawValue, old_object: bool) -> Result<Subject<'_>, BadObject> {
        let key = Box::leak(Box::new(ObjectKey::new("", "Service", "telemetry", "otel")));
        let attributes = Attributes::of(Operation::Update, key, "v1");
        let object = Box::leak(RawValue::from_string(r#"{"metadata":{"name":"otel"}}"#.to_owned()).unwrap());
        Subject::read(attributes, Some(object), Some(old), Reads { object: true, old_object })
    }

    #[test]
    fn the_old_object_is_read_once_and_when_it_is_asked_for() {
        let old = RawValue::from_string(r#"{"metadata":{"managedFields":[]},"spec":{}}"#.to_owned()).unwrap();
        let subject = update(&old, false).unwrap();
        let edited = subject.with_object(subject.shared());
        assert!(subject.old.read.get().is_none());
        assert_eq!(edited.old().value(), Some(&serde_json::json!({"metadata": {}, "spec": {}})));
        assert!(Arc::ptr_eq(subject.old.read.get().unwrap(), &subject.before().unwrap().object));
    }

    #[test]
    fn an_old_object_that_is_none_is_refused_where_it_is_wanted_and_forgives_nothing_elsewhere() {
        for text in ["[]", r#"{"metadata":[]}"#, &format!("{}{}", "[".repeat(1_000), "]".repeat(1_000))] {
            let old = RawValue::from_string(text.to_owned()).unwrap();
            let said = update(&old, true).unwrap_err().to_string();
            assert!(said.starts_with("`oldObject` is not an object: "), "{said}");
            let subject = update(&old, false).unwrap();
            assert!(!subject.old().is_set() && subject.before().is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["[]", "1", r#""a""#, r#"{"metadata":[]}"#] {
            let said = read(text).unwrap_err().to_string();
            assert!(said.starts_with("`object` is not an object: ") && said.contains("expected a mapping"), "{said}");
        }
    }
}
