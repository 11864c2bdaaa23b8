//! How a version fares in service: how many of its last calls failed, and whether that is too many.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::engine::ScoreError;

/// From where on a version is taken out of service by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FailureLimits {
    /// How many of the last calls are looked at.
    pub window_calls: u64,
    /// The fewest failures among them that count: one trap is no trend.
    pub failures_min: u64,
    /// The share of them that may fail.
    pub share_max: f64,
}

impl Default for FailureLimits {
    fn default() -> Self {
        Self { window_calls: 200, failures_min: 5, share_max: 0.05 }
    }
}

/// The calls of one version. A call that succeeds costs one addition; only a failure takes the lock.
pub(super) struct Health {
    limits: FailureLimits,
    calls: AtomicU64,
    failures: AtomicU64,
    /// The numbers of the last calls that failed, oldest first; at most as many as the window has calls.
    recent: Mutex<VecDeque<u64>>,
    /// Whether the alarm has been heard, so that it rings once.
    heard: AtomicBool,
    alarm: Alarm,
}

/// Tells the registry that a version fails; false where it could not be told just now.
pub(super) type Alarm = Box<dyn Fn(String) -> bool + Send + Sync>;

impl Health {
    pub(super) fn new(limits: FailureLimits, alarm: Alarm) -> Self {
        Self {
            limits,
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            recent: Mutex::default(),
            heard: AtomicBool::new(false),
            alarm,
        }
    }

    /// Gives how many calls there were, and how many of them failed.
    pub(super) fn figures(&self) -> (u64, u64) {
        (self.calls.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed))
    }

    /// Begins anew: what failed before does not count, and the alarm may ring again.
    pub(super) fn forgive(&self) {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.heard.store(false, Ordering::Release);
    }

    /// Counts a call.
    pub(super) fn called<T>(&self, outcome: &Result<T, ScoreError>) {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = outcome
            && blames_the_model(error)
        {
            self.failed(call, error);
        }
    }

    #[cold]
    fn failed(&self, call: u64, error: &ScoreError) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.push_back(call);
        let first = call.saturating_sub(self.limits.window_calls - 1);
        recent.retain(|&number| number >= first);
        let (failed, calls) = (recent.len() as u64, (call + 1).min(self.limits.window_calls));
        drop(recent);
        let too_many = failed >= self.limits.failures_min && failed as f64 > self.limits.share_max * calls as f64;
        if too_many && !self.heard.swap(true, Ordering::AcqRel) {
            let said = format!("{failed} of its last {calls} calls failed, the last one since {error}");
            if !(self.alarm)(said) {
                self.heard.store(false, Ordering::Release);
            }
        }
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (calls, failures) = self.figures();
        write!(f, "Health({failures} of {calls} failed)")
    }
}

/// What the caller sent, or a host without memory for another instance, says nothing about the model.
fn blames_the_model(error: &ScoreError) -> bool {
    !matches!(error, ScoreError::RowWidth { .. } | ScoreError::TooManyRows { .. } | ScoreError::Instance(_))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const TRAP: Result<(), ScoreError> = Err(ScoreError::OutputNotFinite { row: 0 });

    /// Makes the calls, of which those that `fails` tells fail; gives at which calls the alarm rang.
    fn rings(calls: u64, fails: impl Fn(u64) -> bool) -> Vec<u64> {
        let rung = Arc::new(Mutex::new(Vec::new()));
        let (bell, now) = (Arc::clone(&rung), Arc::new(AtomicU64::new(0)));
        let clock = Arc::clone(&now);
        let alarm = Box::new(move |_| {
            bell.lock().expect("no panic").push(clock.load(Ordering::Relaxed));
            true
        });
        let health = Health::new(FailureLimits { window_calls: 100, failures_min: 5, share_max: 0.1 }, alarm);
        for call in 0..calls {
            now.store(call, Ordering::Relaxed);
            health.called(&if fails(call) { TRAP } else { Ok(()) });
        }
        drop(health);
        let rung = rung.lock().expect("no panic");
        rung.clone()
    }

    #[test]
    fn the_alarm_rings_once_past_the_rate() {
        let none: [u64; 0] = [];
        assert_eq!(rings(1000, |_| false), none);
        assert_eq!(rings(1000, |_| true), [4], "five failures at the least");
        assert_eq!(rings(4, |_| true), none);
        assert_eq!(rings(1000, |call| call % 10 == 9), none, "at the rate");
        assert_eq!(rings(1000, |call| call % 9 == 8), [44], "past it");
        assert_eq!(rings(1000, |call| call >= 500), [510], "what was fine long ago does not count");
        assert_eq!(rings(5000, |call| call % 1000 < 4), none, "a few at a time, far apart");
    }

    #[test]
    fn what_the_caller_did_is_not_the_models_fault() {
        let health = Health::new(FailureLimits::default(), Box::new(|_| panic!("nothing to ring for")));
        for _ in 0..100 {
            health.called::<()>(&Err(ScoreError::RowWidth { values: 1, width: 2 }));
            health.called::<()>(&Err(ScoreError::Instance("no memory".to_owned())));
        }
        assert_eq!(health.figures(), (200, 0));
    }

    #[test]
    fn an_alarm_that_nobody_heard_rings_again() {
        let rung = Arc::new(AtomicU64::new(0));
        let bell = Arc::clone(&rung);
        let alarm = Box::new(move |_| bell.fetch_add(1, Ordering::Relaxed) == 2);
        let health = Health::new(FailureLimits { window_calls: 10, failures_min: 1, share_max: 0.5 }, alarm);
        for _ in 0..10 {
            health.called(&TRAP);
        }
        assert_eq!(rung.load(Ordering::Relaxed), 3);
    }
}
