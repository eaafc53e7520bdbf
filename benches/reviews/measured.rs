//! What was measured, and how it is printed.

use std::time::Duration;

/// One server asked for one stretch of time.
pub(crate) struct Block {
    p50: f64,
    p99: f64,
    per_second: f64,
    reviews: usize,
    cpu: Duration,
}

/// All blocks of one server in one row. The numbers of a cell are the medians of its blocks', so that a stretch in which the
/// machine did something else counts once; CPU time is the whole by all reviews.
#[derive(Default)]
pub(crate) struct Cell {
    pub(crate) blocks: Vec<Block>,
}

// === impl Block ===

impl Block {
    pub(crate) fn new(mut latencies: Vec<Duration>, took: Duration, cpu: Duration) -> Self {
        latencies.sort_unstable();
        let reviews = latencies.len();
        let at = |share: f64| {
            let last = reviews.saturating_sub(1);
            latencies[((reviews as f64 * share) as usize).min(last)].as_secs_f64() * 1e6
        };
        Self { p50: at(0.5), p99: at(0.99), per_second: reviews as f64 / took.as_secs_f64(), reviews, cpu }
    }
}

// === impl Cell ===

impl Cell {
    fn median(&self, of: fn(&Block) -> f64) -> f64 {
        let mut all: Vec<f64> = self.blocks.iter().map(of).collect();
        all.sort_unstable_by(f64::total_cmp);
        all[all.len() / 2]
    }

    fn p50(&self) -> f64 {
        self.median(|block| block.p50)
    }

    fn p99(&self) -> f64 {
        self.median(|block| block.p99)
    }

    fn per_second(&self) -> f64 {
        self.median(|block| block.per_second)
    }

    /// Microseconds for a review.
    fn cpu(&self) -> f64 {
        let cpu: Duration = self.blocks.iter().map(|block| block.cpu).sum();
        let reviews: usize = self.blocks.iter().map(|block| block.reviews).sum();
        cpu.as_secs_f64() * 1e6 / reviews as f64
    }
}

pub(crate) fn head() -> String {
    let of_each = format!("{:>8} {:>8} {:>8} {:>7}", "p50 µs", "p99 µs", "per s", "CPU µs");
    format!(
        "{:<28} {:>5} | {:<34} | {:<34} | {}\n{:<28} {:>5} | {of_each} | {of_each} | {:>8} {:>8} {:>6} {:>6}",
        "", "", "floor", "ours", "ours beside the floor", "review", "conns", "p50", "p99", "per s", "CPU"
    )
}

pub(crate) fn comparison(name: &str, connections: usize, floor: &Cell, ours: &Cell) -> String {
    format!(
        "{name:<28} {connections:>5} | {} | {} | {:>+8.1} {:>+8.1} {:>5.2}× {:>5.2}×",
        numbers(floor),
        numbers(ours),
        ours.p50() - floor.p50(),
        ours.p99() - floor.p99(),
        ours.per_second() / floor.per_second(),
        ours.cpu() / floor.cpu()
    )
}

pub(crate) fn scale_head() -> String {
    format!(
        "{:<28} {:>5} | {:>8} {:>8} {:>8} {:>7} | {:>7} {:>7} beside none",
        "selected CREATE, by view", "conns", "p50 µs", "p99 µs", "per s", "CPU µs", "p50", "per s"
    )
}

pub(crate) fn scale(name: &str, connections: usize, cell: &Cell, none: &Cell) -> String {
    let percent = |cell: f64, none: f64| (cell / none - 1.0) * 100.0;
    format!(
        "{name:<28} {connections:>5} | {} | {:>+6.1}% {:>+6.1}%",
        numbers(cell),
        percent(cell.p50(), none.p50()),
        percent(cell.per_second(), none.per_second())
    )
}

fn numbers(cell: &Cell) -> String {
    format!("{:>8.1} {:>8.1} {:>8.0} {:>7.1}", cell.p50(), cell.p99(), cell.per_second(), cell.cpu())
}
