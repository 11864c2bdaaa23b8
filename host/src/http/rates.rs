//! How many requests a second each client may send.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use contract::digest::Digest;
use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

/// How many clients are remembered before those that have been quiet are forgotten.
const CLIENTS_MAX: usize = 10_000;

/// Who sends requests: whose token it is, or where no tokens are asked for, from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Client {
    /// The holder of a token.
    Token(Digest),
    /// An address.
    Address(IpAddr),
}

/// A bound on each client's requests.
pub struct Rates(RateLimiter<Client, HashMapStateStore<Client>, DefaultClock>);

impl Rates {
    /// Bounds each client to so many a second, which may come at once; none where that is 0.
    pub fn new(per_second: u32) -> Option<Self> {
        NonZeroU32::new(per_second).map(|per_second| Self(RateLimiter::hashmap(Quota::per_second(per_second))))
    }

    /// Counts a request.
    ///
    /// # Errors
    /// How long to wait, where it is one too many.
    pub fn count(&self, client: Client) -> Result<(), Duration> {
        if self.0.len() > CLIENTS_MAX {
            self.0.retain_recent();
        }
        self.0.check_key(&client).map_err(|early| early.wait_time_from(self.0.clock().now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_a_bound_of_its_own() {
        let rates = Rates::new(3).expect("a bound");
        let one = Client::Address("127.0.0.1".parse().expect("an address"));
        let other = Client::Token(Digest::of(b"a token"));
        let counted: Vec<_> = (0..5).map(|_| rates.count(one).is_ok()).collect();
        assert_eq!(counted, [true, true, true, false, false]);
        let wait = rates.count(one).expect_err("too many");
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
        assert!(rates.count(other).is_ok());
        assert!(Rates::new(0).is_none());
    }

    #[test]
    fn quiet_clients_are_forgotten() {
        let rates = Rates::new(1_000_000).expect("a bound");
        for number in 0..40_000_u32 {
            rates.count(Client::Address(IpAddr::from(number.to_be_bytes()))).expect("the first of its kind");
        }
        assert!(rates.0.len() <= CLIENTS_MAX + 1, "{}", rates.0.len());
    }
}
