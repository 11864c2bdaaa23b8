//! Training as a whole, on a small invented offline store.

use std::path::{Path, PathBuf};

use contract::card::OutputKind;
use contract::digest::Digest;
use contract::seal;
use contract::view::{Ages, FeatureView};

use super::dataset::Dataset;
use super::demands::DemandArgs;
use super::evaluate::{EvaluateError, judge};
use super::recipe::Recipe;
use super::split::SplitKind;
use super::{HowArgs, prepare, train};
use crate::features::build;
use crate::offline::Table;
use crate::sample;

fn store(folder: &Path) -> PathBuf {
    let (loans, features) = (folder.join("loans.csv"), folder.join("features.parquet"));
    sample::write(700, 1, &loans, |_| {}).expect("a sample");
    build::build(&[loans], &build::Options::at("2021-12-27".parse().expect("a day")), &features).expect("features");
    features
}

fn recipe(name: &str) -> Recipe {
    Recipe::load(name).expect("a built-in recipe")
}

fn how(folder: &Path, recipe: Recipe, seed: u64) -> HowArgs {
    let key = folder.join("job.pem");
    if !key.exists() {
        contract::key::PrivateKey::from_seed([7; 32]).save_new(&key).expect("a key");
    }
    let out = folder.join(format!("{recipe}-{seed}-{}", std::fs::read_dir(folder).expect("a folder").count()));
    std::fs::create_dir(&out).expect("a folder");
    HowArgs {
        recipe,
        model: "credit-risk".parse().expect("a name"),
        key,
        out,
        version: None,
        seed,
        split_date: None,
        demands: DemandArgs::default(),
    }
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let features = store(folder.path());
    for name in ["baseline", "forest", "extra-trees", "boosted", "logistic"] {
        let made = |seed, threads| {
            let how = how(folder.path(), recipe(name), seed);
            let prepared = prepare(&how).expect("key and place");
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let candidate = pool.install(|| train(&features, &how, prepared)).expect("a candidate");
            let report = std::fs::read(candidate.report).expect("the report");
            assert_eq!(candidate.card.report, Some(Digest::of(&report)), "the card names this report");
            std::fs::read(candidate.path).expect("the candidate")
        };
        let first = made(1, 2);
        assert!(first == made(1, 1), "{name} hangs on the count of threads");
        assert!(first != made(2, 2), "{name} ignores its seed");
        let card = seal::inspect(&first).expect("a module file").card;
        assert_eq!(card.view, *FeatureView::credit_risk(), "features in the view's order");
        assert_eq!(card.evaluations[0].split, if name == "baseline" { "rows" } else { "users" });
        for split in ["users", "time", "users-time"] {
            let found = card.evaluations.iter().find(|evaluation| evaluation.split == split).expect(split);
            assert!(found.metrics.intervals.contains_key("roc_auc"), "{name} by {split}");
        }
        let slices = &card.evaluations[0].slices;
        assert!(slices.iter().any(|slice| slice.metrics.intervals.contains_key("roc_auc")), "{name}");
        assert!(card.evaluations[0].fairness.iter().any(|fairness| fairness.by == "gender"), "{name}");
        assert!(card.golden.iter().any(|golden| golden.row.iter().any(Option::is_none)));
    }
}

#[test]
fn every_family_takes_weights_or_smote_and_is_calibrated() {
    let folder = tempfile::tempdir().expect("a folder");
    let features = store(folder.path());
    let cases = [
        ("forest", "imbalance = \"weights\"", "calibration = \"platt\""),
        ("extra-trees", "imbalance = \"weights\"", "calibration = \"isotonic\""),
        ("boosted", "imbalance = \"weights\"", "calibration = \"isotonic\""),
        ("logistic", "imbalance = \"weights\"", "calibration = \"none\""),
        ("logistic", "imbalance = { smote = { neighbours = 5, whole = [\"age\"] } }", "calibration = \"platt\""),
    ];
    for (name, imbalance, calibration) in cases {
        let text = std::fs::read_to_string(format!("recipes/{name}.toml")).expect("a built-in recipe");
        let line = |key: &str| text.lines().find(|line| line.starts_with(key)).expect(key).to_owned();
        let text = text.replace(&line("imbalance ="), imbalance).replace(&line("calibration ="), calibration);
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, text).expect("written");
        let recipe = Recipe::load(path.to_str().expect("a path")).expect("makes sense");
        let how = how(folder.path(), recipe, 1);
        let prepared = prepare(&how).expect("key and place");
        let card = train(&features, &how, prepared).expect("the component gives the model's bits").card;
        let distorted = calibration.contains("none");
        assert_eq!(card.output.kind, if distorted { OutputKind::Score } else { OutputKind::Probability }, "{name}");
        let loss = card.evaluations[0].metrics.log_loss;
        // Weighed and left so, every row is about one half; calibrated, about one in 67.
        assert_eq!(loss > 0.5, distorted, "{name}: {loss}");
    }
}

#[test]
fn a_search_stands_in_the_card_with_what_it_chose() {
    let folder = tempfile::tempdir().expect("a folder");
    let dataset = Dataset::new(&Table::read(&store(folder.path())).expect("a store"), Ages::Event).expect("a dataset");
    let judged = judge(&recipe("forest"), &dataset, SplitKind::Users, 1).expect("judged");
    let parameters = &judged.fitted.parameters;
    let tried = parameters["search"]["tried"].as_array().expect("a table");
    assert_eq!(tried.len(), 4);
    let mean = |row: &serde_json::Value| row["mean"].as_f64().expect("a mean");
    let best = tried.iter().map(mean).fold(0.0, f64::max);
    let chosen = tried.iter().find(|row| mean(row) == best).expect("the best");
    for name in ["depth_max", "leaf_rows_min"] {
        assert_eq!(parameters[name], chosen["parameters"][name], "the best of {tried:?}");
    }
    assert_eq!(parameters["trees"], 100, "fewer trees are for the search only");
}

#[test]
fn a_day_to_split_at_is_kept_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let dataset = Dataset::new(&Table::read(&store(folder.path())).expect("a store"), Ages::Event).expect("a dataset");
    let day: contract::date::Date = "2020-03-01".parse().expect("a day");
    let split_at = |date| recipe("logistic").split_at(Some(date));
    for kind in [SplitKind::Time, SplitKind::UsersTime] {
        let judged = judge(&split_at(day), &dataset, kind, 1).expect("judged");
        let days = |places: &[usize]| places.iter().map(|&place| dataset.sample.days[place]).collect::<Vec<_>>();
        assert!(days(&judged.split.train).into_iter().all(|of| of < day.days()));
        assert!(days(&judged.split.test).into_iter().all(|of| of >= day.days()));
    }
    let before_all = judge(&split_at("2001-01-01".parse().expect("a day")), &dataset, SplitKind::Time, 1);
    assert!(matches!(before_all, Err(EvaluateError::EmptySide { kind: "time" })), "nothing to train on");
}

#[test]
fn of_two_runs_at_once_the_second_takes_the_next_version() {
    let folder = tempfile::tempdir().expect("a folder");
    let features = store(folder.path());
    let how = how(folder.path(), recipe("logistic"), 1);
    let [first, second] = [(); 2].map(|()| prepare(&how).expect("key and place"));
    let versions =
        [first, second].map(|prepared| train(&features, &how, prepared).expect("a candidate").card.version.get());
    assert_eq!(versions, [1, 2]);
}

#[test]
fn smote_grows_the_training_part_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = Table::read(&store(folder.path())).expect("a store");
    let dataset = Dataset::new(&table, Ages::AsOf).expect("a dataset");
    let judged = judge(&recipe("baseline"), &dataset, SplitKind::Rows, 123).expect("judged");
    let (train, test) = (dataset.sample.select(&judged.split.train), dataset.sample.select(&judged.split.test));
    assert_eq!(judged.fitted.rows, 2 * (train.rows.len() - train.positives()), "balanced to one to one");
    assert_eq!(judged.evaluation.test_rows as usize, test.rows.len());
    assert_eq!(judged.evaluation.test_positives as usize, test.positives());
    assert_eq!(train.rows.len() + test.rows.len(), table.len());
}

#[test]
fn an_id_is_never_a_feature() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = Table::read(&store(folder.path())).expect("a store");
    let dataset = Dataset::new(&table, Ages::AsOf).expect("a dataset");
    let mut renamed = dataset.clone();
    renamed.sample.entities.iter_mut().for_each(|id| *id = *id * 31 % 1_009);
    let model = |dataset| {
        let judged = judge(&recipe("baseline"), dataset, SplitKind::Rows, 123).expect("judged");
        judged.fitted.model.to_bytes()
    };
    assert!(model(&dataset) == model(&renamed), "other ids, another model");
}

#[test]
fn mistakes_show_before_the_work_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut how = how(folder.path(), recipe("forest"), 1);
    how.key = folder.path().join("absent.pem");
    let error = format!("{:#}", prepare(&how).expect_err("no key"));
    assert!(error.contains("absent.pem"), "{error}");
}
