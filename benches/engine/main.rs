//! What the engine takes of a review, step by step and without sockets; what a change of the view takes; and how many
//! documents `check` judges. What the rows mean is told in `docs/benchmarks.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bench measures, prints, and its panic is its report"
)]

#[path = "../support/material.rs"]
mod material;
mod policies;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use material::{LARGE, NONE, SMALL, Size};
use portcullis::{
    cases::run::key_of,
    cli::check,
    engine::{
        decide::{Ask, Ensure, decide},
        evaluate::evaluate,
        policy::shipped,
        select,
        snapshot::Snapshot,
        subject::Subject,
        view::{View, control_plane::ControlPlane},
    },
    files::{Source, manifests, world},
    webhook::{Door, Mode, admit, wire},
};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long each row may take.
struct Bench {
    each: Duration,
    quick: bool,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let quick = arguments.iter().any(|argument| argument == "--quick") || !arguments.iter().any(|a| a == "--bench");
    let seconds =
        std::env::var("BENCH_SECONDS").ok().map_or(1.0, |text| text.parse().expect("BENCH_SECONDS is a number"));
    let each = if quick { Duration::from_millis(10) } else { Duration::from_secs_f64(seconds) };
    let bench = Bench { each, quick };
    bench.reviews();
    bench.policies();
    bench.steps();
    bench.view();
    bench.check();
}

impl Bench {
    fn size(&self, size: Size) -> Size {
        size.quick(self.quick)
    }

    /// Samples of so many calls that the clock does not count.
    fn time<T>(&self, name: &str, mut call: impl FnMut() -> T) {
        let once = elapsed(|| drop(black_box(call())));
        let calls = (20_000 / once.as_nanos().max(1)).clamp(1, 10_000) as u32;
        let mut samples = Vec::new();
        let end = Instant::now() + self.each;
        while samples.is_empty() || Instant::now() < end {
            let took = elapsed(|| {
                for _ in 0..calls {
                    black_box(call());
                }
            });
            samples.push(took / calls);
        }
        samples.sort_unstable();
        let at = |share: f64| samples[((samples.len() as f64 * share) as usize).min(samples.len() - 1)].as_secs_f64();
        println!("{name:<52} {:>12.2} {:>12.2} {:>12.0}", at(0.5) * 1e6, at(0.99) * 1e6, 1.0 / at(0.5));
    }

    /// From the bytes of a review to the bytes of its answer.
    fn reviews(&self) {
        let now = Timestamp::now();
        head("a review, bytes to bytes");
        for (name, size) in [("none", NONE), ("small", SMALL), ("large", LARGE)] {
            let snapshot = Snapshot { policies: shipped::policies(), view: material::view(self.size(size)) };
            let answer = |door, body: &[u8]| {
                let review = wire::read(body).unwrap();
                wire::write(&admit::answer(&snapshot, None, door, &review, now).unwrap(), &review)
            };
            let validate = Door::Validate(Mode::All);
            let selected = material::selected();
            self.time(&format!("selected CREATE, 3.4 KB, view: {name}"), || answer(validate, &selected));
            if name != "small" {
                continue;
            }
            for (name, door, body) in [
                ("the same, denied", validate, material::denied()),
                ("not selected, 3.4 KB", validate, material::not_selected()),
                ("selected UPDATE, 46 KB", validate, material::long_update()),
                ("ConfigMap UPDATE, 2.9 MB, no collector's", validate, material::large_update()),
                ("collector's ConfigMap, /validate", validate, material::collector()),
                ("collector's ConfigMap, /mutate", Door::Mutate, material::collector()),
            ] {
                self.time(name, || answer(door, &body));
            }
        }
    }

    /// The selected CREATE under policies in CEL, none of which finds anything.
    fn policies(&self) {
        let now = Timestamp::now();
        let body = material::selected();
        head("policies in CEL, bytes to bytes");
        for (selecting, of) in [(0, 0), (1, 1), (1, 16), (16, 16), (1, 100), (16, 100)] {
            let view = material::view(self.size(SMALL));
            let snapshot = Snapshot { policies: policies::set(selecting, of), view };
            self.time(&format!("{of} policies, {selecting} of them select it"), || {
                let review = wire::read(&body).unwrap();
                let answer = admit::answer(&snapshot, None, Door::Validate(Mode::All), &review, now).unwrap();
                wire::write(&answer, &review)
            });
        }
        let policy = policies::policy(0, true);
        self.time("compile one of them", || policies::compiled(&policy));
    }

    /// The selected CREATE, taken apart.
    fn steps(&self) {
        let snapshot = Snapshot { policies: shipped::policies(), view: material::view(self.size(SMALL)) };
        let now = Timestamp::now();
        let body = material::selected();
        let review = wire::read(&body).unwrap();
        let attributes = review.attributes();
        let object = review.request.object;
        let door = select::Door::Validate(None);
        let selection = snapshot.policies.select(door, &attributes);
        let want = selection.reads(attributes.operation);
        let subject = Subject::read(attributes, object, None, want).unwrap();
        let verdict = evaluate(&selection, &subject, &snapshot.view, now);
        let ask = Ask { door, dry_run: false, ensure: Ensure::Impossible };
        let allowed = wire::Answer::allow();
        head("the steps of the selected CREATE");
        self.time("read the envelope", || wire::read(&body).unwrap());
        self.time("select", || snapshot.policies.select(door, &attributes));
        self.time("read the object", || Subject::read(attributes, object, None, want).unwrap());
        self.time("evaluate", || evaluate(&selection, &subject, &snapshot.view, now));
        self.time("decide", || decide(&verdict, ask).is_denied());
        self.time("write the answer", || wire::write(&allowed, &review));
    }

    fn view(&self) {
        head("a change of the view");
        for (name, size) in [("none", NONE), ("large", LARGE)] {
            let view = material::view(self.size(size));
            let service = material::service("team-7", "app-147");
            let telemetry = material::telemetry("team-7", "telemetry-106");
            for (kind, object) in [("Service", &service), ("telemetry object", &telemetry)] {
                let key = key_of(object);
                self.time(&format!("clone and put in a {kind}, view: {name}"), || view.with(&key, object));
            }
        }
        for (name, size) in [("small", SMALL), ("large", LARGE)] {
            let objects: Vec<_> = material::world(self.size(size)).map(|object| (key_of(&object), object)).collect();
            self.time(&format!("fill a view: {name}"), || {
                let mut view = View::closed(ControlPlane::default());
                for (key, object) in &objects {
                    view.insert(key, object);
                }
                view
            });
        }
    }

    fn check(&self) {
        let count = if self.quick { 200 } else { 5_000 };
        let text = material::documents(count);
        let megabytes = text.len() as f64 / 1e6;
        let sources = [Source { name: "all.yaml".to_owned(), text: text.into() }];
        let policies = shipped::policies();
        let now = Timestamp::now();
        let read = || manifests::read(&sources, "default", |_| {});
        let started = Instant::now();
        let objects = read().objects;
        let read_took = started.elapsed();
        assert_eq!(objects.len(), count);
        let started = Instant::now();
        let view = world::of(&objects, &world::Given::default());
        let report = check::judge(&sources, &objects, &policies, &view, now, false);
        let judge_took = started.elapsed();
        println!("\n{:<52} {:>12} {:>12} {:>12}", "check", "ms", "documents/s", "MB/s");
        for (name, took) in [("read", read_took), ("judge", judge_took), ("both", read_took + judge_took)] {
            let seconds = took.as_secs_f64();
            println!(
                "{:<52} {:>12.0} {:>12.0} {:>12.1}",
                format!("{name} {count} documents, {megabytes:.1} MB"),
                seconds * 1e3,
                count as f64 / seconds,
                megabytes / seconds
            );
        }
        println!("{:<52} {:>12}", "findings", report.findings.len());
    }
}

fn head(title: &str) {
    println!("\n{title:<52} {:>12} {:>12} {:>12}", "p50 µs", "p99 µs", "per s");
}

fn elapsed(run: impl FnOnce()) -> Duration {
    let started = Instant::now();
    run();
    started.elapsed()
}
