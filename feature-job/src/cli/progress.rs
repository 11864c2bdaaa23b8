//! Progress on stderr, for long work: a bar where a person watches, a line now and then where a log is kept.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How long a log hears nothing of work that goes on.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Counts work of known length.
pub struct Counter {
    bar: ProgressBar,
    unit: &'static str,
    told: Instant,
}

impl Counter {
    /// Counts in `unit`; the length is told with the first count.
    pub fn new(unit: &'static str) -> Self {
        Self { bar: bar(0, unit), unit, told: Instant::now() }
    }

    /// Tells how many are done, and how many there are.
    pub fn tell(&mut self, done: u64, all: u64) {
        self.bar.set_length(all);
        self.bar.set_position(done);
        if self.bar.is_hidden() && self.told.elapsed() >= LINE_EVERY {
            self.told = Instant::now();
            tracing::info!("{done} of {all} {}", self.unit);
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// A bar of known length, in `unit`.
pub fn bar(length: u64, unit: &str) -> ProgressBar {
    let template = format!("{{bar:40}} {{human_pos}}/{{human_len}} {unit}, {{eta}} left");
    let style = ProgressStyle::with_template(&template).expect("the template is fixed but for a plain word");
    ProgressBar::new(length).with_style(style)
}

/// A sign of life for work of unknown length.
pub fn spinner(message: &'static str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(message);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}
