//! However a text is cut on its way in, the records are the same.

use proptest::prelude::*;

use super::*;

/// Hands out the bytes in pieces of the given sizes, as pipes and decompressors do.
struct Pieces {
    bytes: std::collections::VecDeque<u8>,
    sizes: std::iter::Cycle<std::vec::IntoIter<usize>>,
}

impl std::io::Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.sizes.next().unwrap_or(1).min(buffer.len());
        self.bytes.read(&mut buffer[..size])
    }
}

enum Either {
    Lines(lines::Lines),
    Table(table::Table),
}

/// Everything a reader of lines or rows sees when its text comes in such pieces.
fn seen_in_pieces(
    text: &[u8],
    format: Format,
    sizes: Vec<usize>,
    max_records: usize,
    max_bytes: usize,
) -> Vec<Seen> {
    let bytes = text.to_vec().into();
    let text: decoded::Text = Box::new(Pieces { bytes, sizes: sizes.into_iter().cycle() });
    let mut seen = Vec::new();
    let mut chunk = chunk::Chunk::new(0, None);
    let mut reader = match format {
        Format::Ndjson => Either::Lines(lines::Lines::new(text)),
        Format::Csv => match table::Table::new("x", text, b',', 0) {
            Ok(table) => Either::Table(table),
            Err(_) => return seen,
        },
    };
    loop {
        let is_more = match &mut reader {
            Either::Lines(lines) => lines.next_into(&mut chunk).unwrap(),
            Either::Table(table) => {
                chunk.columns = table.columns().cloned();
                table.next_into(&mut chunk).unwrap()
            }
        };
        if !is_more || chunk.len() >= max_records || chunk.bytes.len() >= max_bytes {
            for record in chunk.records() {
                let row = record.row().map(Value::Object).map_err(|error| error.problem);
                seen.push((record.position(), record.line(), record.offset(), row));
            }
            chunk = chunk::Chunk::new(seen.len() as u64, None);
        }
        if !is_more {
            return seen;
        }
    }
}

proptest! {
    #[test]
    fn neither_chunks_nor_pieces_change_the_lines(
        lines in proptest::collection::vec("(\\{\"a\":\"[a-zé\\\\n]{0,9}\"\\}|[ \t]{0,2}|x\r?)\r?", 0..12),
        has_end: bool,
        sizes in proptest::collection::vec(1_usize..9, 1..5),
        max_records in 1_usize..5, max_bytes in 1_usize..40,
    ) {
        let text = lines.join("\n") + if has_end { "\n" } else { "" };
        let whole = seen_in_pieces(text.as_bytes(), Format::Ndjson, vec![1 << 20], 1 << 20, 1 << 20);

        let pieces = seen_in_pieces(text.as_bytes(), Format::Ndjson, sizes, max_records, max_bytes);

        prop_assert_eq!(&pieces, &whole);
        let expected: Vec<_> = text.split('\n').filter(|line| !line.trim_matches([' ', '\t', '\r']).is_empty()).collect();
        prop_assert_eq!(whole.len(), expected.len());
        for ((_, line, offset, _), expected) in whole.iter().zip(expected) {
            prop_assert!(text[*offset as usize..].starts_with(expected));
            prop_assert_eq!(text[..*offset as usize].matches('\n').count() as u64 + 1, *line);
        }
    }

    #[test]
    fn neither_chunks_nor_pieces_change_the_rows(
        text in "[ab,\"\n\r é]{0,60}",
        sizes in proptest::collection::vec(1_usize..9, 1..5),
        max_records in 1_usize..5, max_bytes in 1_usize..40,
    ) {
        let text = format!("h1,h2\n{text}");
        let whole = seen_in_pieces(text.as_bytes(), Format::Csv, vec![1 << 20], 1 << 20, 1 << 20);

        let pieces = seen_in_pieces(text.as_bytes(), Format::Csv, sizes, max_records, max_bytes);

        prop_assert_eq!(pieces, whole);
    }

    #[test]
    fn well_formed_tables_are_read_like_the_csv_crate_reads_them(
        cells in proptest::collection::vec(("[ab,;\"\n\ré ]{0,8}", "[ab,;\"\n\ré ]{0,8}"), 0..12),
        is_crlf: bool, is_quoted: bool,
    ) {
        let mut writer = csv::WriterBuilder::new()
            .terminator(if is_crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
            .quote_style(if is_quoted { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary })
            .from_writer(Vec::new());
        writer.write_record(["h1", "h2"]).unwrap();
        for (one, two) in &cells {
            writer.write_record([one, two]).unwrap();
        }
        let text = writer.into_inner().unwrap();

        let seen = seen_in_pieces(&text, Format::Csv, vec![1 << 20], 1 << 20, 1 << 20);

        let mut reader = csv::Reader::from_reader(text.as_slice());
        let read: Vec<_> = reader.records().map(|row| {
            let row = row.unwrap();
            json!({"h1": &row[0], "h2": &row[1]})
        }).collect();
        prop_assert_eq!(seen.len(), cells.len());
        prop_assert_eq!(values(seen), read);
    }
}
