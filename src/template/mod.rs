//! Strings and bodies of a workflow: Handlebars, compiled once, rendered as typed trees.

/// Placeholder until the language lands.
#[derive(Debug)]
pub struct Leaf;
/// Placeholder until the language lands.
#[derive(Debug)]
pub struct Tree;
