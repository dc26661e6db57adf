//! The bytes of a file as UTF-8 text: decompressed by their first bytes, decoded by their mark or by
//! the encoding that the workflow names.
//!
//! A byte sequence that the encoding does not have becomes one `0xFF`, which no UTF-8 text holds: the
//! line that it stands in is refused, instead of saying something that nobody wrote.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};
use flate2::bufread::MultiGzDecoder;
use zeroize::Zeroizing;

/// Text to be cut into records.
pub(super) type Text = Box<dyn Read + Send>;

/// Large enough that system calls do not show, small enough for the cache.
pub(super) const BUFFER_BYTES: usize = 256 * 1024;

/// What every gzip file starts with (RFC 1952, section 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Where the bytes of an input are.
#[derive(Clone)]
pub(super) enum Raw {
    /// On the disk.
    File(Arc<File>),
    /// Nowhere but here.
    Memory(Arc<Zeroizing<Vec<u8>>>),
}

impl Raw {
    /// Reads from an offset on.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Raw::File(file) => read_at(file, buffer, offset),
            Raw::Memory(bytes) => {
                let offset = usize::try_from(offset).unwrap_or(usize::MAX);
                bytes.get(offset..).unwrap_or_default().read(buffer)
            }
        }
    }
}

/// Reads shared bytes from their start, without moving anybody else's place in them.
pub(super) struct FromStart {
    pub(super) raw: Raw,
    /// How far reading has come, for whoever shows progress.
    pub(super) offset: Arc<AtomicU64>,
}

impl Read for FromStart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let offset = self.offset.load(Ordering::Relaxed);
        loop {
            match self.raw.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => {
                    self.offset.store(offset + count as u64, Ordering::Relaxed);
                    return Ok(count);
                }
            }
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// The text of a file. A byte order mark is taken off, and rules over `encoding`.
pub(super) fn text(raw: FromStart, encoding: Option<&'static Encoding>) -> io::Result<Text> {
    let (magic, raw) = peeked(Box::new(raw), GZIP_MAGIC.len())?;
    let bytes: Text = if magic == GZIP_MAGIC {
        Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, raw)))
    } else {
        raw
    };
    let (start, mut bytes) = peeked(bytes, 3)?;
    let marked = Encoding::for_bom(&start);
    if let Some((_, length)) = marked {
        bytes.read_exact(&mut [0; 3][..length])?;
    }
    match marked.map(|(encoding, _)| encoding).or(encoding) {
        Some(encoding) if encoding != UTF_8 => Ok(Box::new(Decoding::new(bytes, encoding))),
        Some(_) | None => Ok(bytes),
    }
}

/// The first bytes, at most so many, and the whole again.
pub(super) fn peeked(mut whole: Text, most: usize) -> io::Result<(Vec<u8>, Text)> {
    let mut start = Vec::with_capacity(most);
    whole.by_ref().take(most as u64).read_to_end(&mut start)?;
    let again = io::Cursor::new(start.clone()).chain(whole);
    Ok((start, Box::new(again)))
}

/// Bytes of one encoding into UTF-8.
struct Decoding {
    bytes: BufReader<Text>,
    decoder: Decoder,
    decoded: Vec<u8>,
    /// Up to where `decoded` was handed out.
    given: usize,
    is_over: bool,
}

impl Decoding {
    fn new(bytes: Text, encoding: &'static Encoding) -> Decoding {
        Decoding {
            bytes: BufReader::with_capacity(BUFFER_BYTES, bytes),
            decoder: encoding.new_decoder_without_bom_handling(),
            decoded: Vec::with_capacity(BUFFER_BYTES),
            given: 0,
            is_over: false,
        }
    }

    /// Decodes the next stretch.
    fn refill(&mut self) -> io::Result<()> {
        let source = self.bytes.fill_buf()?;
        let is_last = source.is_empty();
        self.decoded.resize(BUFFER_BYTES, 0);
        let room = self.decoded.get_mut(..BUFFER_BYTES - 1).unwrap_or_default();
        let (result, read, mut written) =
            self.decoder.decode_to_utf8_without_replacement(source, room, is_last);
        self.bytes.consume(read);
        match result {
            DecoderResult::InputEmpty => self.is_over = is_last,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                if let Some(place) = self.decoded.get_mut(written) {
                    *place = 0xFF;
                    written += 1;
                }
            }
        }
        self.decoded.truncate(written);
        self.given = 0;
        Ok(())
    }
}

impl Read for Decoding {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.decoded.len() && !self.is_over {
            self.refill()?;
        }
        let mut rest = self.decoded.get(self.given..).unwrap_or_default();
        let count = rest.read(buffer)?;
        self.given += count;
        Ok(count)
    }
}
