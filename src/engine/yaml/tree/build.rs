//! Builds a [`Tree`] from the parser's events, with a stack of its own.
//!
//! The parser gives exact bytes of scalars and brackets; where an item's `-`, a `:` or a property stands follows from
//! walking over what is between them.

use std::{borrow::Cow, collections::BTreeMap};

use granit_parser::{Event, Options, Parser, ScalarStyle, StructureStyle, Tag};

use super::{
    Entry, Item, Kind, Node, NodeId, Style, Tree,
    refuse::{refuse_control_characters, refuse_duplicates},
};
use crate::engine::{
    limits,
    yaml::{
        YamlError,
        error::too_deep,
        lines::{before_break, bom_len, byte, column, cut, is_blank, line_end, line_start, skip_trivia},
        spans::Span,
    },
};

struct Builder<'t> {
    text: &'t str,
    nodes: Vec<Node>,
    /// Collections that are open.
    stack: Vec<Frame>,
    /// Behind what was read last.
    cursor: usize,
    anchors: BTreeMap<usize, NodeId>,
    root: Option<NodeId>,
}

struct Frame {
    node: NodeId,
    flow: bool,
    contents: Contents,
    /// Where the item or entry that is being read begins.
    slot: usize,
}

enum Contents {
    Items(Vec<Item>),
    /// With the key that waits for its value, and the colon behind it.
    Entries(Vec<Entry>, Option<(NodeId, Option<usize>)>),
}

/// Anchor and tag of a node that is about to be read.
struct Properties {
    outer: Option<usize>,
    end: usize,
    anchor: usize,
    tag: Option<String>,
}

pub(super) fn build(text: &str) -> Result<Tree, YamlError> {
    if text.len() > limits::DOCUMENT_BYTES {
        let megabytes = limits::DOCUMENT_BYTES / 1024 / 1024;
        return Err(YamlError::at(text, 0, format!("a document of more than {megabytes} MiB is not read")));
    }
    refuse_control_characters(text)?;
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = limits::DEPTH;
    options.block_nesting_limit = limits::DEPTH;
    let cursor = bom_len(text);
    let mut builder =
        Builder { text, nodes: Vec::new(), stack: Vec::new(), cursor, anchors: BTreeMap::new(), root: None };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| YamlError::scan(text, &error))?;
        let range = span.byte_range().unwrap_or_default();
        builder.event(event, Span { start: range.start, end: range.end }, span.indent)?;
    }
    Ok(builder.finish())
}

// === impl Builder ===

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: Span, indent: Option<usize>) -> Result<(), YamlError> {
        match event {
            Event::DocumentStart(explicit, _) => {
                if self.root.is_some() {
                    return Err(self.error(span.start, "a second document begins here: only one is read"));
                }
                if explicit {
                    self.cursor = span.end;
                }
            }
            Event::Scalar(value, style, anchor, tag) => {
                let properties = self.begin(anchor, tag.as_ref());
                let node = self.scalar(value, style, &properties, span, indent);
                self.cursor = node.span.end;
                let id = self.add(node, anchor)?;
                self.place(id);
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.open(Contents::Items(Vec::new()), style, span, anchor, tag.as_ref())?;
            }
            Event::MappingStart(style, anchor, tag) => {
                self.open(Contents::Entries(Vec::new(), None), style, span, anchor, tag.as_ref())?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
            Event::Alias(anchor) => {
                let properties = self.begin(0, None);
                let name = cut(self.text, span.start, span.end);
                let Some(&target) = self.anchors.get(&anchor) else {
                    return Err(self.error(span.start, format!("alias `{name}` of an anchor that is not defined")));
                };
                if self.stack.iter().any(|frame| frame.node == target) {
                    return Err(self.error(span.start, format!("alias `{name}` stands inside of what it names")));
                }
                self.cursor = span.end;
                let id = self.add(node(Kind::Alias(target), span, &properties), 0)?;
                self.place(id);
            }
            _ => {}
        }
        Ok(())
    }

    fn error(&self, at: usize, message: impl Into<String>) -> YamlError {
        YamlError::at(self.text, at, message)
    }

    /// Walks from the cursor to where the next node or its properties may begin, and over its properties.
    fn begin(&mut self, anchor: usize, tag: Option<&Cow<'_, Tag>>) -> Properties {
        let (text, mut at) = (self.text, self.cursor);
        let mut in_flow = false;
        if let Some(frame) = self.stack.last_mut() {
            in_flow = frame.flow;
            match &mut frame.contents {
                Contents::Entries(_, Some((_, colon))) => {
                    let next = skip_trivia(text, at);
                    if byte(text, next) == Some(b':') {
                        *colon = Some(next);
                        at = next + 1;
                    }
                }
                contents => {
                    at = skip_trivia(text, at);
                    if frame.flow && byte(text, at) == Some(b',') {
                        at = skip_trivia(text, at + 1);
                    }
                    frame.slot = at;
                    let indicator = if matches!(contents, Contents::Items(_)) { b'-' } else { b'?' };
                    let blank = matches!(byte(text, at + 1), None | Some(b' ' | b'\t' | b'\n' | b'\r'));
                    if byte(text, at) == Some(indicator) && blank && (indicator == b'?' || !frame.flow) {
                        at += 1;
                    }
                }
            }
        }
        let tag_name = tag.map(|tag| tag.core_suffix().map_or_else(|| tag.original(), str::to_owned));
        let (mut anchors, mut tags) = (usize::from(anchor != 0), usize::from(tag.is_some()));
        let (mut outer, mut end) = (None, at);
        while anchors + tags > 0 {
            let next = skip_trivia(text, end);
            match byte(text, next) {
                Some(b'&') if anchors > 0 => anchors -= 1,
                Some(b'!') if tags > 0 => tags -= 1,
                _ => break,
            }
            outer.get_or_insert(next);
            end = next + property_len(cut(text, next, text.len()), in_flow);
        }
        Properties { outer, end, anchor, tag: tag_name }
    }

    fn scalar(
        &self,
        value: Cow<'_, str>,
        style: ScalarStyle,
        properties: &Properties,
        span: Span,
        indent: Option<usize>,
    ) -> Node {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::Single,
            ScalarStyle::DoubleQuoted => Style::Double,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
        };
        let plain = |value: String, span| node(Kind::Scalar { value, style, indent: 0 }, span, properties);
        match style {
            // The parser says `~` for what is not there.
            Style::Plain if span.is_empty() => {
                plain(String::new(), Span { start: properties.end, end: properties.end })
            }
            Style::Literal | Style::Folded => {
                // Not for other scalars: on one long line (JSON) it would make this quadratic.
                let indent = indent.unwrap_or_else(|| column(self.text, span.start));
                let start = skip_trivia(self.text, properties.end);
                let end = self.block_scalar_end(start, span, indent);
                let mut value = value.into_owned();
                // go-yaml makes no line break where the text ends without one.
                if span.end == self.text.len() && before_break(self.text, span.end) == span.end && value.ends_with('\n')
                {
                    value.pop();
                }
                node(Kind::Scalar { value, style, indent }, Span { start, end }, properties)
            }
            _ => plain(value.into_owned(), span),
        }
    }

    /// Behind the last line of content, without its line break. Blank lines at the end count only for `|+`.
    fn block_scalar_end(&self, header: usize, content: Span, indent: usize) -> usize {
        let text = self.text;
        let header_line = cut(text, header, line_end(text, header));
        let mark = header_line.split([' ', '\t']).next().unwrap_or_default();
        let least = header + mark.len();
        let mut end = content.end;
        if is_blank(cut(text, line_start(text, end), end)) && end < text.len() {
            end = line_start(text, end);
        }
        end = before_break(text, end);
        while !mark.contains('+') && end > least {
            let start = line_start(text, end);
            let line = cut(text, start, end);
            if !is_blank(line) || (line.len() > indent && start >= content.start) {
                break;
            }
            end = before_break(text, start);
        }
        end.max(least)
    }

    fn open(
        &mut self,
        contents: Contents,
        style: StructureStyle,
        span: Span,
        anchor: usize,
        tag: Option<&Cow<'_, Tag>>,
    ) -> Result<(), YamlError> {
        let properties = self.begin(anchor, tag);
        let flow = style == StructureStyle::Flow;
        let start = if flow { span.start } else { skip_trivia(self.text, properties.end) };
        if self.stack.len() >= limits::DEPTH {
            return Err(self.error(start, too_deep()));
        }
        self.cursor = if flow { span.end.max(properties.end) } else { properties.end };
        // Replaced when it is closed.
        let kind = Kind::Sequence { flow, items: Vec::new() };
        let id = self.add(node(kind, Span { start, end: start }, &properties), anchor)?;
        self.stack.push(Frame { node: id, flow, contents, slot: start });
        Ok(())
    }

    fn close(&mut self, span: Span) -> Result<(), YamlError> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let flow = frame.flow;
        if flow && !span.is_empty() {
            self.cursor = span.end;
        }
        let kind = match frame.contents {
            Contents::Items(items) => Kind::Sequence { flow, items },
            Contents::Entries(entries, _) => {
                refuse_duplicates(self.text, &self.nodes, &entries)?;
                Kind::Mapping { flow, entries }
            }
        };
        if let Some(node) = self.nodes.get_mut(frame.node.0) {
            node.kind = kind;
            node.span.end = self.cursor;
        }
        self.place(frame.node);
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<NodeId, YamlError> {
        if self.nodes.len() >= limits::NODES {
            return Err(
                self.error(node.span.start, format!("a document of more than {} values is not read", limits::NODES))
            );
        }
        let id = NodeId(self.nodes.len());
        self.nodes.push(node);
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        Ok(id)
    }

    /// Puts a node that is complete into what contains it.
    fn place(&mut self, id: NodeId) {
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(id);
            return;
        };
        match &mut frame.contents {
            Contents::Items(items) => items.push(Item { start: frame.slot, node: id }),
            Contents::Entries(entries, waiting) => match waiting.take() {
                None => *waiting = Some((id, None)),
                Some((key, colon)) => entries.push(Entry { start: frame.slot, key, colon, value: id }),
            },
        }
    }

    fn finish(mut self) -> Tree {
        let root = self.root.unwrap_or_else(|| {
            let at = Span { start: self.cursor, end: self.cursor };
            let properties = Properties { outer: None, end: self.cursor, anchor: 0, tag: None };
            let kind = Kind::Scalar { value: String::new(), style: Style::Plain, indent: 0 };
            self.nodes.push(node(kind, at, &properties));
            NodeId(self.nodes.len() - 1)
        });
        Tree { text: self.text.to_owned(), nodes: self.nodes, root }
    }
}

fn node(kind: Kind, span: Span, properties: &Properties) -> Node {
    Node {
        kind,
        span,
        outer: properties.outer.unwrap_or(span.start),
        slot_end: properties.end,
        anchored: properties.anchor != 0,
        tag: properties.tag.clone(),
    }
}

/// Bytes of the `&anchor` or `!tag` that the text begins with.
fn property_len(text: &str, in_flow: bool) -> usize {
    let verbatim = text.starts_with("!<");
    let ends = |c: char| {
        if verbatim {
            c == '>'
        } else {
            c.is_ascii_whitespace() || (in_flow && matches!(c, ',' | '[' | ']' | '{' | '}'))
        }
    };
    text.find(ends).map_or(text.len(), |end| end + usize::from(verbatim))
}
