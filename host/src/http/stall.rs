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
use tokio::time::{Sleep, sleep};

/// Whether a request is in work, or its connection waits for the next one.
#[derive(Clone, Default)]
pub struct Busy(Arc<AtomicBool>);

impl Busy {
    /// Says which.
    pub fn set(&self, busy: bool) {
        self.0.store(busy, Ordering::Relaxed);
    }
}

/// A TCP stream that fails where its client stalls.
pub struct StallBound {
    stream: TcpStream,
    stall_max: Duration,
    head_max: Duration,
    busy: Busy,
    /// Runs from the first write that had to wait until one gets through.
    alarm: Option<Pin<Box<Sleep>>>,
    /// Runs from the beginning, or from a request's first byte, until the request is in work.
    head: Option<Pin<Box<Sleep>>>,
}

impl StallBound {
    /// Bounds how long a write may wait for the client, and how long a head may take.
    pub fn new(stream: TcpStream, stall_max: Duration, head_max: Duration, busy: Busy) -> Self {
        let head = Some(Box::pin(sleep(head_max)));
        Self { stream, stall_max, head_max, busy, alarm: None, head }
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
        let stall_max = self.stall_max;
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
        let this = &mut *self;
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if this.busy.0.load(Ordering::Relaxed) {
            this.head = None;
        } else if read.is_ready() {
            let head_max = this.head_max;
            this.head.get_or_insert_with(|| Box::pin(sleep(head_max)));
        } else if let Some(head) = &mut this.head {
            ready!(head.as_mut().poll(context));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the head did not come in time")));
        }
        read
    }
}

impl AsyncWrite for StallBound {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.bounded(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        blocks: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.bounded(context, |stream, context| stream.poll_write_vectored(context, blocks))
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
