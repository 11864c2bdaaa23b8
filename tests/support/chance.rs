//! Chance that can be had again: seeded, and the seed printed.

use std::process::{Command, ExitStatus};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// A seeded source of random moments.
pub struct Chance {
    random: StdRng,
}

impl Chance {
    /// Takes the seed that `COUNTERSIGN_SEED` names, or 1, and prints it.
    pub fn seeded() -> Self {
        let seed = std::env::var("COUNTERSIGN_SEED").ok().map_or(1, |seed| seed.parse().expect("a whole number"));
        #[expect(clippy::print_stdout, reason = "a test that fails is repeated with its seed")]
        {
            println!("COUNTERSIGN_SEED={seed}");
        }
        Self { random: StdRng::seed_from_u64(seed) }
    }

    /// Gives another source, whose seed comes from this one: one for each thread.
    pub fn child(&mut self) -> Self {
        Self { random: StdRng::seed_from_u64(self.random.random()) }
    }

    /// Gives a moment from 0 on, up to this long.
    pub fn moment(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.random.random())
    }

    /// Gives a number below this one.
    pub fn below(&mut self, bound: usize) -> usize {
        self.random.random_range(0..bound)
    }

    /// Runs a process and kills it outright after a random moment; it may have ended by itself by then.
    pub fn kill(&mut self, command: &mut Command, longest: Duration) -> ExitStatus {
        let mut process = command.spawn().expect("the binary runs");
        std::thread::sleep(self.moment(longest));
        process.kill().expect("a child can be killed until it is waited for");
        process.wait().expect("a killed process ends")
    }
}
