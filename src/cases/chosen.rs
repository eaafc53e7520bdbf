//! Which policies a case is judged by, and what is wrong with those that cannot be had.

use std::path::{Path as FilePath, PathBuf};

use serde_json::Value;

use crate::{
    cases::{Case, CaseFile, PolicyEntry, Unusable},
    engine::{
        node::Path,
        policy::{Policy, PolicySet, compile, shipped},
        rules::suggest,
    },
    files::{policies, policies::Loaded},
};

/// What the names of files of cases end in.
pub(super) const SUFFIX: &str = ".test.yaml";

/// Policies as they are put together.
struct Chosen<'f> {
    file: &'f CaseFile,
    policies: Vec<Policy>,
    unusable: Unusable,
}

// === impl CaseFile ===

impl CaseFile {
    /// The policies of a case: its own, else the file's, else those of the file beside it that is called the same without
    /// `.test`, else all shipped ones.
    ///
    /// # Errors
    /// A name that no shipped policy has, a file that is not there, or a policy that does not compile, in its own file.
    pub fn policies(&self, case: &Case) -> Result<PolicySet, Unusable> {
        if !case.policies.is_empty() {
            return Chosen::of(self).entries(&case.policies, &self.place_of(case).key("policies"));
        }
        let shared = || match &self.policies[..] {
            [] => match self.sibling() {
                Some(sibling) => Chosen::of(self).beside(&sibling),
                None => Ok(shipped::policies()),
            },
            entries => Chosen::of(self).entries(entries, &Path::of(&["policies"])),
        };
        self.shared.get_or_init(shared).clone()
    }

    /// The file of policies that this one says nothing about and tests.
    pub fn sibling(&self) -> Option<PathBuf> {
        let stem = self.source.name.strip_suffix(SUFFIX)?;
        [".yaml", ".yml"].map(|end| PathBuf::from(format!("{stem}{end}"))).into_iter().find(|path| path.is_file())
    }

    /// A path that is written in this file.
    pub fn relative(&self, path: &FilePath) -> PathBuf {
        FilePath::new(&self.source.name).parent().map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }
}

// === impl Chosen ===

impl<'f> Chosen<'f> {
    fn of(file: &'f CaseFile) -> Self {
        Self { file, policies: Vec::new(), unusable: Unusable::of(file) }
    }

    fn entries(mut self, entries: &[PolicyEntry], at: &Path) -> Result<PolicySet, Unusable> {
        for (index, entry) in entries.iter().enumerate() {
            let at = at.index(index);
            match entry {
                PolicyEntry::Name(name) => self.shipped(name, &at),
                PolicyEntry::File(entry) => {
                    let loaded = policies::load(&[self.file.relative(&entry.file)]);
                    self.loaded(loaded, Some(&at));
                }
                PolicyEntry::Policy(value) => self.written_out(value, &at),
            }
        }
        self.done()
    }

    fn beside(mut self, path: &FilePath) -> Result<PolicySet, Unusable> {
        self.loaded(policies::load(&[path.to_owned()]), None);
        self.done()
    }

    fn done(self) -> Result<PolicySet, Unusable> {
        self.unusable.or(PolicySet::new(self.policies))
    }

    fn shipped(&mut self, name: &str, at: &Path) {
        let shipped = shipped::policies();
        let names = || shipped.policies().iter().map(|policy| policy.name.as_str());
        if let Some(policy) = shipped.policies().iter().find(|known| known.name == name) {
            return self.push((**policy).clone(), at);
        }
        let help = match suggest::closest(name, names()) {
            _ if name.contains(['/', '.']) => format!("policies in a file are `{{ file: {name} }}`"),
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are {}", suggest::listed(names().map(|name| format!("`{name}`")))),
        };
        self.unusable.push(at, format!("no shipped policy is named `{name}`"), Some(help));
    }

    fn written_out(&mut self, value: &Value, at: &Path) {
        if value.get("kind").is_none() {
            let message = "this is no policy".to_owned();
            let help = "name a shipped one, write `{ file: policy.yaml }`, or write out a GuardPolicy".to_owned();
            return self.unusable.push(at, message, Some(help));
        }
        match compile::compile(value) {
            Ok(policy) => self.push(policy, at),
            Err(bad) => self.unusable.push_bad(at, bad),
        }
    }

    /// Takes the policies of files. What is wrong with them is said of their own places; what has none is said of the place
    /// in the file of cases that names them.
    fn loaded(&mut self, loaded: Loaded, at: Option<&Path>) {
        let behind = self.unusable.sources.len();
        self.unusable.sources.extend(loaded.sources);
        for refusal in loaded.refusals {
            match at {
                Some(at) if refusal.span.is_none() => {
                    self.unusable.push(at, format!("{}: {}", refusal.file, refusal.message), None);
                }
                _ => self.unusable.refusals.push(refusal.behind(behind)),
            }
        }
        for policy in loaded.policies.policies() {
            self.push((**policy).clone(), at.unwrap_or(&Path::root()));
        }
    }

    fn push(&mut self, policy: Policy, at: &Path) {
        if self.policies.iter().any(|known| known.name == policy.name) {
            let message = format!("there are two policies named `{}`", policy.name);
            return self.unusable.push(at, message, None);
        }
        self.policies.push(policy);
    }
}
