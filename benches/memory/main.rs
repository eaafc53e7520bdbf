//! What is allocated: for an object in the view, and for a review. Apart from the other benches, as counting takes time.
//! What the rows mean is told in `docs/benchmarks.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench measures, prints, and its panic is its report"
)]

#[path = "../support/material.rs"]
mod material;

use std::{alloc::System, hint::black_box};

use jiff::Timestamp;
use material::{LARGE, SMALL, Size};
use portcullis::{
    cases::run::key_of,
    engine::{
        evaluate::evaluate,
        policy::shipped,
        select,
        snapshot::Snapshot,
        subject::Subject,
        view::{View, control_plane::ControlPlane},
    },
    webhook::{Door, Mode, admit, wire},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let quick = arguments.iter().any(|argument| argument == "--quick") || !arguments.iter().any(|a| a == "--bench");
    objects(LARGE.quick(quick));
    reviews(SMALL.quick(quick));
}

/// Bytes of what is kept, less what is let go of.
fn kept<T>(make: impl FnOnce() -> T) -> (T, usize) {
    let region = Region::new(ALLOCATOR);
    let made = make();
    let change = region.change();
    (made, change.bytes_allocated - change.bytes_deallocated)
}

fn objects(size: Size) {
    println!("{:<44} {:>10} {:>14} {:>10}", "kept in the view", "objects", "bytes of each", "MB");
    for (name, size) in [
        ("Services", Size { telemetry: 0, ..size }),
        ("telemetry objects, half of one collector", Size { services: 0, ..size }),
    ] {
        let objects: Vec<_> = material::world(size).collect();
        let (view, bytes) = kept(|| {
            let mut view = View::closed(ControlPlane::default());
            for object in &objects {
                view.insert(&key_of(object), object);
            }
            view
        });
        let count = size.services + size.telemetry;
        println!("{name:<44} {count:>10} {:>14} {:>10.1}", bytes / count, bytes as f64 / 1e6);
        drop(view);
    }
    let view = material::view(size);
    for object in [material::service("team-7", "app-147"), material::telemetry("team-7", "telemetry-106")] {
        let key = key_of(&object);
        let region = Region::new(ALLOCATOR);
        black_box(view.with(&key, &object));
        let change = region.change();
        println!(
            "{:<44} {:>10} {:>14} {:>10}",
            format!("clone and put in a {}", key.kind),
            1,
            change.bytes_allocated,
            format!("{}×", change.allocations)
        );
    }
}

fn reviews(size: Size) {
    println!("\n{:<44} {:>10} {:>14}", "allocated for", "times", "bytes");
    let snapshot = Snapshot { policies: shipped::policies(), view: material::view(size) };
    let now = Timestamp::now();
    let said = |name: &str, run: &dyn Fn()| {
        run();
        let region = Region::new(ALLOCATOR);
        run();
        let change = region.change();
        println!("{name:<44} {:>10} {:>14}", change.allocations + change.reallocations, change.bytes_allocated);
    };
    let validate = Door::Validate(Mode::All);
    for (name, door, body) in [
        ("selected CREATE, 3.4 KB", validate, material::selected()),
        ("the same, denied", validate, material::denied()),
        ("not selected, 3.4 KB", validate, material::not_selected()),
        ("selected UPDATE, 46 KB", validate, material::long_update()),
        ("ConfigMap UPDATE, 2.9 MB, no collector's", validate, material::large_update()),
        ("collector's ConfigMap, /mutate", Door::Mutate, material::collector()),
    ] {
        said(name, &|| {
            let review = wire::read(&body).unwrap();
            black_box(wire::write(&admit::answer(&snapshot, None, door, &review, now).unwrap(), &review));
        });
    }
    let body = material::selected();
    let review = wire::read(&body).unwrap();
    let attributes = review.attributes();
    let door = select::Door::Validate(None);
    let selection = snapshot.policies.select(door, &attributes);
    let read =
        || Subject::read(attributes, review.request.object, None, selection.reads(attributes.operation)).unwrap();
    let subject = read();
    said("  read the envelope", &|| drop(black_box(wire::read(&body).unwrap())));
    said("  select", &|| drop(black_box(snapshot.policies.select(door, &attributes))));
    said("  read the object", &|| drop(black_box(read())));
    said("  evaluate", &|| drop(black_box(evaluate(&selection, &subject, &snapshot.view, now))));
}
