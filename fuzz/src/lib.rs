//! What must hold for any input: one check a target, each a function of bytes that panics when it
//! does not hold.
//!
//! The fuzzer calls them through `fuzz_targets/`, and `tests/fuzz_found.rs` of the main package calls
//! the same functions with the seeds and with every input that was ever found to break one. They use
//! nothing of privaflow that is not public.

pub mod calls;
pub mod condition;
pub mod event;
pub mod intake;
pub mod reply;
pub mod request;
pub mod settings;
pub mod template;
pub mod workflow;

/// Reads a check's bytes.
pub type Check = fn(&[u8]);

/// Every target by its name, which is also that of its folders in `corpus/` and `found/`.
pub const TARGETS: [(&str, Check); 9] = [
    ("calls", calls::check),
    ("condition", condition::check),
    ("event", event::check),
    ("intake", intake::check),
    ("reply", reply::check),
    ("request", request::check),
    ("settings", settings::check),
    ("template", template::check),
    ("workflow", workflow::check),
];

/// Cuts a text at its first line of three dashes: what is checked, and the JSON that it reads.
fn two_parts(data: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(data).ok()?;
    Some(text.split_once("\n---\n").unwrap_or((text, "{}")))
}
