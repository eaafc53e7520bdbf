use super::*;

/// On a stack as test threads and web workers have it.
fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(run).unwrap().join().unwrap();
}

fn fill(unit: &str) -> String {
    unit.repeat(limits::CEL_SOURCE / unit.len())
}

#[test]
fn sources_as_long_as_allowed_do_not_overflow_the_stack() {
    for unit in [
        "(", "[", "{", "!", "-", "!!(", "a.b(", "a?", ".b", "f(", "[0]", "{1:", "a.b.", "a[?", "1+", "a{b:", "a==",
        "&&a", "a||", "\"", "a.?", "%",
    ] {
        on_small_stack(move || {
            let started = std::time::Instant::now();
            drop(parse(&fill(unit)));
            drop(parse(&format!("a{}", fill(unit).get(1..).unwrap())));
            drop(parse(&format!("{}1", fill(unit).get(..16_000).unwrap())));
            println!("{unit}: {:?}", started.elapsed());
        });
    }
}

#[test]
fn try_positions() {
    for source in ["'äöü' + b + c.d(e)", "'äöü' ++ 1", "a\n + 'ö'\n + )"] {
        println!("{source} {:?}", parse(source));
    }
}
