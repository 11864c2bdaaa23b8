//! A stream that gives up on clients that only hold their place: those who do not read their answer, and those who do not finish
//! the head of their request. hyper bounds the wait for a head together with the time between requests, of which the one
//! should be short and the other long, and bounds no write.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// Whether a request is in work, or its connection waits for the next one.
#[derive(Clone, Default)]
pub struct Busy(Arc<AtomicBool>);

impl Busy {
    /// Says which.
    pub fn set(&self, busy: bool) {
        self.0.store(busy, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq)]
enum Wait {
    /// The rest of a head, since then.
    Head(Instant),
    /// The first byte of the next request, since then.
    Idle(Instant),
    /// Nothing: a request is in work.
    Nothing,
}

/// How long a client may take.
#[derive(Clone, Copy)]
pub struct Patience {
    /// From the beginning, or from a request's first byte, to the end of its head.
    pub head: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// For a write to get through.
    pub write: Duration,
}

/// A TCP stream that fails where its client stalls.
pub struct StallBound {
    stream: TcpStream,
    patience: Patience,
    busy: Busy,
    wait: Wait,
    /// Wakes a few times in the time of a head to look how long the client has been waited for: setting a timer anew for every
    /// request would take longer than parsing it.
    watch: Pin<Box<Sleep>>,
    /// Runs from the first write that had to wait until one gets through.
    alarm: Option<Pin<Box<Sleep>>>,
}

/// How many looks there are in the time of a head.
const LOOKS: u32 = 5;

impl StallBound {
    /// Bounds how long the client may take.
    pub fn new(stream: TcpStream, patience: Patience, busy: Busy) -> Self {
        let watch = Box::pin(sleep(patience.head / LOOKS));
        Self { stream, patience, busy, wait: Wait::Head(Instant::now()), watch, alarm: None }
    }

    /// Notes what is waited for now that a read gave something or nothing.
    fn note(&mut self, read: bool) {
        self.wait = match self.wait {
            _ if self.busy.get() => Wait::Nothing,
            Wait::Nothing | Wait::Idle(_) if read => Wait::Head(Instant::now()),
            Wait::Nothing => Wait::Idle(Instant::now()),
            waiting => waiting,
        };
    }

    /// Looks whether the client has been waited for too long; ready where it has.
    fn overdue(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.watch.as_mut().poll(context));
            let too_long = match self.wait {
                Wait::Head(since) => since.elapsed() >= self.patience.head,
                Wait::Idle(since) => since.elapsed() >= self.patience.idle,
                Wait::Nothing => false,
            };
            if too_long {
                return Poll::Ready(());
            }
            let next = Instant::now() + self.patience.head.min(self.patience.idle) / LOOKS;
            self.watch.as_mut().reset(next);
        }
    }

    /// Notes that the client takes its answer: that is no idling, however long it lasts.
    fn taken(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let (Poll::Ready(Ok(_)), Wait::Idle(since)) = (&written, &mut self.wait) {
            *since = Instant::now();
        }
        written
    }

    fn bounded<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(done) = write(Pin::new(&mut self.stream), context) {
            self.alarm = None;
            return Poll::Ready(done);
        }
        let stall_max = self.patience.write;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(stall_max)));
        ready!(alarm.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its answer")))
    }
}

impl AsyncRead for StallBound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.note(read.is_ready());
        if read.is_pending() && self.overdue(context).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the request did not come in time")));
        }
        read
    }
}

impl AsyncWrite for StallBound {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.bounded(context, |stream, context| stream.poll_write(context, bytes));
        self.taken(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        blocks: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.bounded(context, |stream, context| stream.poll_write_vectored(context, blocks));
        self.taken(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.bounded(context, |stream, context| stream.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.bounded(context, |stream, context| stream.poll_shutdown(context))
    }
}
