//! Writing results to standard output: text for people, JSON for machines, the same facts in both.

use std::io::Write;

use serde::Serialize;

use super::Failure;
use crate::source::Colour;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// One document, or one object a line for lists.
    Json,
}

/// Writes a result as it stands. A reader that went away is no failure of ours.
pub(super) fn text(text: &str) -> Result<(), Failure> {
    written(anstream::stdout().lock().write_all(text.as_bytes()))
}

/// Writes bytes as they stand.
pub(super) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    written(std::io::stdout().lock().write_all(bytes))
}

/// Writes one object on a line of its own.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(value).map_err(Failure::wrong)?;
    line.push(b'\n');
    written(anstream::stdout().lock().write_all(&line))
}

/// Whether standard error shows colours.
pub(super) fn colour() -> Colour {
    Colour::Terminal
}

fn written(result: std::io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::Usage(format!("cannot write to standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// A table for a terminal, without lines; columns of numbers stand to the right.
pub(super) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(head.iter().copied());
    table.add_rows(rows.iter());
    for (number, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        let mut cells = rows.iter().filter_map(|row| row.get(number));
        if !rows.is_empty() && cells.all(|cell| cell.parse::<f64>().is_ok()) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

/// A count and its noun: `1 request`, `14 requests`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{end}")
}

/// A word from an input on one line of ours: no character of it moves the cursor, breaks the line or
/// turns the direction of writing, and it is not longer than a line.
pub(super) fn plain(word: &str) -> String {
    plain_up_to(word, 80)
}

/// As [`plain`], for a sentence.
pub(super) fn plain_text(text: &str) -> String {
    plain_up_to(text, 500)
}

fn plain_up_to(word: &str, longest: usize) -> String {
    let turns = |letter: char| matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut plain = String::with_capacity(word.len());
    for letter in word.chars().take(longest) {
        if letter.is_control() || turns(letter) {
            plain.extend(letter.escape_unicode());
        } else {
            plain.push(letter);
        }
    }
    if word.chars().nth(longest).is_some() {
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_name_from_the_input_stays_on_its_line() {
        assert_eq!(plain("x\n  failed      9"), "x\\u{a}  failed      9");
        assert_eq!(plain("\u{1b}[2J\u{202e}a\u{0}"), "\\u{1b}[2J\\u{202e}a\\u{0}");
        assert_eq!(plain("Kundenumfragen für Übermorgen 🎈"), "Kundenumfragen für Übermorgen 🎈");
        assert_eq!(plain(&"é".repeat(81)), format!("{}…", "é".repeat(80)));
    }
}
