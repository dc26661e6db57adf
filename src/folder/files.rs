//! The files of a folder: written whole or not at all, and read again.
//!
//! A file comes to its name only when all of it is on the disk, so nobody ever reads half of one, and a
//! write that is made again ends in the same file. Only the system's own user may read what is written.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::form_urlencoded;

/// What the folder answers: a status as HTTP has it, and an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// 200, 201, 400, 403, 404 or 507.
    pub status: u16,
    /// Name, length and SHA-256 of a file; empty when there is none.
    pub value: Value,
}

/// What is asked of a folder.
#[derive(Deserialize)]
struct Content {
    content: String,
}

/// How long a file is, and its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    bytes: u64,
    sha256: String,
}

/// A folder. Clone it freely.
#[derive(Debug, Clone)]
pub struct Files {
    kept: Kept,
}

#[derive(Debug, Clone)]
enum Kept {
    On(PathBuf),
    /// Nothing is kept but what a file would be seen to be.
    Nowhere(Arc<Mutex<HashMap<String, Seen>>>),
}

impl Files {
    /// Those of a folder; it is made when the first file is written.
    pub fn of(path: &Path) -> Files {
        Files { kept: Kept::On(path.to_owned()) }
    }

    /// Those of no folder: what is written is looked at and forgotten.
    pub fn nowhere() -> Files {
        Files { kept: Kept::Nowhere(Arc::default()) }
    }

    /// Where it is, for people.
    pub fn place(&self) -> String {
        match &self.kept {
            Kept::On(path) => path.display().to_string(),
            Kept::Nowhere(_) => "(nowhere)".to_owned(),
        }
    }

    /// Whether a file could be written now; makes the folder if it is not there.
    pub fn check(&self) -> Result<(), std::io::Error> {
        let Kept::On(folder) = &self.kept else { return Ok(()) };
        make(folder)?;
        begin(folder).map(drop)
    }

    /// Does what a call asks for, whose path is `/files/NAME?ending=…`. Waits for the disk.
    pub fn carry_out(&self, writes: bool, path_and_query: &str, body: &[u8]) -> Told {
        let Some(name) = name_of(path_and_query) else { return nothing(400) };
        let done = match writes {
            true => match serde_json::from_slice::<Content>(body) {
                Ok(Content { content }) => self.write(&name, content.as_bytes()).map(|seen| (201, seen)),
                Err(_) => return nothing(400),
            },
            false => self.look(&name).map(|seen| (200, seen)),
        };
        match done {
            Ok((status, Seen { bytes, sha256 })) => {
                Told { status, value: json!({ "name": name, "bytes": bytes, "sha256": sha256 }) }
            }
            Err(error) => nothing(status_of(&error)),
        }
    }

    fn write(&self, name: &str, content: &[u8]) -> std::io::Result<Seen> {
        let folder = match &self.kept {
            Kept::On(folder) => folder,
            Kept::Nowhere(seen) => {
                let one = Seen { bytes: content.len() as u64, sha256: hexadecimal(&Sha256::digest(content)) };
                seen.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), one.clone());
                return Ok(one);
            }
        };
        make(folder)?;
        let mut unfinished = begin(folder)?;
        unfinished.write_all(content)?;
        unfinished.as_file().sync_all()?;
        unfinished.persist(folder.join(name)).map_err(|error| error.error)?;
        // The name is durable, too, where a folder can be synced.
        if cfg!(unix) {
            File::open(folder)?.sync_all()?;
        }
        self.look(name)
    }

    fn look(&self, name: &str) -> std::io::Result<Seen> {
        let folder = match &self.kept {
            Kept::On(folder) => folder,
            Kept::Nowhere(seen) => {
                let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                return seen.get(name).cloned().ok_or_else(|| ErrorKind::NotFound.into());
            }
        };
        let mut file = File::open(folder.join(name))?;
        let (mut hasher, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; 64 * 1024]);
        loop {
            let read = file.read(&mut piece)?;
            if read == 0 {
                break;
            }
            hasher.update(piece.get(..read).unwrap_or_default());
            bytes += read as u64;
        }
        Ok(Seen { bytes, sha256: hexadecimal(&hasher.finalize()) })
    }
}

/// The name of the file that a path means; `None` for one that could lead anywhere else.
fn name_of(path_and_query: &str) -> Option<String> {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let name = path.strip_prefix("/files/")?;
    let ending = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "ending")?.1;
    let is_safe = |text: &str, most| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=most).contains(&text.len()) && text.bytes().all(fits)
    };
    (is_safe(name, 100) && is_safe(&ending, 8)).then(|| format!("{name}.{ending}"))
}

fn make(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// A file that only its owner may read, and that is gone unless it comes to its name.
fn begin(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(".part-").tempfile_in(folder)
}

fn status_of(error: &std::io::Error) -> u16 {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => 404,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            tracing::warn!(
                "a folder that files are handed over in is full: make room, what waits is written then"
            );
            507
        }
        // Whatever else is the matter, somebody has to look at it; nothing is lost until then.
        _ => 403,
    }
}

fn nothing(status: u16) -> Told {
    Told { status, value: json!({}) }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/files/SL244-7f3c?ending=json";

    fn body(content: &str) -> Vec<u8> {
        json!({ "content": content }).to_string().into_bytes()
    }

    #[test]
    fn a_file_is_written_whole_under_its_name_and_seen_again() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("answers");
        let files = Files::of(&folder);

        let written = files.carry_out(true, PATH, &body("{\"a\":1}"));
        let again = files.carry_out(true, PATH, &body("{\"a\":2}"));
        let seen = files.carry_out(false, PATH, b"");

        assert_eq!([written.status, again.status, seen.status], [201, 201, 200]);
        assert_eq!(seen.value, again.value);
        assert_eq!(seen.value["bytes"], 7);
        let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["SL244-7f3c.json"]);
        assert_eq!(fs::read_to_string(folder.join("SL244-7f3c.json")).unwrap(), "{\"a\":2}");
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_read_what_is_written() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("answers");

        Files::of(&folder).carry_out(true, PATH, &body("x"));

        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!([mode(&folder), mode(&folder.join("SL244-7f3c.json"))], [0o700, 0o600]);
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let home = tempfile::tempdir().unwrap();
        let files = Files::of(home.path());
        for path in [
            "/files/..%2Fx?ending=json",
            "/files/../x?ending=json",
            "/files/x?ending=..%2Fy",
            "/files/?ending=json",
            "/files/x",
            "/other/x?ending=json",
        ] {
            assert_eq!(files.carry_out(true, path, &body("x")).status, 400, "{path}");
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_stands_in_the_way_is_told_by_its_status() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "x").unwrap();

        assert_eq!(Files::of(home.path()).carry_out(false, PATH, b"").status, 404);
        assert_eq!(Files::of(home.path()).carry_out(true, PATH, b"{}").status, 400);
        assert_ne!(Files::of(&file).carry_out(true, PATH, &body("x")).status, 201);
        assert!(Files::of(&file).check().is_err());
    }

    #[test]
    fn where_there_is_no_folder_a_file_is_seen_all_the_same() {
        let files = Files::nowhere();

        let written = files.carry_out(true, PATH, &body("abc"));

        assert_eq!(files.carry_out(false, PATH, b"").value, written.value);
        assert_eq!(files.carry_out(false, "/files/other?ending=json", b"").status, 404);
    }
}
