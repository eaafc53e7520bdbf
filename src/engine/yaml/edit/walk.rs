//! Leads a plan through a tree: which containers change, and how.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{
    CannotEdit, Edited, block, flow,
    plan::{Plan, What},
    scalar,
    splice::{Splice, settle},
};
use crate::engine::{
    node::Segment,
    yaml::{
        lines::{byte, column, cut, line_break, skip_trivia},
        spans::Span,
        tree::{Kind, Node, NodeId, Tree},
        write::Layout,
    },
};

/// How to write what can be written in two ways. They are tried in order until one means what it shall.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strategy {
    /// Writes a key that comes by `<<` out beside it, instead of changing the mapping that is merged.
    pub(super) override_merges: bool,
    /// Writes a string with YAML anew, instead of splicing it line by line.
    pub(super) rewrite_strings: bool,
}

/// What happens to one list, mapping or string.
#[derive(Debug, Default)]
pub(super) struct NodeEdit {
    pub(super) removed: BTreeSet<usize>,
    pub(super) replaced: BTreeMap<usize, Value>,
    pub(super) added: BTreeMap<String, Value>,
    pub(super) appended: BTreeMap<usize, Value>,
    pub(super) string: Option<Edited>,
}

/// An item or entry, as one thing that can be removed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) start: usize,
    pub(super) end: usize,
    /// None for a key alone, as in `{a}`.
    pub(super) colon: bool,
    pub(super) value: NodeId,
}

#[derive(Debug)]
pub(super) struct Walk<'t> {
    pub(super) tree: &'t Tree,
    pub(super) layout: Layout,
    pub(super) strategy: Strategy,
    embedded: usize,
    edits: BTreeMap<NodeId, NodeEdit>,
}

// === impl Strategy ===

impl Strategy {
    pub(super) const ALL: [Self; 4] = [
        Self { override_merges: false, rewrite_strings: false },
        Self { override_merges: false, rewrite_strings: true },
        Self { override_merges: true, rewrite_strings: false },
        Self { override_merges: true, rewrite_strings: true },
    ];
}

// === impl Walk ===

impl<'t> Walk<'t> {
    pub(super) fn splices(
        tree: &'t Tree,
        plan: &Plan,
        before: &Value,
        strategy: Strategy,
        embedded: usize,
    ) -> Result<Vec<Splice>, CannotEdit> {
        let mut walk = Self { tree, layout: layout(tree), strategy, embedded, edits: BTreeMap::new() };
        walk.visit(plan, tree.root(), Some(before))?;
        walk.refuse_lost_anchors()?;
        // Inner ones first: where two insert at one place, the inner one belongs there.
        let mut splices = Vec::new();
        for (id, edit) in walk.edits.iter().rev() {
            match &tree.node(*id).kind {
                Kind::Sequence { flow: true, .. } | Kind::Mapping { flow: true, .. } => {
                    flow::splices(&walk, *id, edit, &mut splices);
                }
                Kind::Sequence { .. } | Kind::Mapping { .. } => block::splices(&walk, *id, edit, &mut splices)?,
                _ => scalar::splices(&walk, *id, edit, &mut splices)?,
            }
        }
        settle(tree.text(), splices)
    }

    fn visit(&mut self, plan: &Plan, id: NodeId, value: Option<&Value>) -> Result<(), CannotEdit> {
        let id = self.tree.follow(id);
        for (segment, child) in &plan.children {
            let contradiction = || CannotEdit::because("two changes reach the same place through an alias");
            if *segment == Segment::Yaml {
                let Some((text, _)) = self.tree.scalar(id) else { continue };
                let edited = child.edit_string(text, self.embedded)?;
                let edit = self.edits.entry(id).or_default();
                if edit.string.as_ref().is_some_and(|other| *other != edited) {
                    return Err(contradiction());
                }
                edit.string = Some(edited);
                continue;
            }
            let here = value.and_then(|value| match segment {
                Segment::Key(key) => value.get(key),
                Segment::Index(index) => value.get(index),
                Segment::Yaml => None,
            });
            let Some(slot) = self.tree.slot(id, segment) else {
                let Some(fresh) = child.fresh()? else { continue };
                let edit = self.edits.entry(id).or_default();
                let other = match segment {
                    Segment::Index(index) => edit.appended.insert(*index, fresh.clone()),
                    Segment::Key(key) => edit.added.insert(key.clone(), fresh.clone()),
                    Segment::Yaml => None,
                };
                if other.is_some_and(|other| other != fresh) {
                    return Err(contradiction());
                }
                continue;
            };
            match (&child.what, segment) {
                (What::Remove, _) => {
                    let edit = self.edits.entry(slot.container).or_default();
                    edit.removed.insert(slot.index);
                }
                (What::Set(value), _) if here == Some(value) => {}
                (What::Set(value), Segment::Key(key)) if slot.merged && self.strategy.override_merges => {
                    self.edits.entry(id).or_default().added.insert(key.clone(), value.clone());
                }
                (What::Set(value), _) => {
                    let edit = self.edits.entry(slot.container).or_default();
                    if edit.replaced.insert(slot.index, value.clone()).is_some_and(|other| other != *value) {
                        return Err(contradiction());
                    }
                }
                (What::Descend, _) => self.visit(child, slot.node, here)?,
            }
        }
        Ok(())
    }

    /// An anchor may only go together with all its aliases.
    fn refuse_lost_anchors(&self) -> Result<(), CannotEdit> {
        let mut going: Vec<Span> = Vec::new();
        for (id, edit) in &self.edits {
            for (index, part) in self.parts(*id).iter().enumerate() {
                if edit.removed.contains(&index) {
                    going.push(Span { start: part.start, end: part.end });
                } else if edit.replaced.contains_key(&index) {
                    going.push(self.tree.node(part.value).span);
                }
            }
        }
        let goes = |span: Span| going.iter().any(|gone| gone.contains(&span) && gone.start < gone.end);
        for id in self.tree.ids() {
            let alias = self.tree.node(id);
            if let Kind::Alias(target) = alias.kind
                && goes(self.tree.node(target).span)
                && !goes(alias.span)
            {
                let name = cut(self.tree.text(), alias.span.start, alias.span.end);
                return Err(CannotEdit::because(format!("what shall go is used elsewhere as `{name}`")));
            }
        }
        Ok(())
    }

    pub(super) fn parts(&self, id: NodeId) -> Vec<Part> {
        let node = |id| self.tree.node(id);
        match &node(id).kind {
            Kind::Sequence { items, .. } => items
                .iter()
                .map(|item| Part { start: item.start, end: node(item.node).end(), colon: true, value: item.node })
                .collect(),
            Kind::Mapping { entries, .. } => entries
                .iter()
                .map(|entry| {
                    let end = node(entry.value).end().max(entry.colon.map_or(0, |colon| colon + 1));
                    let end = end.max(node(entry.key).end());
                    Part { start: entry.start, end, colon: entry.colon.is_some(), value: entry.value }
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

// === impl Node ===

impl Node {
    fn end(&self) -> usize {
        self.span.end.max(self.slot_end)
    }
}

// === impl NodeEdit ===

impl NodeEdit {
    pub(super) fn adds(&self) -> bool {
        !self.added.is_empty() || !self.appended.is_empty()
    }

    /// What is new here, as a value of its own.
    pub(super) fn additions(&self) -> Value {
        if self.added.is_empty() {
            Value::Array(self.appended.values().cloned().collect())
        } else {
            Value::Object(self.added.clone().into_iter().collect::<Map<_, _>>())
        }
    }
}

/// How the document is written: as JSON, and with or without indentation of lists under their key.
fn layout(tree: &Tree) -> Layout {
    let text = tree.text();
    let root = tree.node(tree.root());
    let json = matches!(byte(text, root.span.start), Some(b'{' | b'[')) && json_keys(tree);
    let indent_lists = tree.ids().find_map(|id| match &tree.node(id).kind {
        Kind::Mapping { flow: false, entries } => entries.iter().find_map(|entry| {
            let value = tree.node(entry.value);
            let is_list = matches!(value.kind, Kind::Sequence { flow: false, .. });
            is_list.then(|| column(text, value.span.start) > column(text, entry.start))
        }),
        _ => None,
    });
    Layout { line_break: line_break(text), json, indent_lists: indent_lists.unwrap_or(false) }
}

fn json_keys(tree: &Tree) -> bool {
    let text = tree.text();
    let first_key = skip_trivia(text, tree.node(tree.root()).span.start + 1);
    matches!(byte(text, first_key), Some(b'"' | b'}' | b']' | b'{' | b'['))
}
