//! How mistakes are shown: to a person as the compiler would, to a machine as one object each.
//!
//! Both tell the same facts. The text is plain unless colour is asked for, and colour adds nothing
//! that the words do not say.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::{Value, json};

use super::text::floor_char_boundary;
use super::{Mistake, Severity, Source, Span, line_of};

/// Whether what is shown carries terminal colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// None: for files, pipes and `NO_COLOR`.
    Plain,
    /// As a terminal shows them.
    Terminal,
}

/// All mistakes of one file as text, in the order given, an empty line between two; ends with a
/// line break unless there are none.
pub fn render(mistakes: &[Mistake], source: &Source, colour: Colour) -> String {
    let renderer = match colour {
        Colour::Plain => Renderer::plain(),
        Colour::Terminal => Renderer::styled(),
    };
    let mut text = String::new();
    for mistake in mistakes {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&one(mistake, source, &renderer));
        text.push('\n');
    }
    text
}

fn one(mistake: &Mistake, source: &Source, renderer: &Renderer) -> String {
    let level = match mistake.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let label = Some(mistake.label.as_str()).filter(|label| !label.is_empty());
    // Only the line itself goes to the renderer, so that a long file costs no more than a short one.
    let at = visible(&source.text, &mistake.at);
    let (start, line) = line_around(&source.text, at.start);
    // A place behind the carriage returns of a line is shown at its end.
    let within = |byte: usize| byte.saturating_sub(start).min(line.len());
    let snippet = Snippet::source(line)
        .line_start(line_of(&source.text, at.start))
        .path(source.name.as_str())
        .annotation(AnnotationKind::Primary.span(within(at.start)..within(at.end)).label(label));
    let group = level.primary_title(mistake.message.as_str()).element(snippet);
    let group = match &mistake.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    };
    renderer.render(&[group])
}

/// The line of a byte and where it starts, without its break and without a byte order mark.
fn line_around(text: &str, byte: usize) -> (usize, &str) {
    let (before, after) = text.split_at(byte);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let end = byte + after.find('\n').unwrap_or(after.len());
    let line = text.get(start..end).unwrap_or_default();
    match line.strip_prefix('\u{feff}') {
        Some(rest) if byte > start => (start + line.len() - rest.len(), rest.trim_end_matches('\r')),
        _ => (start, line.trim_end_matches('\r')),
    }
}

/// The part of a place that one line can show: whole characters, up to the end of the line.
fn visible(text: &str, at: &Span) -> Span {
    let start = floor_char_boundary(text, at.start);
    let end = floor_char_boundary(text, at.end).max(start);
    let part = text.get(start..end).unwrap_or_default();
    start..start + part.find(['\r', '\n']).unwrap_or(part.len())
}

/// One mistake as an object: line and column from 1, columns in characters, `help` null if none.
pub fn json(mistake: &Mistake, source: &Source) -> Value {
    let (line, column) = source.line_and_column(mistake.at.start);
    json!({
        "file": source.name,
        "line": line,
        "column": column,
        "code": mistake.code,
        "message": mistake.message,
        "help": mistake.help,
        "severity": mistake.severity.word(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_shown_with_its_line_its_caret_and_the_way_out() {
        let source = Source::new("workflows/erase.yaml", "steps:\n  email: \"{{ subject.emial }}\"\n");
        let start = source.text.find("subject").unwrap();
        let mistake = Mistake::error("unknown_name", start..start + 13, "unknown name `subject.emial`")
            .label("not in the scope of step `erase`")
            .help("did you mean `subject.email`?");

        let shown = render(&[mistake], &source, Colour::Plain);

        assert_eq!(
            shown,
            "error: unknown name `subject.emial`
 --> workflows/erase.yaml:2:14
  |
2 |   email: \"{{ subject.emial }}\"
  |              ^^^^^^^^^^^^^ not in the scope of step `erase`
  |
  = help: did you mean `subject.email`?
"
        );
    }

    #[test]
    fn a_machine_reads_the_same_facts() {
        let source = Source::new("a.yaml", "é: ü\nà: x\n");
        let mistake = Mistake::error("wrong_type", source.text.find('x').unwrap()..99, "not a number");

        assert_eq!(
            json(&mistake, &source),
            serde_json::json!({"file": "a.yaml", "line": 2, "column": 4, "code": "wrong_type",
                "message": "not a number", "help": null, "severity": "error"})
        );
    }

    #[test]
    fn a_place_behind_a_byte_order_mark_and_before_a_carriage_return_is_shown_exactly() {
        let source = Source::new("a", "\u{feff}ab: x\r\ncd: y\r\n");
        let shown = |at| render(&[Mistake::error("bad_yaml", at, "wrong")], &source, Colour::Plain);

        assert_eq!(shown(7..8), "error: wrong\n --> a:1:5\n  |\n1 | ab: x\n  |     ^\n");
        assert_eq!(shown(14..15), "error: wrong\n --> a:2:5\n  |\n2 | cd: y\n  |     ^\n");
    }

    #[test]
    fn a_place_behind_the_carriage_returns_of_a_line_is_shown_at_its_end() {
        let source = Source::new("a", "h:\r:\r\r");

        let shown = render(&[Mistake::error("bad_yaml", 6..6, "wrong")], &source, Colour::Plain);

        assert!(shown.starts_with("error: wrong\n --> a:1:"), "{shown}");
    }

    #[test]
    fn a_place_at_the_end_of_an_empty_text_can_be_shown() {
        let shown =
            render(&[Mistake::error("bad_yaml", 5..9, "empty")], &Source::new("a", ""), Colour::Plain);

        assert!(shown.starts_with("error: empty"), "{shown}");
    }
}
