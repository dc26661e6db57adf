//! A server that answers every request at once, so that a benchmark measures the client.
//!
//! It reads a request whole, by length or in chunks, answers as Braze answers an accepted call, and
//! counts; whoever is looked for by `/users/export/ids` is found, one profile for each body. It checks
//! nothing and remembers nothing: the sandbox is for that. It needs only the standard library, so that
//! `rustc -O` builds it in a moment.
//!
//! Usage: `instant_server PORT-FILE` listens on a free port of 127.0.0.1 and writes its number to
//! that file. `GET /count` answers `{"requests":N,"body_bytes":N}`; `GET /stop` ends it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};

static REQUESTS: AtomicU64 = AtomicU64::new(0);
static BODY_BYTES: AtomicU64 = AtomicU64::new(0);

fn main() -> io::Result<()> {
    let port_file =
        std::env::args().nth(1).ok_or_else(|| io::Error::other("usage: instant_server PORT-FILE"))?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    // Written beside and renamed: whoever waits for the file never reads half a number.
    let half = format!("{port_file}.half");
    std::fs::write(&half, listener.local_addr()?.port().to_string())?;
    std::fs::rename(&half, &port_file)?;
    for stream in listener.incoming() {
        let stream = stream?;
        // A client that leaves in the middle is no concern of the others.
        std::thread::spawn(move || serve(stream).unwrap_or_default());
    }
    Ok(())
}

fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(64 * 1024, stream.try_clone()?);
    let mut writer = stream;
    let mut body = Vec::new();
    while let Some(head) = read_head(&mut reader)? {
        if head.expects_continue {
            writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        body.clear();
        read_body(&mut reader, &head, &mut body)?;
        match head.path.as_str() {
            "/stop" => std::process::exit(0),
            "/count" => {
                let requests = REQUESTS.load(Ordering::Relaxed);
                let bytes = BODY_BYTES.load(Ordering::Relaxed);
                answer(&mut writer, "200 OK", &format!(r#"{{"requests":{requests},"body_bytes":{bytes}}}"#))?;
            }
            path => {
                REQUESTS.fetch_add(1, Ordering::Relaxed);
                BODY_BYTES.fetch_add(body.len() as u64, Ordering::Relaxed);
                if path == "/users/export/ids" {
                    let profile = profile(&body);
                    let found =
                        format!(r#"{{"message":"success","users":[{{"braze_id":"{profile:024x}"}}]}}"#);
                    answer(&mut writer, "201 Created", &found)?;
                } else {
                    answer(&mut writer, "201 Created", r#"{"message":"success"}"#)?;
                }
            }
        }
    }
    Ok(())
}

/// Another number for another body (FNV-1a), so that no two people are found to be the same.
fn profile(body: &[u8]) -> u64 {
    let mixed = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    body.iter().fold(0xcbf2_9ce4_8422_2325, mixed)
}

fn answer(writer: &mut TcpStream, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    writer.write_all(reply.as_bytes())
}

struct Head {
    path: String,
    length: usize,
    is_chunked: bool,
    expects_continue: bool,
}

/// `None` when the client has closed the connection between two requests.
fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut head = Head { path, length: 0, is_chunked: false, expects_continue: false };
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { return Ok(Some(head)) };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => head.length = value.trim().parse().map_err(io::Error::other)?,
            "transfer-encoding" => head.is_chunked = value.trim().eq_ignore_ascii_case("chunked"),
            "expect" => head.expects_continue = true,
            _ => {}
        }
    }
}

fn read_body(reader: &mut impl BufRead, head: &Head, body: &mut Vec<u8>) -> io::Result<()> {
    if !head.is_chunked {
        body.resize(head.length, 0);
        return reader.read_exact(body);
    }
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let digits = line.trim_end().split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(digits, 16).map_err(io::Error::other)?;
        let start = body.len();
        body.resize(start + size, 0);
        reader.read_exact(&mut body[start..])?;
        line.clear();
        reader.read_line(&mut line)?; // the line end after a chunk, or the one after the last
        if size == 0 {
            return Ok(());
        }
    }
}
