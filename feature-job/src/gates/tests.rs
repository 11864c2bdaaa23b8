//! Every gate, obeyed at its bound and violated one step past it.

use contract::card::Interval;

use super::*;
use crate::train::fixtures;

/// Findings that pass every shipped gate, with room.
fn good() -> (Evaluation, BTreeMap<String, Difference>) {
    let mut evaluation = fixtures::evaluation();
    evaluation.metrics.roc_auc = Some(0.6);
    evaluation.metrics.intervals.insert("roc_auc".to_owned(), Interval { low: 0.55, high: 0.65 });
    evaluation.metrics.calibration_error = 0.001;
    let difference = Difference { value: 0.02, interval: Interval { low: -0.01, high: 0.05 } };
    let part = |by: &str, value: &str, approved| fixtures::slice(by, value, 1_000, approved);
    let [f, m] = [part("gender", "F", 900), part("gender", "M", 800)];
    let [young, old] = [part("age", "under 30", 700), part("age", "50-59", 950)];
    evaluation.slices = vec![f, m, young, old, part("housing", "Rented", 900), part("housing", "Owned", 950)];
    let differences = ["roc_auc", "pr_auc"].map(|figure| (figure.to_owned(), difference));
    (evaluation, differences.into())
}

fn findings<'a>(evaluation: &'a Evaluation, against: Against<'a>) -> Findings<'a> {
    Findings { evaluation, leaked_rows_share: 0.0, against, module_bytes: 1_000, instructions_per_row: 500.0 }
}

fn failed(bounds: &Bounds, findings: &Findings<'_>) -> Vec<String> {
    judge(bounds, findings).into_iter().filter(|gate| !gate.passed).map(|gate| gate.name).collect()
}

#[test]
fn a_good_candidate_passes_all_that_is_shipped() {
    let (evaluation, differences) = good();
    let against = Against::Champion { differences: &differences, drift: Some(0.1) };
    let gates = judge(&Bounds::shipped(), &findings(&evaluation, against));
    assert_eq!(gates.len(), 13, "{gates:?}");
    assert!(gates.iter().all(|gate| gate.passed && gate.found.is_some()), "{gates:?}");
    assert!(judge(&Bounds::default(), &findings(&evaluation, against)).is_empty(), "nothing is demanded");
}

#[test]
fn every_gate_holds_at_its_bound_and_fails_one_past_it() {
    // Each case puts a finding on its bound, then one step past it.
    type Case<'a> = (&'a str, &'a dyn Fn(bool) -> Vec<String>);
    let shipped = Bounds::shipped();
    let with = |change: &dyn Fn(&mut Evaluation)| {
        let (mut evaluation, differences) = good();
        change(&mut evaluation);
        let against = Against::Champion { differences: &differences, drift: Some(0.1) };
        failed(&shipped, &findings(&evaluation, against))
    };
    let low = |low| {
        move |evaluation: &mut Evaluation| {
            evaluation.metrics.intervals.insert("roc_auc".to_owned(), Interval { low, high: 0.65 });
        }
    };
    let lift = |lift: f64| {
        move |evaluation: &mut Evaluation| {
            evaluation.test_positives = 5;
            evaluation.metrics.pr_auc = Some(lift * 0.5);
        }
    };
    // Of a thousand each, all of the one part are approved, and so many of the other.
    let approved = |by: &'static str, approved| {
        move |evaluation: &mut Evaluation| {
            evaluation.slices.retain(|slice| slice.by != by);
            evaluation.slices.extend([1_000, approved].map(|approved| fixtures::slice(by, "a part", 1_000, approved)));
        }
    };
    let compared = |high: f64, drift: f64| {
        let (evaluation, mut differences) = good();
        for difference in differences.values_mut() {
            *difference = Difference { value: -0.02, interval: Interval { low: -0.04, high } };
        }
        failed(&shipped, &findings(&evaluation, Against::Champion { differences: &differences, drift: Some(drift) }))
    };
    let costs = |leaked: f64, bytes: u64, instructions: f64| {
        let (evaluation, differences) = good();
        let against = Against::Champion { differences: &differences, drift: Some(0.1) };
        let mut findings = findings(&evaluation, against);
        (findings.leaked_rows_share, findings.module_bytes, findings.instructions_per_row) =
            (leaked, bytes, instructions);
        failed(&shipped, &findings)
    };
    let cases: [Case<'_>; 12] = [
        ("roc_auc_min", &|past| with(&|e| e.metrics.roc_auc = Some(if past { 0.53_f64.next_down() } else { 0.53 }))),
        ("roc_auc_low_min", &|past| with(&low(if past { 0.5_f64.next_down() } else { 0.5 }))),
        ("pr_auc_lift_min", &|past| with(&lift(if past { 1.099_999 } else { 1.1 }))),
        ("calibration_error_max", &|past| {
            with(&|e| e.metrics.calibration_error = if past { 0.005_f64.next_up() } else { 0.005 })
        }),
        ("approval_rate_ratio_by_gender_min", &|past| with(&approved("gender", if past { 799 } else { 800 }))),
        ("approval_rate_ratio_by_housing_min", &|past| with(&approved("housing", if past { 799 } else { 800 }))),
        ("approval_rate_ratio_by_age_min", &|past| with(&approved("age", if past { 599 } else { 600 }))),
        ("roc_auc_loss_max", &|past| compared(if past { -1e-9 } else { 0.0 }, 0.1)),
        ("population_stability_index_max", &|past| compared(0.01, if past { 0.25_f64.next_up() } else { 0.25 })),
        ("leaked_rows_share_max", &|past| costs(if past { 1e-9 } else { 0.0 }, 1, 1.0)),
        ("module_bytes_max", &|past| costs(0.0, if past { 33_554_433 } else { 33_554_432 }, 1.0)),
        ("instructions_per_row_max", &|past| costs(0.0, 1, if past { 200_001.0 } else { 200_000.0 })),
    ];
    for (name, failed) in cases {
        assert_eq!(failed(false), Vec::<String>::new(), "{name} at its bound");
        assert!(failed(true).iter().any(|failed| failed == name), "{name} past its bound: {:?}", failed(true));
    }
    assert_eq!(compared(-1e-9, 0.1), ["roc_auc_loss_max", "pr_auc_loss_max"]);
}

#[test]
fn what_cannot_be_measured_is_not_passed() {
    let (mut evaluation, _) = good();
    evaluation.metrics.roc_auc = None;
    evaluation.metrics.intervals.clear();
    evaluation.metrics.pr_auc = None;
    let found = failed(&Bounds::shipped(), &findings(&evaluation, Against::Unknown));
    let wanted = [
        "roc_auc_min",
        "roc_auc_low_min",
        "pr_auc_lift_min",
        "roc_auc_loss_max",
        "pr_auc_loss_max",
        "population_stability_index_max",
    ];
    assert_eq!(found, wanted, "a champion that cannot be run excuses nothing");
    let (mut evaluation, _) = good();
    evaluation.test_positives = 0;
    let infinite = judge(&Bounds::shipped(), &findings(&evaluation, Against::Nobody));
    let lift = infinite.iter().find(|gate| gate.name == "pr_auc_lift_min").expect("it is demanded");
    assert_eq!((lift.found, lift.passed), (None, false), "no number is not more than any bound");
}

#[test]
fn without_a_champion_there_is_nothing_to_lose() {
    let (evaluation, _) = good();
    let gates = judge(&Bounds::shipped(), &findings(&evaluation, Against::Nobody));
    assert!(gates.iter().all(|gate| gate.passed), "{gates:?}");
    let unmeasured: Vec<_> = gates.iter().filter(|gate| gate.found.is_none()).collect();
    assert_eq!(unmeasured.len(), 3);
    assert!(unmeasured.iter().all(|gate| gate.demand.contains("there is no champion")), "{unmeasured:?}");
}

#[test]
fn small_parts_do_not_count_and_one_part_is_compared_with_nothing() {
    let (mut evaluation, _) = good();
    let bounds =
        "[fairness]\npart_rows_min = 1000\napproval_rate_ratio_min = { gender = 0.8 }".parse().expect("bounds");
    let part = |value: &str, rows: u64, approved: u64| fixtures::slice("gender", value, rows, approved);
    evaluation.slices = vec![part("F", 1_000, 1_000), part("M", 1_000, 800), part("X", 999, 0)];
    let judged = |evaluation: &Evaluation| failed(&bounds, &findings(evaluation, Against::Nobody));
    assert_eq!(judged(&evaluation), Vec::<String>::new());
    evaluation.slices.remove(0);
    assert_eq!(judged(&evaluation), ["approval_rate_ratio_by_gender_min"]);
}
