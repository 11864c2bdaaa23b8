//! Draws from the compact tables of [`super::tables`].

use rand::Rng;

/// What a table draws and how often, in any unit.
pub type Weighted<T> = [(T, f64)];

/// Draws an entry with the probability of its weight.
pub fn pick<T: Copy>(rng: &mut impl Rng, table: &Weighted<T>) -> T {
    let total: f64 = table.iter().map(|(_, weight)| weight).sum();
    let mut left = rng.random::<f64>() * total;
    for &(value, weight) in table {
        left -= weight;
        if left < 0.0 {
            return value;
        }
    }
    // Rounding may leave a crumb after the last entry.
    table[table.len() - 1].0
}

/// Draws from a distribution given by its quantiles `(share below, value)`, straight lines between.
pub fn quantile(rng: &mut impl Rng, table: &[(f64, f64)]) -> f64 {
    let share: f64 = rng.random();
    let above = table.partition_point(|(below, _)| *below <= share).clamp(1, table.len() - 1);
    let ((low, from), (high, to)) = (table[above - 1], table[above]);
    from + (to - from) * (share - low) / (high - low)
}

/// Draws from an exponential distribution.
pub fn exponential(rng: &mut impl Rng, mean: f64) -> f64 {
    // 1 - [0, 1) excludes zero, whose logarithm is infinite; libm's logarithm is the same on every machine.
    -mean * libm::log(1.0 - rng.random::<f64>())
}

/// Draws a yes with the given probability.
pub fn chance(rng: &mut impl Rng, probability: f64) -> bool {
    rng.random::<f64>() < probability
}
