//! Runs a command and tells what it cost: time, processor, memory, bytes written, and which of its
//! threads the processor worked for. Looking from outside costs the command nothing.
//!
//! Usage: `measure FILE COMMAND...` writes one line of `name=value` words to FILE and ends as the
//! command ended. Linux only: it reads `/proc` every few milliseconds, so the last of them are missing
//! from everything but time and processor.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Often enough to see how a short run ends, seldom enough to be no load of its own.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The kernel tells processor time of ended children in these (`USER_HZ`).
const TICKS_A_SECOND: f64 = 100.0;

fn main() -> io::Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(file), Some(command)) = (arguments.next(), arguments.next()) else {
        return Err(io::Error::other("usage: measure FILE COMMAND..."));
    };
    let started = Instant::now();
    let mut child = Command::new(command).args(arguments).spawn()?;
    let folder = format!("/proc/{}", child.id());
    let mut seen = Seen::default();
    let status = loop {
        seen.look(&folder);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        // The first moments closely: a command that is over in some of them has a time too.
        let pause = if started.elapsed() < LOOK_EVERY * 10 { LOOK_EVERY / 20 } else { LOOK_EVERY };
        std::thread::sleep(pause);
    };
    let seconds = started.elapsed().as_secs_f64();
    let line = format!(
        "seconds={seconds:.4} cpu={:.2} peak_kb={} written={} stages={}\n",
        children_seconds()?,
        seen.peak_kb,
        seen.written,
        seen.stages(),
    );
    fs::write(file, line)?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// What was seen of the command so far.
#[derive(Default)]
struct Seen {
    peak_kb: u64,
    written: u64,
    /// By thread: its name and the nanoseconds it was on a processor.
    threads: BTreeMap<String, (String, u64)>,
}

impl Seen {
    /// What cannot be read belongs to a command or thread that has just ended.
    fn look(&mut self, folder: &str) {
        let number = |file: &str, name: &str| -> Option<u64> {
            let text = fs::read_to_string(format!("{folder}/{file}")).ok()?;
            text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
        };
        self.peak_kb = number("status", "VmHWM:").unwrap_or(0).max(self.peak_kb);
        self.written = number("io", "write_bytes:").unwrap_or(0).max(self.written);
        for thread in fs::read_dir(format!("{folder}/task")).into_iter().flatten().flatten() {
            let read = |file: &str| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
            let busy = read("schedstat").split_whitespace().next().and_then(|word| word.parse().ok());
            if let Some(busy) = busy {
                let id = thread.file_name().to_string_lossy().into_owned();
                self.threads.insert(id, (read("comm").trim().to_owned(), busy));
            }
        }
    }

    /// `plan:61,journal:7`: percent of the processor time, by what the threads are there for.
    fn stages(&self) -> String {
        let mut stages: BTreeMap<&str, u64> = BTreeMap::new();
        for (name, busy) in self.threads.values() {
            let stage = match name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-') {
                "privaflow" => "driver",
                name if name.starts_with("tokio") => "http",
                name => name,
            };
            *stages.entry(stage).or_default() += busy;
        }
        let total: u64 = stages.values().sum::<u64>().max(1);
        let mut stages: Vec<_> = stages.into_iter().map(|(name, busy)| (busy * 100 / total, name)).collect();
        stages.sort_by(|one, other| other.cmp(one));
        let words: Vec<_> = stages.into_iter().map(|(share, name)| format!("{name}:{share}")).collect();
        words.join(",")
    }
}

/// Processor time of the command, which has ended: fields 16 and 17 of `/proc/self/stat`.
fn children_seconds() -> io::Result<f64> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields = after_name.split_whitespace().skip(13).take(2);
    Ok(fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS_A_SECOND)
}
