//! An input as it was given: opened once, digested whole, read from its start as often as needed.
//!
//! The digest is over the raw bytes and names the input in the journal, so it is known before the
//! first record is. What cannot be read twice (standard input, a pipe) is first copied into a file
//! that has no name and is gone when the process is. A window of what came in from outside is read from
//! memory: its records stand on the disk only sealed.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use encoding_rs::Encoding;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::decoded::{self, FromStart, Raw, Text};
use super::{Chosen, InputError, Records, format};
use crate::job::WindowId;
use crate::source::closest;
use crate::workflow::{FileTrigger, Format};

/// Reading is bound by the digest, not by system calls, from about this size on.
const DIGEST_BUFFER_BYTES: usize = 1 << 20;

/// How much of a text is looked at to tell what it is; a header of thousands of columns fits.
const START_BYTES: usize = 64 * 1024;

/// How the name of a file ends that we wrote ourselves: request records, a line of JSON each, whatever
/// `on.file` says of other files.
pub const REQUESTS: &str = ".requests.ndjson";

/// How an input is to be read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// `None`: by the file's name, else by its first bytes.
    pub format: Option<Format>,
    /// A label of the Encoding Standard, such as `windows-1252`; `None`: UTF-8. A byte order mark
    /// rules over it.
    pub encoding: Option<String>,
}

impl Reading {
    /// What a workflow says about its files.
    pub fn of(trigger: &FileTrigger) -> Reading {
        Reading { format: trigger.format, encoding: trigger.encoding.clone() }
    }
}

/// An input that can be read from its start any number of times.
#[derive(Clone)]
pub struct Input {
    /// As given, for its ending.
    path: String,
    /// Where the file is, whoever looks for it; `None` for what can be read only once, and for windows.
    at: Option<PathBuf>,
    raw: Raw,
    digest: [u8; 32],
    size_bytes: u64,
    /// When the file was last written, if anybody else can write it.
    written: Option<Option<SystemTime>>,
    format: Format,
    encoding: Option<&'static Encoding>,
    window: Option<WindowId>,
    /// Its records are requests already.
    is_requests: bool,
    /// Only these of its records.
    chosen: Option<Arc<Chosen>>,
    /// Its person does not exist.
    is_canary: bool,
}

impl Input {
    /// Opens a file, or standard input for `-`, and reads it once for its digest.
    pub fn open(path: &Path, reading: &Reading) -> Result<Input, InputError> {
        Input::open_as(path, &path.display().to_string(), reading)
    }

    /// Opens a file that was given under another name: relative to another folder, or as the standard
    /// input of another process. Messages and the journal call it as it was given.
    pub fn open_as(path: &Path, name: &str, reading: &Reading) -> Result<Input, InputError> {
        let encoding = encoding(reading)?;
        let name = name.to_owned();
        if path == Path::new("-") {
            return Input::spooled(io::stdin().lock(), reading);
        }
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => InputError::Missing { path: name.clone() },
            io::ErrorKind::IsADirectory => InputError::Folder { path: name.clone() },
            _ => InputError::Unreadable { path: name.clone(), source },
        };
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(InputError::Folder { path: name });
        }
        if !metadata.is_file() {
            return Input::spooled(file, reading);
        }
        let file = Arc::new(file);
        let mut hashing = Hashing { hasher: Sha256::new(), size_bytes: 0, to: io::sink() };
        copy(from_start(&Raw::File(Arc::clone(&file))), &mut hashing).map_err(unreadable)?;
        // What another process read from its standard input is removed once it was opened.
        let at = std::path::absolute(path).ok().filter(|_| name != "-");
        if name.ends_with(REQUESTS) {
            let told = Some(Format::Ndjson);
            let input = Input::new(name, Raw::File(file), hashing, Some(metadata), told, None)?;
            return Ok(Input { is_requests: true, at, ..input });
        }
        let input = Input::new(name, Raw::File(file), hashing, Some(metadata), reading.format, encoding)?;
        Ok(Input { at, ..input })
    }

    /// Takes an input that can be read only once.
    pub fn spooled(from: impl Read, reading: &Reading) -> Result<Input, InputError> {
        let encoding = encoding(reading)?;
        let file = tempfile::tempfile().map_err(|source| InputError::Spool { source })?;
        let mut hashing = Hashing { hasher: Sha256::new(), size_bytes: 0, to: &file };
        copy(from, &mut hashing).map_err(|source| InputError::Spool { source })?;
        let hashing = Hashing { hasher: hashing.hasher, size_bytes: hashing.size_bytes, to: io::sink() };
        Input::new("-".to_owned(), Raw::File(Arc::new(file)), hashing, None, reading.format, encoding)
    }

    /// The request records of a window, a line of JSON each. Its name is part of its digest: two windows
    /// are two inputs, also when they hold the same.
    pub fn of_window(window: WindowId, text: Zeroizing<Vec<u8>>) -> Input {
        let name = window.to_string();
        let hasher = Sha256::new().chain_update(&name).chain_update("\n").chain_update(text.as_slice());
        Input {
            path: name,
            at: None,
            digest: hasher.finalize().into(),
            size_bytes: text.len() as u64,
            raw: Raw::Memory(Arc::new(text)),
            written: None,
            format: Format::Ndjson,
            encoding: None,
            window: Some(window),
            is_requests: true,
            chosen: None,
            is_canary: false,
        }
    }

    /// The same input under the digest that a job knows it by: records of its window were destroyed since.
    #[must_use]
    pub fn known_as(self, digest: Option<[u8; 32]>) -> Input {
        Input { digest: digest.unwrap_or(self.digest), ..self }
    }

    fn new(
        path: String,
        raw: Raw,
        hashed: Hashing<io::Sink>,
        metadata: Option<Metadata>,
        told: Option<Format>,
        encoding: Option<&'static Encoding>,
    ) -> Result<Input, InputError> {
        let mut input = Input {
            path,
            at: None,
            raw,
            digest: hashed.hasher.finalize().into(),
            size_bytes: hashed.size_bytes,
            written: metadata.map(|metadata| metadata.modified().ok()),
            format: Format::Ndjson,
            encoding,
            window: None,
            is_requests: false,
            chosen: None,
            is_canary: false,
        };
        let (start, _, _) = input.text()?;
        input.format = format::of(&input.path, &input.name(), told, &start)?;
        Ok(input)
    }

    /// Only some of its records, as an input of their own.
    #[must_use]
    pub fn only(self, chosen: Chosen) -> Input {
        Input { digest: chosen.digest(&self.digest), chosen: Some(Arc::new(chosen)), ..self }
    }

    /// The same of a person who does not exist.
    #[must_use]
    pub fn of_canary(self) -> Input {
        Input { is_canary: true, ..self }
    }

    /// Whether its person does not exist.
    pub fn is_canary(&self) -> bool {
        self.is_canary
    }

    /// Of what it is a part, if it is one.
    pub fn chosen(&self) -> Option<&Arc<Chosen>> {
        self.chosen.as_ref()
    }

    /// Writes it out as it was given, for another process.
    pub fn copy_to(&self, mut to: impl Write) -> Result<(), InputError> {
        let copied = io::copy(&mut from_start(&self.raw), &mut to);
        copied.map(drop).map_err(|source| InputError::Spool { source })
    }

    /// How messages call it: the path in backticks, or standard input.
    pub fn name(&self) -> String {
        if self.path == "-" { "standard input".to_owned() } else { format!("`{}`", self.path) }
    }

    /// Where its file is, from the root on; `None` if it cannot be opened again.
    pub fn at(&self) -> Option<&Path> {
        self.at.as_deref()
    }

    /// SHA-256 of the bytes as given, compressed or not; of a part also of which part it is.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Of the bytes as given; [`super::Chunk::input_bytes`] counts towards it.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// As told, named or seen.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Begins to read the records, from the first one.
    pub fn records(&self) -> Result<Records, InputError> {
        let (start, text, offset) = self.text()?;
        Records::new(self, &start, text, offset)
    }

    /// The path as it was given; `-` for standard input.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The window of what came in from outside that it is, if it is one. Its records are requests already:
    /// `on.file` says nothing about them.
    pub fn window(&self) -> Option<WindowId> {
        self.window
    }

    /// Whether its records are requests, to which no `on.file.map` applies.
    pub(super) fn is_requests(&self) -> bool {
        self.is_requests
    }

    /// A check for the end of reading: whether the file is still the one that was digested.
    pub(super) fn watch(&self) -> Watch {
        Watch { raw: self.raw.clone(), size_bytes: self.size_bytes, written: self.written }
    }

    /// The start of the text, the whole text, and how many raw bytes of it were read.
    fn text(&self) -> Result<(Vec<u8>, Text, Arc<AtomicU64>), InputError> {
        let raw = from_start(&self.raw);
        let offset = Arc::clone(&raw.offset);
        let (start, text) = decoded::text(raw, self.encoding)
            .and_then(|text| decoded::peeked(text, START_BYTES))
            .map_err(|source| InputError::Broken { name: self.name(), source })?;
        Ok((start, text, offset))
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("path", &self.path)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

/// Knows what a file was like when it was digested.
pub(super) struct Watch {
    raw: Raw,
    size_bytes: u64,
    written: Option<Option<SystemTime>>,
}

impl Watch {
    pub(super) fn saw_a_change(&self) -> bool {
        let (Some(written), Raw::File(file)) = (self.written, &self.raw) else { return false };
        file.metadata().map_or(true, |now| now.len() != self.size_bytes || now.modified().ok() != written)
    }
}

fn from_start(raw: &Raw) -> FromStart {
    FromStart { raw: raw.clone(), offset: Arc::new(AtomicU64::new(0)) }
}

fn encoding(reading: &Reading) -> Result<Option<&'static Encoding>, InputError> {
    let Some(label) = &reading.encoding else { return Ok(None) };
    let known = ["utf-8", "windows-1252", "iso-8859-1", "iso-8859-15", "utf-16le", "utf-16be", "macintosh"];
    let found = Encoding::for_label_no_replacement(label.as_bytes());
    found.map(Some).ok_or_else(|| InputError::Encoding {
        label: label.clone(),
        closest: closest(&label.to_lowercase(), known).map(str::to_owned),
    })
}

/// Digests what passes on its way.
struct Hashing<W> {
    hasher: Sha256,
    size_bytes: u64,
    to: W,
}

fn copy<W: Write>(mut from: impl Read, hashing: &mut Hashing<W>) -> io::Result<()> {
    let mut buffer = vec![0; DIGEST_BUFFER_BYTES];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let piece = buffer.get(..count).unwrap_or_default();
        hashing.hasher.update(piece);
        hashing.size_bytes += count as u64;
        hashing.to.write_all(piece)?;
    }
}
