//! Gates: what is demanded of a candidate before it may be approved without further words.
//!
//! The bounds stand in `gates.toml`. A gate that is not passed stops nothing here: the candidate is written, and marked in
//! its card; the approver's `--override` and the host's verifier see to the rest.

mod bounds;

use std::collections::BTreeMap;

use contract::card::{Difference, Evaluation, Gate, Slice};

pub use bounds::{Bounds, GatesError};

/// What was found out about a candidate.
#[derive(Debug, Clone, Copy)]
pub struct Findings<'a> {
    /// How the fit in the module did on the rows held out from it.
    pub evaluation: &'a Evaluation,
    /// The share of those rows whose user the model also learned from, on the same day or later.
    pub leaked_rows_share: f64,
    /// How it stands beside the champion.
    pub against: Against<'a>,
    /// The size of the bare component.
    pub module_bytes: u64,
    /// What one row costs in the sandbox.
    pub instructions_per_row: f64,
}

/// What a comparison with the champion found.
#[derive(Debug, Clone, Copy)]
pub enum Against<'a> {
    /// There is no champion.
    Nobody,
    /// There is one, and the comparison could not be made.
    Unknown,
    /// Both were judged on the same rows.
    Champion {
        /// Candidate less champion, by figure.
        differences: &'a BTreeMap<String, Difference>,
        /// How far the feature that moved most has moved.
        drift: Option<f64>,
    },
}

/// Holds the findings against the bounds.
pub fn judge(bounds: &Bounds, findings: &Findings<'_>) -> Vec<Gate> {
    let mut gates = Vec::new();
    figures(&mut gates, bounds, findings);
    against(&mut gates, bounds, &findings.against);
    fairness(&mut gates, bounds, &findings.evaluation.slices);
    let cost = &bounds.cost;
    let bytes = Some(findings.module_bytes as f64);
    at_most(&mut gates, "module_bytes_max", "the component's size in bytes", bytes, cost.module_bytes_max);
    let instructions = Some(findings.instructions_per_row);
    let what = "instructions of the sandbox for one row";
    at_most(&mut gates, "instructions_per_row_max", what, instructions, cost.instructions_per_row_max);
    gates
}

fn figures(gates: &mut Vec<Gate>, bounds: &Bounds, findings: &Findings<'_>) {
    let (bounds, evaluation) = (&bounds.figures, findings.evaluation);
    let metrics = &evaluation.metrics;
    at_least(gates, "roc_auc_min", "ROC AUC", metrics.roc_auc, bounds.roc_auc_min);
    let low = metrics.intervals.get("roc_auc").map(|interval| interval.low);
    at_least(gates, "roc_auc_low_min", "the lower end of ROC AUC's 95 % interval", low, bounds.roc_auc_low_min);
    let base = evaluation.test_positives as f64 / evaluation.test_rows as f64;
    let lift = metrics.pr_auc.map(|area| area / base);
    at_least(gates, "pr_auc_lift_min", "PR AUC over the share of positives", lift, bounds.pr_auc_lift_min);
    let error = Some(metrics.calibration_error);
    let what = "the mean distance between score and outcome";
    at_most(gates, "calibration_error_max", what, error, bounds.calibration_error_max);
    let leaked = Some(findings.leaked_rows_share);
    let what = "the share of held-out rows whose user it learned from, on the same day or later,";
    at_most(gates, "leaked_rows_share_max", what, leaked, bounds.leaked_rows_share_max);
}

fn against(gates: &mut Vec<Gate>, bounds: &Bounds, against: &Against<'_>) {
    // The interval's better end: a loss is certain only where even that lies below 0.
    let loss = |figure: &str| match against {
        Against::Champion { differences, .. } => differences.get(figure).map(|of| (-of.interval.high).max(0.0)),
        Against::Nobody | Against::Unknown => None,
    };
    let drift = match against {
        Against::Champion { drift, .. } => *drift,
        Against::Nobody | Against::Unknown => None,
    };
    let before = gates.len();
    let champion = &bounds.champion;
    let what = "the loss of ROC AUC against the champion, as far as the 95 % interval leaves no doubt of it,";
    at_most(gates, "roc_auc_loss_max", what, loss("roc_auc"), champion.roc_auc_loss_max);
    let what = "the loss of PR AUC against the champion, as far as the 95 % interval leaves no doubt of it,";
    at_most(gates, "pr_auc_loss_max", what, loss("pr_auc"), champion.pr_auc_loss_max);
    let what = "the stability index of the feature that moved most since the champion was trained";
    let bound = bounds.drift.population_stability_index_max;
    at_most(gates, "population_stability_index_max", what, drift, bound);
    if matches!(against, Against::Nobody) {
        for gate in &mut gates[before..] {
            gate.passed = true;
            gate.demand += "; there is no champion, so nothing is to be measured";
        }
    }
}

/// Compares the parts of each slicing that is demanded: the lowest share of approvals over the highest.
fn fairness(gates: &mut Vec<Gate>, bounds: &Bounds, slices: &[Slice]) {
    let bounds = &bounds.fairness;
    for (by, bound) in &bounds.approval_rate_ratio_min {
        let large = |slice: &&Slice| slice.by == *by && slice.rows >= bounds.part_rows_min.unwrap_or(0);
        let approved = |slice: &Slice| {
            let [[good, _], [bad, _]] = slice.metrics.confusion;
            (good + bad) as f64 / slice.rows as f64
        };
        let shares: Vec<f64> = slices.iter().filter(large).map(approved).collect();
        let lowest = shares.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = shares.iter().copied().fold(0.0, f64::max);
        // One part alone is not treated alike, it is not compared.
        let ratio = (shares.len() > 1).then_some(lowest / highest);
        let name = format!("approval_rate_ratio_by_{by}_min");
        let what = format!("by {by}, the lowest part's share of approvals over the highest part's");
        at_least(gates, &name, &what, ratio, Some(*bound));
    }
}

fn at_least(gates: &mut Vec<Gate>, name: &str, what: &str, found: Option<f64>, bound: Option<f64>) {
    push(gates, name, what, "least", found, bound, |found, bound| found >= bound);
}

fn at_most(gates: &mut Vec<Gate>, name: &str, what: &str, found: Option<f64>, bound: Option<f64>) {
    push(gates, name, what, "most", found, bound, |found, bound| found <= bound);
}

/// Adds a gate where it is demanded; what could not be measured is not passed.
fn push(
    gates: &mut Vec<Gate>,
    name: &str,
    what: &str,
    which: &str,
    found: Option<f64>,
    bound: Option<f64>,
    holds: impl Fn(f64, f64) -> bool,
) {
    let Some(bound) = bound else { return };
    let found = found.filter(|found| found.is_finite());
    let passed = found.is_some_and(|found| holds(found, bound));
    gates.push(Gate { name: name.to_owned(), demand: format!("{what} is at {which} {bound}"), found, bound, passed });
}

#[cfg(test)]
mod tests;
