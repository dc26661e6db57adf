//! The grammar of one row: separators, quotes, line ends (RFC 4180).
//!
//! It is strict where readers disagree. After a closing quote only a separator or a line end may
//! stand: lenient readers take a quote that was never closed for text and swallow the rows after it
//! without a word, and a swallowed row is a request that nobody carries out. A quote inside an
//! unquoted cell is a character like any other. The rows inside a broken quote are not tried again
//! on their own: what a person wrote into a free-text cell must never become a request.

use super::MOST_LINE_BYTES;

/// Where in a row the reader stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    CellStart,
    Plain,
    Quoted,
    /// After a quote inside a quoted cell: its end, or the first of two.
    Closing,
    /// After a closing quote and a carriage return.
    ClosedReturn,
    /// The quotes do not match; the rest of the line is stepped over.
    Broken,
}

/// Reads one row, piece by piece.
pub(super) struct Scan {
    separator: u8,
    state: State,
    /// Bytes taken, line ends included.
    pub(super) taken: usize,
    /// Line ends taken.
    pub(super) line_ends: u64,
    /// Whether a cell is quoted: such a row is never blank.
    pub(super) is_quoted: bool,
    /// Cells ended.
    pub(super) cells: usize,
    cell_start: usize,
}

/// How a row ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    Whole,
    TooLong,
    Broken,
}

impl Scan {
    /// A row whose cells are to be appended after `start`.
    pub(super) fn new(separator: u8, start: usize) -> Scan {
        Scan {
            separator,
            state: State::CellStart,
            taken: 0,
            line_ends: 0,
            is_quoted: false,
            cells: 0,
            cell_start: start,
        }
    }

    /// Takes bytes up to the end of the row: how many, and whether the row ended with them.
    pub(super) fn feed(&mut self, piece: &[u8], bytes: &mut Vec<u8>, ends: &mut Vec<u32>) -> (usize, bool) {
        let mut at = 0;
        while let Some(rest) = piece.get(at..).filter(|rest| !rest.is_empty()) {
            let (count, is_end) = self.step(rest, bytes, ends);
            at += count;
            self.taken += count;
            if is_end {
                self.line_ends += 1;
                return (at, true);
            }
        }
        (at, false)
    }

    /// Ends the row; at the end of the text it has no line end.
    pub(super) fn finish(&mut self, bytes: &mut Vec<u8>, ends: &mut Vec<u32>, has_line_end: bool) -> End {
        if !has_line_end {
            match self.state {
                State::CellStart | State::Plain => self.end_plain(bytes, ends),
                State::Closing | State::ClosedReturn => self.end_cell(bytes, ends),
                State::Quoted => self.state = State::Broken,
                State::Broken => {}
            }
        }
        match self.state {
            State::Broken => End::Broken,
            _ if self.is_too_long() => End::TooLong,
            _ => End::Whole,
        }
    }

    fn step(&mut self, rest: &[u8], bytes: &mut Vec<u8>, ends: &mut Vec<u32>) -> (usize, bool) {
        let first = rest.first().copied().unwrap_or_default();
        let upto = |end: Option<usize>| rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        match self.state {
            State::CellStart if first == b'"' => {
                self.is_quoted = true;
                self.state = State::Quoted;
                (1, false)
            }
            State::CellStart | State::Plain => {
                let end = memchr::memchr2(self.separator, b'\n', rest);
                let text = upto(end);
                self.keep(text, bytes);
                match end.and_then(|end| rest.get(end)) {
                    None => self.state = State::Plain,
                    Some(b'\n') => {
                        self.end_plain(bytes, ends);
                        return (text.len() + 1, true);
                    }
                    Some(_) => {
                        self.end_cell(bytes, ends);
                        self.state = State::CellStart;
                    }
                }
                (text.len() + usize::from(end.is_some()), false)
            }
            State::Quoted => {
                let end = memchr::memchr(b'"', rest);
                let text = upto(end);
                self.line_ends += memchr::memchr_iter(b'\n', text).count() as u64;
                self.keep(text, bytes);
                if end.is_some() {
                    self.state = State::Closing;
                }
                (text.len() + usize::from(end.is_some()), false)
            }
            State::Closing | State::ClosedReturn if first == b'\n' => {
                self.end_cell(bytes, ends);
                (1, true)
            }
            State::Closing if first == self.separator => {
                self.end_cell(bytes, ends);
                self.state = State::CellStart;
                (1, false)
            }
            State::Closing if first == b'"' => {
                self.keep(b"\"", bytes);
                self.state = State::Quoted;
                (1, false)
            }
            State::Closing if first == b'\r' => {
                self.state = State::ClosedReturn;
                (1, false)
            }
            State::Closing | State::ClosedReturn | State::Broken => {
                self.state = State::Broken;
                let end = memchr::memchr(b'\n', rest);
                (upto(end).len() + usize::from(end.is_some()), end.is_some())
            }
        }
    }

    fn is_too_long(&self) -> bool {
        self.taken > MOST_LINE_BYTES
    }

    /// Memory is bounded by what was taken, so that a row of separators alone is bounded too.
    fn keep(&mut self, text: &[u8], bytes: &mut Vec<u8>) {
        if self.taken + text.len() <= MOST_LINE_BYTES {
            bytes.extend_from_slice(text);
        }
    }

    fn end_plain(&mut self, bytes: &mut Vec<u8>, ends: &mut Vec<u32>) {
        if bytes.len() > self.cell_start && bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        self.end_cell(bytes, ends);
    }

    fn end_cell(&mut self, bytes: &[u8], ends: &mut Vec<u32>) {
        self.cells += 1;
        self.cell_start = bytes.len();
        if !self.is_too_long() {
            ends.push(bytes.len() as u32);
        }
    }
}
