//! A stream's documents. A line that begins with `---` or `...` ends any scalar (YAML 1.2, 9.1.2), so that lines alone
//! tell them apart, and a broken document costs no other.

/// One document of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Document<'t> {
    pub text: &'t str,
    /// Byte in the stream at which it begins.
    pub offset: usize,
}

/// The documents that hold more than blank lines and comments.
pub fn split(stream: &str) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let mut begin = if stream.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut at = 0;
    let mut push = |from: usize, to: usize| {
        if let Some(text) = stream.get(from..to).filter(|text| holds_anything(text)) {
            documents.push(Document { text, offset: from });
        }
    };
    for line in stream.split_inclusive('\n') {
        let end = at + line.len();
        let bare = line.strip_prefix('\u{feff}').unwrap_or(line);
        if is_marker(bare, "---") {
            push(begin, at.max(begin));
            // What follows on the line is part of the document.
            let skipped = line.len() - bare.len() + 3;
            begin = at + skipped;
        } else if is_marker(bare, "...") {
            push(begin, at.max(begin));
            begin = end;
        } else if bare.starts_with('%') && stream.get(begin..at).is_some_and(|before| !holds_anything(before)) {
            begin = end;
        }
        at = end;
    }
    push(begin, stream.len());
    documents
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

fn holds_anything(text: &str) -> bool {
    text.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(stream: &str) -> Vec<&str> {
        split(stream).iter().map(|document| document.text.trim()).collect()
    }

    #[test]
    fn lines_of_three_dashes_part_documents() {
        assert_eq!(texts("a: 1\n---\nb: 2\n"), ["a: 1", "b: 2"]);
        assert_eq!(texts("---\na: 1\n---\n# nothing\n---\nb: 2"), ["a: 1", "b: 2"]);
        assert_eq!(texts("a: 1\r\n---\r\nb: 2\r\n"), ["a: 1", "b: 2"]);
        assert_eq!(texts("--- {a: 1}\n...\n--- # c\nb: 2"), ["{a: 1}", "# c\nb: 2"]);
        assert_eq!(texts("%YAML 1.2\n---\na: 1"), ["a: 1"]);
        assert_eq!(texts("\u{feff}a: 1"), ["a: 1"]);
    }

    #[test]
    fn dashes_elsewhere_do_not() {
        assert_eq!(texts("a: |\n  ---\n  x\n----\n").len(), 1);
        assert_eq!(texts("a: x---\nb: ' --- '"), ["a: x---\nb: ' --- '"]);
    }

    #[test]
    fn offsets_are_those_of_the_stream() {
        let stream = "a: 1\n---\nb: 2\n";
        for document in split(stream) {
            assert!(stream[document.offset..].starts_with(document.text));
        }
    }

    #[test]
    fn nothing_is_no_document() {
        assert_eq!(split(""), []);
        assert_eq!(split("# only\n\n---\n# comments\n"), []);
    }
}
