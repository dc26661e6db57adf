//! The size of a template, measured before any parser sees it.
//!
//! The parser of the `handlebars` crate has no limits of its own and a deep enough template ends the
//! process, so nesting is counted here on the plain text. Where this scan cannot be sure what the
//! parser will make of a character it counts what opens and not what closes: it may refuse a strange
//! template that would have been fine, never the other way round.

use crate::source::Mistake;

/// Longest template, in bytes.
pub(crate) const LONGEST: usize = 64 * 1024;
/// Most levels of blocks, and of parentheses, lists and maps inside one expression.
const DEEPEST: usize = 64;

/// The mistake of a text that is too long or too deep for the parser.
pub(super) fn check(text: &str) -> Result<(), Mistake> {
    if text.len() > LONGEST {
        let message = format!("this template is {} bytes long; at most {LONGEST} are allowed", text.len());
        return Err(
            Mistake::error("template_too_long", 0..0, message).help("split it, or keep the data in `vars`")
        );
    }
    Scan::over(text).run()
}

/// A walk over the bytes of a template.
struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    /// One count for each open block: itself and the `else if`s that nest inside it.
    blocks: Vec<usize>,
    /// Open parentheses, brackets and braces of the expression.
    parens: usize,
    /// The parser may see strings, comments and ends elsewhere than this scan does.
    unsure: bool,
    /// Raw blocks stand in the text: what looks like a comment or an end may be plain text.
    raw: bool,
}

impl<'t> Scan<'t> {
    fn over(text: &'t str) -> Scan<'t> {
        let raw = text.contains("{{{{");
        Scan { text: text.as_bytes(), at: 0, blocks: Vec::new(), parens: 0, unsure: false, raw }
    }

    fn run(mut self) -> Result<(), Mistake> {
        while self.at < self.text.len() {
            if !self.starts_with(b"{{") {
                self.at += 1;
            } else if !self.skip_comment() {
                self.tag()?;
                self.expression()?;
            }
        }
        Ok(())
    }

    /// Reads `{{`, and counts what it opens or closes.
    fn tag(&mut self) -> Result<(), Mistake> {
        let start = self.at;
        let escaped = self.is_escaped();
        let mut braces = 0;
        while self.byte(self.at) == Some(b'{') {
            braces += 1;
            self.at += 1;
        }
        let mut after = self.at;
        while self.byte(after).is_some_and(|byte| byte == b'~' || byte.is_ascii_whitespace()) {
            after += 1;
        }
        let rest = self.text.get(after..).unwrap_or_default();
        if rest.starts_with(b"/") {
            if !escaped && !self.raw && !self.unsure {
                self.blocks.pop();
            }
        } else if braces >= 4 || rest.starts_with(b"#") {
            self.blocks.push(1);
        } else if is_else(rest) {
            match self.blocks.last_mut() {
                Some(levels) => *levels += 1,
                None => self.blocks.push(1),
            }
        }
        self.parens = 0;
        if self.blocks.iter().sum::<usize>() > DEEPEST { Err(too_deep("blocks", start)) } else { Ok(()) }
    }

    /// Reads up to the end of the expression.
    fn expression(&mut self) -> Result<(), Mistake> {
        let mut quote = None;
        let mut brackets = 0_usize;
        while let Some(byte) = self.byte(self.at) {
            match (byte, quote) {
                (b'(' | b'[' | b'{', _) => {
                    if self.starts_with(b"{{") && quote.is_none() && brackets == 0 && !self.unsure {
                        return Ok(());
                    }
                    // A map may end in `}}` without ending the expression.
                    self.unsure |= byte == b'{';
                    self.parens += 1;
                    brackets += usize::from(byte == b'[');
                    if self.parens > DEEPEST {
                        return Err(too_deep("parentheses", self.at));
                    }
                }
                (b'}', None) if self.starts_with(b"}}") && !self.unsure => {
                    while self.byte(self.at) == Some(b'}') {
                        self.at += 1;
                    }
                    return Ok(());
                }
                (b')' | b']' | b'}', None) if !self.unsure => {
                    self.parens = self.parens.saturating_sub(1);
                    brackets = brackets.saturating_sub(usize::from(byte == b']'));
                }
                (b'"' | b'\'', None) => {
                    // Inside `[…]` a quote is part of a name, unless it is a list.
                    self.unsure |= brackets > 0;
                    quote = Some(byte);
                }
                (b'\\', Some(_)) => self.at += 1,
                (_, Some(open)) if byte == open => quote = None,
                _ => {}
            }
            self.at += 1;
        }
        Ok(())
    }

    /// Skips `{{!-- … --}}` and `{{! … }}`, when the parser is sure to do so too.
    fn skip_comment(&mut self) -> bool {
        if !self.starts_with(b"{{!") || self.raw || self.unsure || self.is_escaped() {
            return false;
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        let long = if rest.starts_with(b"{{!--") { find(rest, b"--}}").map(|end| end + 4) } else { None };
        match long.or_else(|| find(rest, b"}}").map(|end| end + 2)) {
            Some(length) => self.at += length,
            None => self.at = self.text.len(),
        }
        true
    }

    /// A backslash before `{{` may make plain text of it.
    fn is_escaped(&self) -> bool {
        self.at.checked_sub(1).and_then(|before| self.byte(before)) == Some(b'\\')
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    fn starts_with(&self, start: &[u8]) -> bool {
        self.text.get(self.at..).is_some_and(|rest| rest.starts_with(start))
    }
}

/// `else` and `^` nest what follows them inside what is before them.
fn is_else(tag: &[u8]) -> bool {
    let word_ends = |rest: &[u8]| !rest.first().is_some_and(|byte| byte.is_ascii_alphanumeric());
    tag.starts_with(b"^") || tag.strip_prefix(b"else").is_some_and(word_ends)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn too_deep(what: &str, at: usize) -> Mistake {
    Mistake::error("template_too_deep", at..at + 1, format!("more than {DEEPEST} levels of {what}"))
        .help("work parts of it out in `vars` or with `set` first")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Option<&'static str> {
        check(text).err().map(|mistake| mistake.code)
    }

    #[test]
    fn hostile_nesting_is_refused_before_the_parser_sees_it() {
        let parens = |count: usize| format!("{{{{a {}b{}}}}}", "(c ".repeat(count), ")".repeat(count));
        for text in [
            "{{#if a}}".repeat(65) + &"{{/if}}".repeat(65),
            "{{~ # if a}}".repeat(65),
            "{{#if a}}{{{{raw}}}}{{/if}}{{{{/raw}}}}".repeat(65),
            "{{#if a}}\\{{/if}}".repeat(65),
            "{{#if a}}".to_owned() + &"{{else if b}}".repeat(65) + "{{/if}}",
            "{{^a}}".repeat(65),
            parens(65),
            parens(5000),
            format!("{{{{a [x\"y] \"}}}}\" {}", "(b ".repeat(65)),
            format!("\\{{{{!-- {{{{a {} --}}}}", "(b ".repeat(65)),
            format!("{{{{{{{{r}}}}}}}} {{{{!-- {{{{{{{{/r}}}}}}}} {{{{a {} --}}}}", "(b ".repeat(65)),
            format!("{{{{a {}", "[".repeat(65)),
            format!("{{{{a {{\"b\":{{\"c\":1}}}} {}", "(b ".repeat(65)),
            format!("{{{{a {}", "(b [{{] ".repeat(65)),
        ] {
            assert_eq!(code(&text), Some("template_too_deep"), "{}", &text[..text.len().min(80)]);
        }
    }

    #[test]
    fn a_template_over_64_kb_is_refused() {
        assert_eq!(code(&"a".repeat(LONGEST)), None);
        assert_eq!(code(&"a".repeat(LONGEST + 1)), Some("template_too_long"));
    }

    #[test]
    fn ordinary_templates_are_never_too_deep() {
        for text in [
            "(see (this)) :-( ".repeat(500),
            "{{#if a}}x{{else}}y{{/if}}".repeat(500),
            "{{! it's a comment ((( }}".repeat(100),
            "{{!-- {{#if a}} --}}".repeat(100),
            "{{concat \"(((\" (lower a)}}".repeat(100),
            "{{#each (pluck a \"b\")}}{{this}}{{/each}}".repeat(100),
        ] {
            assert_eq!(code(&text), None, "{}", &text[..40]);
        }
    }
}
