//! A service that counts requests in fixed windows, and says 429 beyond its limit.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// How the service counts and answers.
#[derive(Clone, Copy)]
pub struct Counting {
    pub requests: u32,
    pub per: Duration,
    /// From the arrival of a request to its answer.
    pub answer: Duration,
    /// How far the service's clock is ahead of ours, in milliseconds.
    pub ahead_ms: i64,
    /// Part of each window that somebody else takes.
    pub others: Others,
}

/// Somebody else who uses the same pool.
#[derive(Clone, Copy)]
pub enum Others {
    Nobody,
    /// This part of the limit at the beginning of each window.
    AtOnce(f64),
    /// This part of the limit, evenly over each window.
    Evenly(f64),
}

impl Default for Counting {
    fn default() -> Counting {
        Counting {
            requests: 100,
            per: Duration::from_secs(1),
            answer: Duration::from_millis(80),
            ahead_ms: 0,
            others: Others::Nobody,
        }
    }
}

/// What came to one window.
#[derive(Debug, Clone, Copy, Default)]
pub struct Window {
    pub admitted: u32,
    pub refused: u32,
}

#[derive(Default)]
struct Seen {
    windows: BTreeMap<i64, Window>,
    first: Option<Instant>,
    last: Option<Instant>,
}

/// A running service.
pub struct Counter {
    pub address: SocketAddr,
    counting: Counting,
    seen: Arc<Mutex<Seen>>,
    _runtime: tokio::runtime::Runtime,
}

impl Counter {
    pub fn start(counting: Counting) -> Counter {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, counting, Arc::clone(&shared)));
            }
        });
        Counter { address, counting, seen, _runtime: runtime }
    }

    /// Each window in which something came, in their order.
    pub fn windows(&self) -> Vec<Window> {
        self.seen.lock().unwrap().windows.values().copied().collect()
    }

    pub fn refused(&self) -> u32 {
        self.windows().iter().map(|window| window.refused).sum()
    }

    /// What was admitted between the first and the last request, as a part of what the limit allows.
    pub fn used(&self) -> f64 {
        let admitted: u32 = self.windows().iter().map(|window| window.admitted).sum();
        let seen = self.seen.lock().unwrap();
        let (first, last) = seen.first.zip(seen.last).unwrap();
        let allowed = (last - first).div_duration_f64(self.counting.per) * f64::from(self.counting.requests);
        f64::from(admitted - 1) / allowed
    }
}

async fn serve(socket: TcpStream, counting: Counting, seen: Arc<Mutex<Seen>>) {
    socket.set_nodelay(true).unwrap();
    let mut socket = BufReader::new(socket);
    while read(&mut socket).await.is_some() {
        let answer = count(counting, &mut seen.lock().unwrap());
        tokio::time::sleep(counting.answer).await;
        if socket.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Reads one request to its end; `None` when the other side closed.
async fn read(socket: &mut BufReader<TcpStream>) -> Option<()> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if let Some(stated) = line.strip_prefix("content-length: ") {
            length = stated.trim().parse().unwrap();
        }
        if line == "\r\n" {
            let mut body = vec![0; length];
            return socket.read_exact(&mut body).await.ok().map(drop);
        }
    }
}

fn count(counting: Counting, seen: &mut Seen) -> String {
    let (now, since_epoch) = (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap());
    let now_ms = since_epoch.as_millis() as i64 + counting.ahead_ms;
    let per_ms = counting.per.as_millis() as i64;
    let window = seen.windows.entry(now_ms.div_euclid(per_ms)).or_default();
    let limit = f64::from(counting.requests);
    let others = match counting.others {
        Others::Nobody => 0.0,
        Others::AtOnce(part) => part * limit,
        Others::Evenly(part) => part * limit * now_ms.rem_euclid(per_ms) as f64 / per_ms as f64,
    };
    let left = counting.requests.saturating_sub(others as u32 + window.admitted);
    let is_admitted = left > 0;
    if is_admitted {
        window.admitted += 1;
        seen.first.get_or_insert(now);
        seen.last = Some(now);
    } else {
        window.refused += 1;
    }
    let ends_ms = (now_ms.div_euclid(per_ms) + 1) * per_ms;
    let date = Timestamp::from_millisecond(now_ms).unwrap();
    let (status, body) = match is_admitted {
        true => ("201 Created", r#"{"message":"success"}"#),
        false => ("429 Too Many Requests", r#"{"message":"Rate limit exceeded"}"#),
    };
    format!(
        "HTTP/1.1 {status}\r\ndate: {}\r\nx-ratelimit-limit: {}\r\nx-ratelimit-remaining: {}\r\n\
         x-ratelimit-reset: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        DateTimePrinter::new().timestamp_to_rfc9110_string(&date).unwrap(),
        counting.requests,
        left.saturating_sub(1),
        ends_ms.div_euclid(1000),
        body.len(),
    )
}
