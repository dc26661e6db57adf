//! How far a job is, on standard error: a bar on a terminal, plain lines otherwise.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::engine::Standing;
use crate::host::Heard;

/// How often a plain line is written.
const EVERY: Duration = Duration::from_secs(5);

/// What is shown while a job runs.
pub(super) struct Bar {
    bar: Option<ProgressBar>,
    size_bytes: u64,
    began: Instant,
    last: Instant,
}

impl Bar {
    /// For a job on an input of this size.
    pub(super) fn of(size_bytes: u64) -> Bar {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(size_bytes);
            let style = ProgressStyle::with_template("{bar:30} {percent:>3}%  {msg}  {eta} left");
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar
        });
        Bar { bar, size_bytes, began: Instant::now(), last: Instant::now() }
    }

    /// Shows what is told of the job, wherever it is carried out.
    pub(super) fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Say(text) => self.say(&text),
            Heard::Progress(standing) => self.show(standing),
        }
    }

    /// A line above the bar.
    pub(super) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| anstream::eprintln!("{text}")),
            None => anstream::eprintln!("{text}"),
        }
    }

    /// Clears the bar, so that the summary stands alone.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn show(&mut self, standing: Standing) {
        let part = part_over(&standing, self.size_bytes);
        if let Some(bar) = &self.bar {
            bar.set_position((part * self.size_bytes as f64) as u64);
            bar.set_message(words(&standing, self.began));
        } else if self.last.elapsed() >= EVERY {
            self.last = Instant::now();
            let left = remaining(part, self.began.elapsed());
            anstream::eprintln!("{}, {left}", words(&standing, self.began));
        }
    }
}

fn words(standing: &Standing, began: Instant) -> String {
    let over = standing.well + standing.failed;
    let rate = over as f64 / began.elapsed().as_secs_f64().max(0.001);
    format!("{} done, {} failed, {} open, {rate:.0} a second", standing.well, standing.failed, standing.open)
}

/// Which part of the input is over: what was read, less what is still open.
fn part_over(standing: &Standing, size_bytes: u64) -> f64 {
    let over = standing.well + standing.failed;
    let read = standing.read_bytes as f64 / size_bytes.max(1) as f64;
    read * over as f64 / (over + standing.open).max(1) as f64
}

/// How long the rest takes at the rate so far.
fn remaining(part: f64, elapsed: Duration) -> String {
    if part <= 0.0 {
        return "time left unknown".to_owned();
    }
    let left = elapsed.as_secs_f64() * (1.0 - part).max(0.0) / part;
    format!("about {left:.0} s left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_are_read_but_still_open_take_time() {
        let standing = Standing { well: 20, failed: 5, open: 75, read_bytes: 1000 };

        let left = remaining(part_over(&standing, 1000), Duration::from_secs(10));

        assert_eq!(left, "about 30 s left");
    }

    #[test]
    fn nothing_is_foretold_before_anything_is_over() {
        let standing = Standing { well: 0, failed: 0, open: 75, read_bytes: 1000 };

        assert_eq!(remaining(part_over(&standing, 1000), Duration::from_secs(10)), "time left unknown");
    }
}
