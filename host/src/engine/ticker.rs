//! The clock that deadlines count by: a thread that raises the epoch each millisecond while calls are running.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// One tick. The guest compares a counter at loop heads and function entries; a tick costs it nothing.
const TICK: Duration = Duration::from_millis(1);
/// The ticks without a call after which the thread sleeps until the next one. Waking it costs that call some
/// microseconds, at most ten times a second; ticking for nobody would cost 2 % of a core.
const IDLE_TICKS: u32 = 100;

/// The owner of the thread; its end joins it.
pub(super) struct Ticker {
    clock: Arc<Clock>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and the callers share.
#[derive(Default)]
struct Clock {
    /// The calls that want ticks.
    running: AtomicUsize,
    /// Whether the thread sleeps until it is woken. Whoever clears it wakes it.
    parked: AtomicBool,
    stop: AtomicBool,
}

/// A call that wants ticks, until it is dropped.
pub(super) struct Running<'a>(&'a Clock);

impl Ticker {
    /// Starts ticking.
    pub(super) fn start(engine: &wasmtime::Engine) -> io::Result<Self> {
        let clock = Arc::new(Clock::default());
        let (engine, shared) = (engine.clone(), Arc::clone(&clock));
        let work = move || shared.tick(|| engine.increment_epoch());
        let thread = thread::Builder::new().name("epoch-ticker".to_owned()).spawn(work)?;
        Ok(Self { clock, thread: Some(thread) })
    }

    /// Sees to it that time passes until the answer is dropped. It costs a call some 10 ns.
    pub(super) fn running(&self) -> Running<'_> {
        // The caller counts itself and then looks for a sleeper, the sleeper says so and then looks for callers: in the
        // one order that there is of all four, one of them sees the other.
        self.clock.running.fetch_add(1, Ordering::SeqCst);
        if self.clock.parked.load(Ordering::SeqCst) {
            self.wake();
        }
        Running(&self.clock)
    }

    /// Tells whether the thread sleeps until the next call.
    #[cfg(test)]
    pub(super) fn is_parked(&self) -> bool {
        self.clock.parked.load(Ordering::SeqCst)
    }

    #[cold]
    fn wake(&self) {
        if let Some(thread) = &self.thread
            && self.clock.parked.swap(false, Ordering::SeqCst)
        {
            thread.thread().unpark();
        }
    }
}

impl Clock {
    fn tick(&self, raise_epoch: impl Fn()) {
        let mut idle = 0;
        while !self.stop.load(Ordering::SeqCst) {
            // One tick for each wake-up, however late: on a starved machine a deadline comes later, never early. A sleep,
            // since a wake-up that was meant for the last parking would cut a parking short.
            thread::sleep(TICK);
            raise_epoch();
            idle = if self.running.load(Ordering::Relaxed) == 0 { idle + 1 } else { 0 };
            if idle == IDLE_TICKS {
                self.park();
                idle = 0;
            }
        }
    }

    /// Sleeps until there is a call, or the end.
    fn park(&self) {
        self.parked.store(true, Ordering::SeqCst);
        let alone = || self.running.load(Ordering::SeqCst) == 0 && !self.stop.load(Ordering::SeqCst);
        while alone() && self.parked.load(Ordering::SeqCst) {
            thread::park();
        }
        self.parked.store(false, Ordering::SeqCst);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.clock.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic there has been reported by its own thread already.
            let _ = thread.join();
        }
    }
}
