//! Scores in their order, ready to be measured under any count of each user.

use crate::train::bins::Bins;
use crate::train::metrics::negative_log_likelihood;

/// The figures that intervals are drawn for, by their names in the card.
pub const FIGURES: [&str; 9] =
    ["roc_auc", "gini", "pr_auc", "ks", "log_loss", "brier", "calibration_error", "precision", "recall"];

/// The values of [`FIGURES`], NaN where one is undefined.
pub type Figures = [f64; FIGURES.len()];

/// The users of rows, numbered from 0 in the order of their ids.
pub struct Users {
    /// Each row's user.
    of_row: Vec<u32>,
    /// How many there are.
    pub count: usize,
}

impl Users {
    /// Numbers the users of rows.
    pub fn new(entities: &[i64]) -> Self {
        let mut ids = entities.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let number = |id: &i64| ids.partition_point(|other| other < id) as u32;
        Self { of_row: entities.iter().map(number).collect(), count: ids.len() }
    }
}

/// Rows from the lowest score to the highest, and what can be summed user by user.
pub struct Ranked {
    rows: Vec<Row>,
    users: Vec<Sums>,
}

struct Row {
    score: f64,
    user: u32,
    label: u8,
    /// Whether the next row has a higher score, or there is none.
    last_of_equals: bool,
}

/// Sums over the rows of a user, or of a draw.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    rows: f64,
    positives: f64,
    log_loss: f64,
    squares: f64,
    decided_positive: f64,
    rightly: f64,
}

impl Ranked {
    /// Sorts the rows and sums them up by user.
    pub fn new(scores: &[f64], labels: &[u8], users: &Users, threshold: f64) -> Self {
        let mut rows = Vec::with_capacity(scores.len());
        let mut sums = vec![Sums::default(); users.count];
        for ((&score, &label), &user) in scores.iter().zip(labels).zip(&users.of_row) {
            rows.push(Row { score, user, label, last_of_equals: true });
            sums[user as usize].add_row(score, label, threshold);
        }
        rows.sort_by(|a, b| a.score.total_cmp(&b.score));
        for place in 1..rows.len() {
            rows[place - 1].last_of_equals = rows[place - 1].score != rows[place].score;
        }
        Self { rows, users: sums }
    }

    /// Measures the sample in which each user stands as often as `counts` says.
    ///
    /// Rows are counted in whole numbers, and the one division that every score would take is left to the end: this loop
    /// runs over all rows once a draw, and is what intervals cost.
    pub fn figures(&self, counts: &[u32]) -> Figures {
        let mut all = Sums::default();
        self.users.iter().zip(counts).for_each(|(sums, &count)| all.add(sums, f64::from(count)));
        let (rows, positives) = (all.rows as u64, all.positives as u64);
        let negatives = rows - positives;

        let mut bins = Bins::new(rows);
        let (mut pairs_won_twice, mut precision, mut distance) = (0_u64, 0.0, 0_u64);
        // Rows below the score at hand, and at it; of them, positive ones.
        let (mut below, mut positives_below, mut at, mut positives_at) = (0, 0, 0, 0);
        for row in &self.rows {
            let count = u64::from(counts[row.user as usize]);
            at += count;
            positives_at += count * u64::from(row.label);
            if row.last_of_equals && at > 0 {
                bins.add(row.score, positives_at, at);
                let (true_positives, decided) = (positives - positives_below, rows - below);
                if positives_at > 0 {
                    // A tie between the classes counts as half won.
                    pairs_won_twice += positives_at * (2 * (below - positives_below) + at - positives_at);
                    precision += positives_at as f64 * true_positives as f64 / decided as f64;
                }
                let (rates, others) = (true_positives * negatives, (decided - true_positives) * positives);
                distance = distance.max(rates.abs_diff(others));
                (below, positives_below, at, positives_at) = (below + at, positives_below + positives_at, 0, 0);
            }
        }
        // Not a number where a class is absent, and so is what is divided by it.
        let pairs = if positives > 0 && negatives > 0 { (positives * negatives) as f64 } else { f64::NAN };
        let roc_auc = pairs_won_twice as f64 / 2.0 / pairs;
        [
            roc_auc,
            2.0 * roc_auc - 1.0,
            precision * negatives as f64 / pairs,
            distance as f64 / pairs,
            all.log_loss / all.rows,
            all.squares / all.rows,
            bins.error(),
            all.rightly / all.decided_positive,
            all.rightly / all.positives,
        ]
    }
}

impl Sums {
    fn add_row(&mut self, score: f64, label: u8, threshold: f64) {
        let (outcome, decided) = (f64::from(label), f64::from(u8::from(score >= threshold)));
        self.rows += 1.0;
        self.positives += outcome;
        self.log_loss += negative_log_likelihood(score, label);
        self.squares += (score - outcome).powi(2);
        self.decided_positive += decided;
        self.rightly += decided * outcome;
    }

    fn add(&mut self, other: &Self, count: f64) {
        self.rows += count * other.rows;
        self.positives += count * other.positives;
        self.log_loss += count * other.log_loss;
        self.squares += count * other.squares;
        self.decided_positive += count * other.decided_positive;
        self.rightly += count * other.rightly;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::metrics::measure;

    #[test]
    fn a_draw_is_measured_as_if_its_rows_were_copied_out() {
        let scores = [0.9, 0.8, 0.6, 0.4, 0.4, 0.4, 0.3, 0.1, 0.85, 0.2, 0.55, 0.05];
        let labels = [1, 0, 1, 1, 0, 1, 0, 0, 0, 0, 1, 0];
        let entities = [7, 7, 3, 3, 3, 9, 9, 7, 12, 12, 15, 15];
        let users = Users::new(&entities);
        let ranked = Ranked::new(&scores, &labels, &users, 0.5);
        for counts in [[1, 1, 1, 1, 1], [2, 0, 3, 1, 0], [0, 5, 0, 0, 1], [1, 0, 4, 2, 7]] {
            let copies = || (0..scores.len()).flat_map(|row| vec![row; counts[users.of_row[row] as usize] as usize]);
            let copied_scores: Vec<f64> = copies().map(|row| scores[row]).collect();
            let copied_labels: Vec<u8> = copies().map(|row| labels[row]).collect();
            let wanted = measure(&copied_scores, &copied_labels, 0.5);
            let wanted = [
                wanted.roc_auc,
                wanted.gini,
                wanted.pr_auc,
                wanted.ks,
                Some(wanted.log_loss),
                Some(wanted.brier),
                Some(wanted.calibration_error),
                wanted.precision,
                wanted.recall,
            ];
            let found = ranked.figures(&counts.map(|count| count as u32));
            for ((name, found), wanted) in FIGURES.iter().zip(found).zip(wanted) {
                let wanted = wanted.unwrap_or(f64::NAN);
                assert!((found - wanted).abs() < 1e-12, "{name} under {counts:?}: {found}, measured {wanted}");
            }
        }
    }

    #[test]
    fn what_a_draw_does_not_define_is_not_a_number() {
        let users = Users::new(&[1, 2]);
        let ranked = Ranked::new(&[0.9, 0.1], &[1, 0], &users, 0.5);
        let found = ranked.figures(&[0, 2]);
        let undefined = FIGURES.iter().zip(found).filter(|(_, value)| value.is_nan()).map(|(name, _)| *name);
        assert_eq!(undefined.collect::<Vec<_>>(), ["roc_auc", "gini", "pr_auc", "ks", "precision", "recall"]);
    }
}
