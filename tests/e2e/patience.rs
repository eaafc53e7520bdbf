//! Waiting. Nothing here measures: the bounds are only there so that a hang is a failure that says what it waited for.

use std::time::{Duration, Instant};

/// Longer than anything takes on a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_mins(2);
const BETWEEN: Duration = Duration::from_millis(50);

/// Asks again until there is an answer; the last reason why there is none, where it takes too long.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    let begun = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(why) if begun.elapsed() > PATIENCE => {
                return Err(format!("waited {} s for {what}: {why}", PATIENCE.as_secs()));
            }
            Err(_) => std::thread::sleep(BETWEEN),
        }
    }
}

/// The same in a test: it fails where there is no answer in the end.
#[track_caller]
pub(crate) fn wait_until<T>(what: &str, ask: impl FnMut() -> Result<T, String>) -> T {
    until(what, ask).unwrap_or_else(|why| panic!("{why}"))
}
