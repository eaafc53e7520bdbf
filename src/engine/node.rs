//! How rules read an object, and where they read: a [`Node`] is a value with its [`Path`].
//!
//! A path may lead into YAML that is held in a string, as a ConfigMap holds a collector's configuration:
//! `data.relay > service.pipelines.traces.exporters[0]`.

use std::{borrow::Cow, cell::OnceCell, fmt, rc::Rc};

use serde_json::Value;

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A key of a mapping.
    Key(String),
    /// A place in a list, from 0.
    Index(usize),
    /// The string reached so far holds YAML, and what follows leads into it.
    Yaml,
}

/// Where in an object something stands. The empty path is the object itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<Segment>);

/// A value and where it stands. A node that is not there has no value; reading on from it gives more such nodes,
/// so that a rule can follow a path without asking at each step.
///
/// Most nodes are only read, so a node knows the way that led to it and writes the path out when it is asked for.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    value: Option<&'a Value>,
    way: Option<Rc<Step<'a>>>,
    path: OnceCell<Path>,
}

/// The last step to a node, and the way before it.
#[derive(Debug)]
struct Step<'a> {
    before: Option<Rc<Self>>,
    to: To<'a>,
}

#[derive(Debug)]
enum To<'a> {
    Key(Cow<'a, str>),
    Index(usize),
    /// From outside: the path of a node that was not reached from the root.
    Path(Path),
}

// === impl Path ===

impl Path {
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// A path of keys alone, as in `Path::of(&["metadata", "annotations"])`.
    pub fn of(keys: &[&str]) -> Self {
        Self(keys.iter().map(|key| Segment::Key((*key).to_owned())).collect())
    }

    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.then(Segment::Key(key.to_owned()))
    }

    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.then(Segment::Index(index))
    }

    /// Into the YAML that the string at this path holds.
    #[must_use]
    pub fn yaml(&self) -> Self {
        self.then(Segment::Yaml)
    }

    #[must_use]
    pub fn then(&self, segment: Segment) -> Self {
        let mut path = self.clone();
        path.0.push(segment);
        path
    }

    #[must_use]
    pub fn join(&self, rest: &Self) -> Self {
        Self(self.0.iter().chain(&rest.0).cloned().collect())
    }

    pub fn push(&mut self, segment: Segment) {
        self.0.push(segment);
    }

    pub fn pop(&mut self) -> Option<Segment> {
        self.0.pop()
    }

    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// What follows in this path behind another one that it begins with.
    pub fn without(&self, other: &Self) -> Option<Self> {
        Some(Self(self.0.strip_prefix(other.0.as_slice())?.to_vec()))
    }

    /// The path without its last segment, and that segment.
    pub fn split_last(&self) -> Option<(Self, &Segment)> {
        self.0.split_last().map(|(last, rest)| (Self(rest.to_vec()), last))
    }

    /// The path of the outermost string that holds YAML and the path inside it, where this path leads into one.
    pub fn split_at_yaml(&self) -> (Self, Option<Self>) {
        match self.0.iter().position(|segment| *segment == Segment::Yaml) {
            Some(at) => (
                Self(self.0.iter().take(at).cloned().collect()),
                Some(Self(self.0.iter().skip(at + 1).cloned().collect())),
            ),
            None => (self.clone(), None),
        }
    }

    /// The value at this path. A path that leads into YAML held in a string finds nothing.
    pub fn find<'a>(&self, root: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(root, |value, segment| match segment {
            Segment::Key(key) => value.get(key),
            Segment::Index(index) => value.get(index),
            Segment::Yaml => None,
        })
    }

    /// RFC 6901, for the part before any YAML held in a string.
    pub fn json_pointer(&self) -> String {
        let mut pointer = String::new();
        for segment in self.0.iter().take_while(|segment| **segment != Segment::Yaml) {
            pointer.push('/');
            match segment {
                Segment::Key(key) => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
                Segment::Index(index) => pointer.push_str(&index.to_string()),
                Segment::Yaml => {}
            }
        }
        pointer
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fresh = true;
        for segment in &self.0 {
            match segment {
                Segment::Key(key) => {
                    if !fresh {
                        f.write_str(".")?;
                    }
                    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-/$".contains(c));
                    if plain {
                        f.write_str(key)?;
                    } else {
                        write!(f, "{key:?}")?;
                    }
                    fresh = false;
                }
                Segment::Index(index) => {
                    write!(f, "[{index}]")?;
                    fresh = false;
                }
                Segment::Yaml => {
                    f.write_str(" > ")?;
                    fresh = true;
                }
            }
        }
        Ok(())
    }
}

// === impl Node ===

impl<'a> Node<'a> {
    pub const fn root(value: &'a Value) -> Self {
        Self { value: Some(value), way: None, path: OnceCell::new() }
    }

    pub fn at(value: &'a Value, path: Path) -> Self {
        Self::reached(Some(value), None, To::Path(path))
    }

    fn reached(value: Option<&'a Value>, before: Option<Rc<Step<'a>>>, to: To<'a>) -> Self {
        Self { value, way: Some(Rc::new(Step { before, to })), path: OnceCell::new() }
    }

    #[must_use]
    pub fn get(&self, key: &str) -> Self {
        let found = self.value.and_then(Value::as_object).and_then(|entries| entries.get_key_value(key));
        let (value, key) = match found {
            Some((key, value)) => (Some(value), Cow::Borrowed(key.as_str())),
            None => (None, Cow::Owned(key.to_owned())),
        };
        Self::reached(value, self.way.clone(), To::Key(key))
    }

    /// `node.follow(&["spec", "tracing"])` is `node.get("spec").get("tracing")`.
    #[must_use]
    pub fn follow(&self, keys: &[&str]) -> Self {
        keys.iter().fold(self.clone(), |node, key| node.get(key))
    }

    /// The items of a list; none where this is not a list.
    pub fn items(&self) -> impl Iterator<Item = Self> + use<'a> {
        let way = self.way.clone();
        let items = self.value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        items.iter().enumerate().map(move |(index, value)| Self::reached(Some(value), way.clone(), To::Index(index)))
    }

    /// The entries of a mapping in the order of their keys; none where this is not a mapping.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, Self)> + use<'a> {
        let way = self.way.clone();
        self.value.and_then(Value::as_object).into_iter().flatten().map(move |(key, value)| {
            (key.as_str(), Self::reached(Some(value), way.clone(), To::Key(Cow::Borrowed(key))))
        })
    }

    pub const fn value(&self) -> Option<&'a Value> {
        self.value
    }

    pub fn path(&self) -> &Path {
        self.path.get_or_init(|| {
            let mut steps: Vec<&To<'a>> = Vec::new();
            let mut way = self.way.as_deref();
            while let Some(step) = way {
                steps.push(&step.to);
                way = step.before.as_deref();
            }
            let mut segments = Vec::with_capacity(steps.len());
            for to in steps.into_iter().rev() {
                match to {
                    To::Key(key) => segments.push(Segment::Key(key.clone().into_owned())),
                    To::Index(index) => segments.push(Segment::Index(*index)),
                    To::Path(path) => segments.extend(path.0.iter().cloned()),
                }
            }
            Path(segments)
        })
    }

    /// Whether it is there and not null: how the API server sees an optional field.
    pub fn is_set(&self) -> bool {
        self.value.is_some_and(|value| !value.is_null())
    }

    pub fn as_str(&self) -> Option<&'a str> {
        self.value.and_then(Value::as_str)
    }

    /// The string, or the empty one, which is how Kubernetes reads most fields that are absent.
    pub fn text(&self) -> &'a str {
        self.as_str().unwrap_or_default()
    }

    pub fn as_i64(&self) -> Option<i64> {
        self.value.and_then(Value::as_i64)
    }

    pub fn as_bool(&self) -> Option<bool> {
        self.value.and_then(Value::as_bool)
    }
}
