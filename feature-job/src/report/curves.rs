//! The points of the plots, from scores and labels.

/// The most points of a curve: more than a plot has pixels to tell apart.
const POINTS_MAX: usize = 400;
/// Bins of the calibration plot, of equal size.
const CALIBRATION_BINS: usize = 10;

/// Scores with their outcomes, from the highest down, in steps of equal score.
pub struct Curves {
    pairs: Vec<(f64, u8)>,
    /// Declined and unpaid, declined and paid, if the threshold is at each distinct score.
    steps: Vec<[u64; 2]>,
    positives: u64,
    negatives: u64,
}

impl Curves {
    /// Sorts the scores.
    pub fn new(scores: &[f64], labels: &[u8]) -> Self {
        let mut pairs: Vec<(f64, u8)> = scores.iter().copied().zip(labels.iter().copied()).collect();
        pairs.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let (mut steps, mut positives, mut negatives) = (Vec::new(), 0, 0);
        for equal in pairs.chunk_by(|a, b| a.0 == b.0) {
            let positive = equal.iter().filter(|(_, label)| *label == 1).count() as u64;
            positives += positive;
            negatives += equal.len() as u64 - positive;
            steps.push([positives, negatives]);
        }
        Self { pairs, steps, positives, negatives }
    }

    /// Gives the share of positives.
    pub fn base(&self) -> f64 {
        self.positives as f64 / self.pairs.len().max(1) as f64
    }

    /// Gives false positive rate and recall, from (0, 0) to (1, 1).
    pub fn roc(&self) -> Vec<(f64, f64)> {
        let point = |[right, wrong]: &[u64; 2]| (share(*wrong, self.negatives), share(*right, self.positives));
        thinned(std::iter::once((0.0, 0.0)).chain(self.steps.iter().map(point)).collect())
    }

    /// Gives recall and precision, from the lowest recall above 0 on.
    pub fn precision_recall(&self) -> Vec<(f64, f64)> {
        let caught = self.steps.iter().filter(|[right, _]| *right > 0);
        thinned(caught.map(|[right, wrong]| (share(*right, self.positives), share(*right, right + wrong))).collect())
    }

    /// Gives mean score and share of positives in bins of equal size, from the lowest scores up.
    ///
    /// Rows of equal scores cannot be told apart: each counts as the share of positives among them, so that it does not matter
    /// where the end of a bin cuts such a group.
    pub fn calibration(&self) -> Vec<(f64, f64)> {
        let mut rising = Vec::with_capacity(self.pairs.len());
        for equal in self.pairs.chunk_by(|a, b| a.0 == b.0) {
            let positives = equal.iter().filter(|(_, label)| *label == 1).count();
            rising.extend(std::iter::repeat_n((equal[0].0, positives as f64 / equal.len() as f64), equal.len()));
        }
        rising.reverse();
        let bins = CALIBRATION_BINS.min(rising.len());
        let point = |bin: usize| {
            let part = &rising[rising.len() * bin / bins..rising.len() * (bin + 1) / bins];
            let mean = |of: fn(&(f64, f64)) -> f64| part.iter().map(of).sum::<f64>() / part.len() as f64;
            (mean(|pair| pair.0), mean(|pair| pair.1))
        };
        (0..bins).map(point).collect()
    }

    /// Gives the score that this share of the rows lie at or below.
    pub fn quantile(&self, share: f64) -> f64 {
        let last = self.pairs.len().saturating_sub(1);
        let place = last - (last as f64 * share) as usize;
        self.pairs.get(place).map_or(0.0, |pair| pair.0)
    }

    /// Gives, for each of `bins` between 0 and `highest`, the share of the rows of this label in it; higher scores count to the
    /// last bin.
    pub fn distribution(&self, label: u8, bins: usize, highest: f64) -> Vec<f64> {
        let mut counts = vec![0_u64; bins];
        let of_label = self.pairs.iter().filter(|pair| pair.1 == label);
        for (score, _) in of_label {
            counts[((score / highest * bins as f64) as usize).min(bins - 1)] += 1;
        }
        let whole = counts.iter().sum();
        counts.into_iter().map(|count| share(count, whole)).collect()
    }
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// Keeps points spread evenly, the first and the last among them.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if points.len() <= POINTS_MAX {
        return points;
    }
    let last = points.len() - 1;
    (0..POINTS_MAX).map(|kept| points[kept * last / (POINTS_MAX - 1)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Positives at 0.9, 0.6 and 0.4, negatives at 0.8, 0.4, 0.3 and 0.1.
    fn curves() -> Curves {
        Curves::new(&[0.9, 0.8, 0.6, 0.4, 0.4, 0.3, 0.1], &[1, 0, 1, 1, 0, 0, 0])
    }

    #[test]
    fn equal_scores_are_calibrated_alike_wherever_a_bin_ends() {
        let labels: Vec<u8> = (0..40).map(|row| u8::from(row % 4 == 0)).collect();
        let bins = Curves::new(&[0.25; 40], &labels).calibration();
        assert_eq!(bins, [(0.25, 0.25); CALIBRATION_BINS]);
    }

    #[test]
    fn points_by_hand() {
        let (third, quarter) = (1.0 / 3.0, 0.25);
        let roc =
            [(0.0, 0.0), (0.0, third), (quarter, third), (quarter, 2.0 / 3.0), (0.5, 1.0), (0.75, 1.0), (1.0, 1.0)];
        assert_eq!(curves().roc(), roc);
        let precision = [1.0, 0.5, 2.0 / 3.0, 0.6, 0.5, 3.0 / 7.0];
        assert_eq!(curves().precision_recall().into_iter().map(|point| point.1).collect::<Vec<_>>(), precision);
        assert_eq!(curves().calibration().len(), 7);
        assert_eq!(curves().calibration()[0], (0.1, 0.0));
        assert_eq!((curves().quantile(0.0), curves().quantile(1.0)), (0.1, 0.9));
        assert_eq!(curves().distribution(1, 2, 1.0), [third, 2.0 / 3.0]);
        assert_eq!(curves().distribution(0, 2, 0.5), [0.25, 0.75], "higher scores count to the last bin");
    }

    #[test]
    fn curves_are_bounded_and_keep_their_ends() {
        let scores: Vec<f64> = (0..10_000).map(f64::from).collect();
        let labels: Vec<u8> = (0..10_000).map(|row| u8::from(row % 3 == 0)).collect();
        let roc = Curves::new(&scores, &labels).roc();
        assert_eq!((roc.len(), roc[0], roc[POINTS_MAX - 1]), (POINTS_MAX, (0.0, 0.0), (1.0, 1.0)));
    }

    #[test]
    fn no_rows_have_no_curve() {
        let none = Curves::new(&[], &[]);
        assert_eq!((none.roc(), none.precision_recall(), none.calibration()), (vec![(0.0, 0.0)], vec![], vec![]));
        assert_eq!((none.base(), none.quantile(0.5)), (0.0, 0.0));
    }
}
