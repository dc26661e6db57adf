//! Connections from outside: so many at once, none of them slow for long.
//!
//! A caller has a few seconds to send the head of a request and to take an answer in; between requests
//! a connection may rest a little longer. While a request is being answered its handler keeps the time.
//! Where all places are taken, new connections wait in the system's queue until one is free.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// How long callers may take, and how many there may be.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Connections at once: far below what a process may open, and enough for a burst of callers.
    pub connections: usize,
    /// From the first moment a request is awaited to the end of its head, on a new connection.
    pub head: Duration,
    /// The same on a connection that had a request before.
    pub rest: Duration,
    /// The longest pause inside a body.
    pub body: Duration,
    /// Until the system takes more of an answer.
    pub write: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            connections: 512,
            head: Duration::from_secs(10),
            rest: Duration::from_secs(30),
            body: Duration::from_secs(10),
            write: Duration::from_secs(10),
        }
    }
}

/// Takes connections of an address.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
    places: Arc<Semaphore>,
    patience: Patience,
}

impl Listening {
    /// Listens from now on; connections are taken once [`answer`] is called.
    pub async fn bind(address: SocketAddr, patience: Patience) -> io::Result<Listening> {
        let listener = TcpListener::bind(address).await?;
        Ok(Listening { listener, places: Arc::new(Semaphore::new(patience.connections)), patience })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Answers requests until `stop`; then lets those under way end, and ends.
pub async fn answer(listening: Listening, router: Router, stop: CancellationToken) -> io::Result<()> {
    let service = router.layer(middleware::from_fn(keep_time)).into_make_service_with_connect_info::<Line>();
    axum::serve(listening, service).with_graceful_shutdown(stop.cancelled_owned()).await
}

/// While a request is being answered, the connection itself is in no hurry.
async fn keep_time(request: Request, next: Next) -> Response {
    let line = request.extensions().get::<ConnectInfo<Line>>().map(|info| info.0.clone());
    if let Some(line) = &line {
        line.is_answering();
    }
    let response = next.run(request).await;
    if let Some(line) = &line {
        line.is_awaited();
    }
    response
}

impl Listener for Listening {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // Nobody closes the semaphore; without a place the connection would only not be counted.
        let place = self.places.clone().acquire_owned().await.ok();
        let (stream, peer) = Listener::accept(&mut self.listener).await;
        // Answers are small and each is awaited; holding them back for more would only add delay.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection could not switch off delayed sending");
        }
        let line = Line::new(peer, self.patience);
        let connection = Connection { stream, line, read_by: None, write_by: None, _place: place };
        (connection, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// What a handler knows of its connection.
#[derive(Debug, Clone)]
pub struct Line {
    /// Whoever is at the other end: the caller or a proxy.
    pub peer: SocketAddr,
    patience: Patience,
    began: Instant,
    /// Milliseconds after `began` until which a head must be here; 0 while a request is answered.
    head_by_ms: Arc<AtomicU64>,
}

impl Connected<IncomingStream<'_, Listening>> for Line {
    fn connect_info(incoming: IncomingStream<'_, Listening>) -> Line {
        incoming.io().line.clone()
    }
}

impl Line {
    fn new(peer: SocketAddr, patience: Patience) -> Line {
        let line = Line { peer, patience, began: Instant::now(), head_by_ms: Arc::default() };
        line.await_for(patience.head);
        line
    }

    fn await_for(&self, most: Duration) {
        let by = u64::try_from((self.began.elapsed() + most).as_millis()).unwrap_or(u64::MAX);
        self.head_by_ms.store(by.max(1), Ordering::SeqCst);
    }

    fn is_answering(&self) {
        self.head_by_ms.store(0, Ordering::SeqCst);
    }

    fn is_awaited(&self) {
        self.await_for(self.patience.rest);
    }

    fn head_by(&self) -> Option<Instant> {
        match self.head_by_ms.load(Ordering::SeqCst) {
            0 => None,
            by_ms => Some(self.began + Duration::from_millis(by_ms)),
        }
    }
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    line: Line,
    read_by: Option<Pin<Box<Sleep>>>,
    write_by: Option<Pin<Box<Sleep>>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Connection {
    /// Whether a moment has passed; if not, the task wakes when it has.
    fn is_over(timer: &mut Option<Pin<Box<Sleep>>>, by: Instant, context: &mut Context<'_>) -> bool {
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(by)));
        if timer.deadline() != by {
            timer.as_mut().reset(by);
        }
        timer.as_mut().poll(context).is_ready()
    }

    fn written<T>(&mut self, done: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.write_by = None;
            // An answer is out. Whoever reads may already be waiting for the next request without a time
            // in mind; this wakes it when there is one.
            if let Some(by) = self.line.head_by() {
                Connection::is_over(&mut self.read_by, by, context);
            }
            return done;
        }
        let by = self
            .write_by
            .as_ref()
            .map_or_else(|| Instant::now() + self.line.patience.write, |timer| timer.deadline());
        match Connection::is_over(&mut self.write_by, by, context) {
            true => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            false => Poll::Pending,
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        // Looked at first: a caller that sends a byte now and then is slow, too.
        if let Some(by) = this.line.head_by()
            && Connection::is_over(&mut this.read_by, by, context)
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut this.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(done, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_flush(context);
        self.written(done, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(done, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
