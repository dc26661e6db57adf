//! How far a job is, on standard error: a bar on a terminal, plain lines otherwise.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::engine::{Progress, Standing};
use crate::intake::Input;

/// How often a plain line is written.
const EVERY: Duration = Duration::from_secs(5);

/// What is shown while a job runs.
pub(super) struct Bar(Option<ProgressBar>);

impl Bar {
    /// Clears the bar, so that the summary stands alone.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// A watcher for the engine and the bar it moves.
pub(super) fn of(input: &Input) -> (Progress, Bar) {
    if std::io::stderr().is_terminal() {
        let bar = ProgressBar::new(input.size_bytes());
        let style = ProgressStyle::with_template("{bar:30} {percent:>3}%  {msg}  {eta} left");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        let shown = bar.clone();
        let began = Instant::now();
        let progress = Progress::to(move |standing| {
            shown.set_position(standing.read_bytes);
            shown.set_message(words(&standing, began));
        });
        return (progress, Bar(Some(bar)));
    }
    let began = Instant::now();
    let mut last = Instant::now();
    let size_bytes = input.size_bytes();
    let progress = Progress::to(move |standing| {
        if last.elapsed() >= EVERY {
            last = Instant::now();
            let left = remaining(&standing, size_bytes, began);
            anstream::eprintln!("{}, {left}", words(&standing, began));
        }
    });
    (progress, Bar(None))
}

fn words(standing: &Standing, began: Instant) -> String {
    let over = standing.well + standing.failed;
    let rate = over as f64 / began.elapsed().as_secs_f64().max(0.001);
    format!("{} done, {} failed, {} open, {rate:.0} a second", standing.well, standing.failed, standing.open)
}

/// How long the rest takes at the rate so far.
fn remaining(standing: &Standing, size_bytes: u64, began: Instant) -> String {
    let part = standing.read_bytes as f64 / size_bytes.max(1) as f64;
    if part <= 0.0 {
        return "time left unknown".to_owned();
    }
    let left = began.elapsed().as_secs_f64() * (1.0 - part).max(0.0) / part;
    format!("about {left:.0} s left")
}
