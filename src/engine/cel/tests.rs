//! Expressions made by chance, and broken ones: whatever they are, they end, within what they may cost, on a small stack.

use serde_json::{Value as Json, json};

use crate::engine::{
    cel::{Answer, Failure, Given, Meter, Program, Value, given::Names, library, macros, scope},
    limits,
};

/// On a stack as threads of tests and of web servers have it.
const STACK: usize = 2 * 1024 * 1024;

const SEEDS: [&str; 12] = [
    "object.spec.rules.all(r, r.name.startsWith('a') && r.ports.exists(p, p > 0 && p < 65536))",
    "has(object.metadata.labels) && 'team' in object.metadata.labels ? object.metadata.labels['team'] : 'none'",
    "object.?spec.?replicas.orValue(1) * 2 >= int('3') || !(request.operation in ['CREATE', 'UPDATE'])",
    "[1, 2, 3].map(x, x % 2 == 0, {'k': [x], 'v': [x, -x]}).size() + lists.range(3)[1]",
    "{'a': 1, 'b': 2}.transformMap(k, v, v > 1, k + string(v)) == {'b': 'b2'}",
    "timestamp('2024-02-03T04:05:06Z') - duration('1h30m') < timestamp(object.metadata.creationTimestamp)",
    "'%s is %d of %.2f'.format([object.metadata.name, 3, 0.5]).lowerAscii().matches('^[a-z ]+[0-9]{1,3}.*$')",
    "quantity('1.5Gi').add(quantity('200M')).isGreaterThan(quantity(object.spec.memory))",
    "cidr('10.0.0.0/8').containsIP(ip('10.1.2.3')) && url('https://a.b:8080/c?d=e').getHostname() == 'a.b'",
    "object.spec.rules.map(r, r.name).sortBy(n, n.size()).distinct().join(',').split(',', 2)",
    "semver('1.2.3-rc.1+b').isLessThan(semver('1.2.3')) ? b'\\xff\\000' : bytes('ä€𝄞')",
    "[?object.?a, ?optional.of(dyn(1))].flatten(2) == [] || 1 / 0 > 9223372036854775807 || 0.1 / 0.0 != 1e308 * 10.0",
];

const TOKENS: [&str; 44] = [
    "object",
    "request",
    "namespaceObject",
    "collector",
    "x",
    "y",
    "k",
    "1",
    "0",
    "-1",
    "9223372036854775807",
    "1u",
    "18446744073709551615u",
    "1.5",
    "1e308",
    "'a'",
    "'äöü𝄞'",
    "''",
    "b'\\xff'",
    "r'\\d+(a|b)*'",
    "true",
    "false",
    "null",
    "[]",
    "{}",
    "[1, 2]",
    "{'a': 1}",
    "int",
    "type",
    "net.IP",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "?",
    ".",
    ".?",
    "[?",
    "\"",
    "\\",
];

const OPERATORS: [&str; 15] = ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||", "? 1 :"];

/// A xorshift: the same numbers on every machine.
struct Chance(u64);

// === impl Chance ===

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn of<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn expression(&mut self, functions: &[&'static str], depth: usize) -> String {
        if depth == 0 {
            return self.of(&TOKENS[..30]).to_owned();
        }
        let deeper = depth - 1;
        let part = |chance: &mut Self| chance.expression(functions, deeper);
        match self.below(12) {
            0 | 1 => {
                let (one, other) = (part(self), part(self));
                format!("{one} {} {other}", self.of(&OPERATORS))
            }
            2 => format!("({})", part(self)),
            3 => format!("!{}", part(self)),
            4 => format!("[{}, {}]", part(self), part(self)),
            5 => format!("{{{}: {}}}", part(self), part(self)),
            6 => format!("{}[{}]", part(self), part(self)),
            7 => format!("{}.{}", part(self), self.of(&["spec", "?a", "metadata.name", "rules"])),
            8 => {
                let (target, body) = (part(self), part(self));
                match self.below(3) {
                    0 => format!("{target}.{}(k, x, {body})", self.of(&macros::NAMES)),
                    1 => format!("{target}.{}(x, {body}, {})", self.of(&macros::NAMES), part(self)),
                    _ => format!("{target}.{}(x, {body})", self.of(&macros::NAMES)),
                }
            }
            9 => format!("{}.{}({})", part(self), self.of(functions), part(self)),
            10 => format!("{}({})", self.of(functions), part(self)),
            _ => format!("{}({}, {})", self.of(functions), part(self), part(self)),
        }
    }

    /// One that people could have written, broken in a few places.
    fn broken(&mut self) -> String {
        let mut chars: Vec<char> = self.of(&SEEDS).chars().collect();
        for _ in 0..=self.below(3) {
            let at = self.below(chars.len() + 1);
            match self.below(4) {
                0 if at < chars.len() => drop(chars.remove(at)),
                1 => {
                    let end = (at + self.below(12)).min(chars.len());
                    let again: Vec<char> = chars[at..end].to_vec();
                    chars.splice(at..at, again);
                }
                2 => {
                    let token: Vec<char> = self.of(&TOKENS).chars().collect();
                    chars.splice(at..at, token);
                }
                _ => {
                    let last = chars.len() - 1;
                    chars.swap(at.min(last), 0);
                }
            }
        }
        chars.into_iter().collect()
    }
}

struct Object(Json);

impl<'a> Names<'a> for &'a Object {
    fn value(&self, name: &str) -> Option<Answer<'a>> {
        match name {
            "object" => Some(Ok(Value::from_json(&self.0))),
            "collector" => Some(Err(Failure::Unknown("the collector".to_owned()))),
            _ => Some(Ok(Value::Null)),
        }
    }
}

fn attempt(source: &str, object: &Object) -> bool {
    let program = match Program::compile(source, &scope::mutation(&[], false)) {
        Ok(program) => program,
        Err(bad) => {
            assert!(source.get(..bad.at).is_some(), "{source}: {bad:?}");
            assert!(!bad.to_string().is_empty());
            return false;
        }
    };
    let mut meter = Meter::new();
    let names = object;
    drop(program.run(&Given::new(&names, &[], None), &mut meter));
    true
}

#[test]
fn nothing_that_chance_writes_brings_it_down() {
    let made = || {
        let object = Object(json!({
            "metadata": {"name": "a", "labels": {"team": "b"}, "creationTimestamp": "2024-02-03T04:05:06Z"},
            "spec": {"replicas": 3, "memory": "1Gi", "ratio": 0.5, "none": null, "rules": [{"name": "a", "ports": [1, 2]}, {}]},
        }));
        let functions: Vec<&'static str> =
            library::names().filter(|name| !name.starts_with(['_', '@', '!', '-'])).collect();
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        let mut compiled = 0;
        for seed in SEEDS {
            assert!(attempt(seed, &object), "{seed}");
        }
        for round in 0..3_000 {
            let source = if round % 2 == 0 { chance.broken() } else { chance.expression(&functions, 1 + round % 5) };
            if source.len() <= limits::CEL_SOURCE {
                compiled += usize::from(attempt(&source, &object));
            }
        }
        assert!(compiled > 50, "{compiled} compiled: chance writes too little that is right");
    };
    on_small_stack(made);
}

#[test]
fn what_is_nested_as_deep_as_may_be_runs() {
    let nested =
        |open: &str, inner: &str, close: &str, times| format!("{}{inner}{}", open.repeat(times), close.repeat(times));
    let sources = [
        nested("(", "1", ")", 249),
        nested("[", "1", "]", 249),
        nested("{'a':", "1", "}", 249),
        nested("string(", "'a'", ")", 249),
        nested("dyn(", "object", ")", 249),
        nested("!(", "true", ")", 190),
        nested("true ? (", "1", ") : 1", 240),
        nested("1 + (", "1", ")", 240),
        nested("[1].all(x,", "true", ")", limits::CEL_FOLDS),
        nested("[1].map(x,", "object", ")", limits::CEL_FOLDS),
        nested("[2, 1].sortBy(x, ", "x", ")[0]", 20),
        nested("[[", "object", "][0]]", 120),
        format!("1{}", "+1".repeat(249)),
        format!("object{}", ".a".repeat(249)),
        format!("object{}", ".?a".repeat(249)),
        format!("dyn([]){}", "[0]".repeat(249)),
        format!("'a'{}", ".trim()".repeat(249)),
        format!("[1]{}", ".map(x, x)".repeat(60)),
        format!("optional.of(1){}", ".optMap(x, x)".repeat(8)),
        format!("true{}", " && true".repeat(2_000)),
    ];
    for source in sources {
        on_small_stack(move || assert!(attempt(&source, &Object(json!({}))), "{source}"));
    }
}

/// Values that share their parts: each link of a chain holds the one before it twice.
fn doubled(first: &str) -> String {
    format!("{first}{}", ".map(x, [x, x])".repeat(60))
}

fn outcome<'a>(program: &'a Program, object: &'a &'a Object) -> Answer<'a> {
    program.run(&Given::new(object, &[], None), &mut Meter::new())
}

/// What Kubernetes counts as little, or only after it is done, and what would take without end.
#[test]
fn what_takes_too_long_is_spent() {
    let chain = || doubled("[0]");
    let of_nothing = doubled("[[]]");
    let made = move || {
        let object =
            Object(json!({"text": "x".repeat(100_000), "umlauts": "ü".repeat(80_000), "large": "y".repeat(8 << 20)}));
        let object = &&object;
        for source in [
            format!("{}.indexOf([]) == 0", chain()),
            format!("{}.lastIndexOf([]) == 0", chain()),
            format!("{of_nothing}.indexOf([]) == 0"),
            format!("dyn({}).indexOf(object.none) == 0 || true", chain()),
            format!("dyn({of_nothing}).indexOf(object.none) == 0 || true"),
            format!("dyn({}).sum() == 0 || true", chain()),
            format!("[{{'a': {}}}].indexOf({{}}) == 0", chain()),
            "lists.range(100000).all(i, object.text.charAt(i) != ' ')".to_owned(),
            "lists.range(80000).all(i, object.umlauts.charAt(i) != ' ')".to_owned(),
            "lists.range(100000).all(i, size(object.large) > 0)".to_owned(),
            "lists.range(100000).all(i, object.large <= object.large)".to_owned(),
            "lists.range(100000).all(i, object.large == object.large)".to_owned(),
            "lists.range(50000).all(i, dyn([object.large, object.large]).sort().size() == 2)".to_owned(),
            "lists.range(50000).all(i, [object.large, object.large].max() != '')".to_owned(),
            "lists.range(100000).all(i, {'a': 1}[?object.large] == optional.none())".to_owned(),
            "lists.range(100000).all(i, !(object.large in {'a': 1}))".to_owned(),
            "[object.large].map(x, int(x)) == [] || lists.range(100000).all(i, int(object.large) == 1 || true)"
                .to_owned(),
            "lists.range(20000).all(i, {object.large: 1, object.large: 2} == {object.large: 2})".to_owned(),
            "object.large.split('')".to_owned(),
            "object.large.split('y')".to_owned(),
        ] {
            let program = Program::compile(&source, &scope::mutation(&[], false)).unwrap();
            let answer = outcome(&program, object);
            assert!(matches!(answer, Err(Failure::Spent(_))), "{source}: {answer:?}");
        }
    };
    on_small_stack(made);
}

/// What is large is not gone through where what is small decides.
#[test]
fn little_is_read_where_little_decides() {
    let object = Object(json!({"large": "y".repeat(8 << 20)}));
    let object = &&object;
    for source in [
        "lists.range(100000).all(i, object.large != 'x')",
        "lists.range(50000).all(i, object.?large != optional.of('x'))",
    ] {
        let program = Program::compile(source, &scope::mutation(&[], false)).unwrap();
        assert!(matches!(outcome(&program, object), Ok(Value::Bool(true))), "{source}");
    }
    for source in ["{'a': 1}[object.large]", "['a', 'b'].transformMapEntry(i, v, {object.large: 1})"] {
        let program = Program::compile(source, &scope::mutation(&[], false)).unwrap();
        let Err(Failure::Error(why)) = outcome(&program, object) else { panic!("{source}") };
        assert!(why.len() < 2 * limits::CEL_SHOWN, "{source}: {} bytes", why.len());
    }
}

#[test]
fn all_operations_of_a_mutation_keep_to_one_limit() {
    let object = Object(json!({"text": "x".repeat(100_000)}));
    let object = &&object;
    let source = "lists.range(100).map(i, JSONPatch{op: 'add', path: '/a', value: object.text})";
    let program = Program::compile(source, &scope::mutation(&[], false)).unwrap();
    let Ok(Value::List(list)) = outcome(&program, object) else { panic!() };
    assert!(list.iter().all(|operation| operation.to_json().is_ok()));
    let why = Value::List(list).to_json().unwrap_err().to_string();
    assert!(why.starts_with("a mutation may write"), "{why}");
}

fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(STACK).spawn(run).unwrap().join().unwrap();
}
