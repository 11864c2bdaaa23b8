//! Training as a whole, on a small invented offline store.

use std::path::{Path, PathBuf};

use contract::digest::Digest;
use contract::seal;
use contract::view::{Ages, FeatureView};

use super::dataset::Dataset;
use super::demands::DemandArgs;
use super::evaluate::judge;
use super::recipe::RecipeName;
use super::split::SplitKind;
use super::{HowArgs, prepare, train};
use crate::features::build;
use crate::offline::Table;
use crate::sample;

fn store(folder: &Path) -> PathBuf {
    let (loans, features) = (folder.join("loans.csv"), folder.join("features.parquet"));
    sample::write(400, 1, &loans, |_| {}).expect("a sample");
    build::build(&[loans], "2021-12-27".parse().expect("a day"), &features).expect("features");
    features
}

fn how(folder: &Path, recipe: RecipeName, seed: u64) -> HowArgs {
    let key = folder.join("job.pem");
    if !key.exists() {
        contract::key::PrivateKey::from_seed([7; 32]).save_new(&key).expect("a key");
    }
    let out = folder.join(format!("{recipe:?}-{seed}-{}", std::fs::read_dir(folder).expect("a folder").count()));
    std::fs::create_dir(&out).expect("a folder");
    let demands = DemandArgs::default();
    HowArgs { recipe, model: "credit-risk".parse().expect("a name"), key, out, version: None, seed, demands }
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let features = store(folder.path());
    for recipe in [RecipeName::Baseline, RecipeName::Forest, RecipeName::Logistic] {
        let made = |seed| {
            let how = how(folder.path(), recipe, seed);
            let prepared = prepare(&how).expect("key and place");
            let candidate = train(&features, &how, prepared).expect("a candidate");
            let report = std::fs::read(candidate.report).expect("the report");
            assert_eq!(candidate.card.report, Some(Digest::of(&report)), "the card names this report");
            std::fs::read(candidate.path).expect("the candidate")
        };
        let first = made(1);
        assert!(first == made(1), "{recipe:?}");
        assert!(first != made(2), "{recipe:?} ignores its seed");
        let card = seal::inspect(&first).expect("a module file").card;
        assert_eq!(card.view, *FeatureView::credit_risk(), "features in the view's order");
        assert_eq!(card.evaluations[0].split, if recipe == RecipeName::Baseline { "rows" } else { "users" });
        assert!(card.evaluations.iter().any(|evaluation| evaluation.split == "users"));
        assert!(card.golden.iter().any(|golden| golden.row.iter().any(Option::is_none)));
    }
}

#[test]
fn of_two_runs_at_once_the_second_takes_the_next_version() {
    let folder = tempfile::tempdir().expect("a folder");
    let features = store(folder.path());
    let how = how(folder.path(), RecipeName::Logistic, 1);
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
    let judged = judge(RecipeName::Baseline.recipe(), &dataset, SplitKind::Rows, 123).expect("judged");
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
        let judged = judge(RecipeName::Baseline.recipe(), dataset, SplitKind::Rows, 123).expect("judged");
        judged.fitted.model.to_bytes()
    };
    assert!(model(&dataset) == model(&renamed), "other ids, another model");
}

#[test]
fn mistakes_show_before_the_work_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut how = how(folder.path(), RecipeName::Forest, 1);
    how.key = folder.path().join("absent.pem");
    let error = format!("{:#}", prepare(&how).expect_err("no key"));
    assert!(error.contains("absent.pem"), "{error}");
}
