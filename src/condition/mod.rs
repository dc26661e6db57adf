//! Conditions and values of a workflow: CEL, compiled once, evaluated on borrowed JSON.

/// Placeholder until the language lands.
#[derive(Debug)]
pub struct Condition;
