//! Recipes as their files have them: the built-in ones, and what is refused.

use super::*;
use crate::train::deep::DeepParameters;

const LOGISTIC: &str = include_str!("../../../recipes/logistic.toml");
const FOREST: &str = include_str!("../../../recipes/forest.toml");
const BOOSTED: &str = include_str!("../../../recipes/boosted.toml");
const BASELINE: &str = include_str!("../../../recipes/baseline.toml");

#[test]
fn every_built_in_recipe_makes_sense() {
    for (name, _) in BUILT_IN {
        let recipe = Recipe::load(name).expect(name);
        assert_eq!(recipe.name(), name);
        assert_eq!(recipe.hold_out().share, 0.3);
        let splits = recipe.splits();
        assert!(splits.ends_with(&[SplitKind::Users, SplitKind::Time, SplitKind::UsersTime]), "{name}: {splits:?}");
        assert_eq!(recipe.ages(), if name == "baseline" { Ages::AsOf } else { Ages::Event }, "{name}");
        let output = if name == "baseline" { OutputKind::Score } else { OutputKind::Probability };
        assert_eq!(recipe.output(), output, "{name}");
    }
}

#[test]
fn the_baseline_is_the_data_scientists() {
    let recipe = Recipe::load("baseline").expect("built in");
    assert_eq!(recipe.splits()[0], SplitKind::Rows);
    assert_eq!(recipe.learner, Learner::DeepForest(DeepParameters { trees: 5, features_per_split: 2 }));
    assert_eq!(recipe.form.threshold, ThresholdRule::Fixed(0.5_f64.next_up()), "above one half");
    assert_eq!((recipe.form.missing, recipe.form.aside_share), (Missing::Value(0.0), None));
}

#[test]
fn what_is_distorted_is_a_score_until_it_is_calibrated() {
    let output = |text: &str| Recipe::parse(text, "r.toml").expect("makes sense").output();
    let weighed = LOGISTIC.replace("imbalance = \"none\"", "imbalance = \"weights\"");
    assert_eq!(output(&weighed), OutputKind::Score);
    assert_eq!(output(&weighed.replace("calibration = \"none\"", "calibration = \"platt\"")), OutputKind::Probability);
}

#[test]
fn the_date_to_split_at_is_the_command_lines_or_the_recipes() {
    let with_date = LOGISTIC.replace("test_share = 0.3", "test_share = 0.3\ndate = \"2020-06-01\"");
    let recipe = Recipe::parse(&with_date, "r.toml").expect("makes sense");
    let day = |recipe: Recipe| recipe.hold_out().first_day;
    let date = |text: &str| text.parse::<Date>().expect("a date");
    assert_eq!(day(recipe.clone()), Some(date("2020-06-01").days()));
    assert_eq!(day(recipe.clone().split_at(None)), Some(date("2020-06-01").days()));
    assert_eq!(day(recipe.split_at(Some(date("2020-07-01")))), Some(date("2020-07-01").days()));
    assert_eq!(day(Recipe::load("logistic").expect("built in")), None);
}

#[test]
fn a_recipe_is_read_from_a_file_of_ones_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, LOGISTIC.replace("name = \"logistic\"", "name = \"mine\"")).expect("written");
    assert_eq!(Recipe::load(path.to_str().expect("a path")).expect("makes sense").name(), "mine");
    let absent = Recipe::load("absent.toml").expect_err("no such file");
    assert!(absent.to_string().starts_with("cannot read absent.toml"), "{absent}");
    let unknown = "lasso".parse::<Recipe>().expect_err("no such recipe").to_string();
    assert!(unknown.contains("`lasso`") && unknown.contains("`boosted`") && unknown.contains(".toml"), "{unknown}");
}

/// Changes one piece of a recipe, and demands an error that names the file, the key and what else.
fn refused(recipe: &str, piece: &str, instead: &str, said: &[&str]) {
    assert!(recipe.contains(piece), "`{piece}` is no piece of the recipe");
    let error = Recipe::parse(&recipe.replacen(piece, instead, 1), "mine.toml").expect_err(instead).to_string();
    for said in [&["mine.toml"], said].concat() {
        assert!(error.contains(said), "`{instead}` should be refused with `{said}`: {error}");
    }
}

#[test]
fn unknown_keys_and_kinds_are_refused() {
    refused(LOGISTIC, "ages =", "agess =", &["agess"]);
    refused(LOGISTIC, "ridge =", "rigde =", &["`parameters`", "rigde", "ridge"]);
    refused(LOGISTIC, "test_share =", "share =", &["share"]);
    refused(LOGISTIC, "ages = \"event\"", "", &["ages"]);
    refused(LOGISTIC, "\"logistic\"\n\n", "\"lasso\"\n\n", &["family", "lasso"]);
    refused(LOGISTIC, "\"best_f1\"", "\"f1\"", &["threshold", "f1"]);
    refused(LOGISTIC, "\"best_f1\"", "{ cost = { false_positive = 1.0 } }", &["threshold", "false_negative"]);
    refused(LOGISTIC, "imbalance = \"none\"", "imbalance = \"rose\"", &["imbalance", "rose"]);
    refused(LOGISTIC, "calibration = \"none\"", "calibration = \"beta\"", &["calibration", "beta"]);
    refused(LOGISTIC, "\"users-time\"", "\"loans\"", &["judge", "loans"]);
    refused(LOGISTIC, "name =", "name", &["line"]);
    refused(FOREST, "trees = 100", "trees = \"many\"", &["`parameters`", "many"]);
    refused(FOREST, "maximise = \"roc_auc\"", "maximise = \"accuracy\"", &["maximise", "accuracy"]);
}

#[test]
fn values_that_make_no_sense_are_refused() {
    refused(LOGISTIC, "\"logistic\"", "\"\"", &["`name`"]);
    refused(LOGISTIC, "\"mean\"", "\"keep\"", &["`missing`", "boosted"]);
    refused(LOGISTIC, "\"mean\"", "{ value = nan }", &["`missing.value`"]);
    refused(LOGISTIC, "aside_share = 0.143", "", &["`aside_share`"]);
    refused(LOGISTIC, "aside_share = 0.143", "aside_share = 1.0", &["`aside_share`"]);
    refused(LOGISTIC, "\"best_f1\"", "{ fixed = 0.5 }", &["`aside_share`", "nothing"]);
    refused(LOGISTIC, "\"best_f1\"", "{ recall = 1.5 }", &["`threshold.recall`"]);
    refused(BASELINE, "{ fixed = 0.5000000000000001 }", "{ fixed = 0.0 }", &["`threshold.fixed`"]);
    let costs = "{ cost = { false_positive = -1.0, false_negative = 2.0 } }";
    refused(LOGISTIC, "\"best_f1\"", costs, &["`threshold.cost`"]);
    refused(LOGISTIC, "test_share = 0.3", "test_share = 0.0", &["`splits.test_share`"]);
    refused(LOGISTIC, "judge = [\"users\", \"time\", \"users-time\"]", "judge = []", &["`splits.judge`"]);
    refused(LOGISTIC, "\"users-time\"", "\"users\"", &["`splits.judge`", "twice"]);
    refused(LOGISTIC, "ridge = 1.0", "ridge = -1.0", &["`parameters.ridge`"]);
    refused(LOGISTIC, "rounds_max = 100", "rounds_max = 0", &["`parameters.rounds_max`"]);
    refused(LOGISTIC, "tolerance = 1e-8", "tolerance = 0.0", &["`parameters.tolerance`"]);
    refused(FOREST, "trees = 100", "trees = 0", &["`parameters.trees`"]);
    refused(FOREST, "depth_max = 8", "depth_max = 99", &["`parameters.depth_max`"]);
    refused(FOREST, "features_per_split = 2", "features_per_split = 0", &["`parameters.features_per_split`"]);
    refused(FOREST, "leaf_rows_min = 100", "leaf_rows_min = 0", &["`parameters.leaf_rows_min`"]);
    for (key, value) in [
        ("trees_max", "9999"),
        ("depth_max", "0"),
        ("learning_rate", "0.0"),
        ("leaf_rows_min", "0"),
        ("l2", "0.0"),
        ("rows_share", "1.1"),
        ("# early_stop", "{ patience = 0, watching_share = 0.1 }"),
        ("# early_stop", "{ patience = 5, watching_share = 1.0 }"),
    ] {
        let line = BOOSTED.lines().find(|line| line.starts_with(&format!("{key} ="))).expect(key);
        let key = key.trim_start_matches("# ");
        refused(BOOSTED, line, &format!("{key} = {value}"), &[&format!("`parameters.{key}")]);
    }
    refused(BASELINE, "neighbours = 5", "neighbours = 0", &["`imbalance.smote.neighbours`"]);
    refused(BASELINE, "\"flag_own_car\"", "\"id\"", &["`imbalance.smote.whole`", "`id`"]);
    refused(
        BASELINE,
        "{ smote = { neighbours = 5, whole = [\"age\", \"flag_own_car\"] } }",
        "\"weights\"",
        &["deep-forest"],
    );
    let smote = "imbalance = { smote = { neighbours = 5, whole = [] } }";
    refused(BOOSTED, "imbalance = \"none\"", smote, &["`missing`", "SMOTE"]);
}

#[test]
fn searches_that_make_no_sense_are_refused() {
    refused(FOREST, "folds = 3", "folds = 1", &["`search.folds`"]);
    refused(FOREST, "depth_max = [6, 8]", "depth_max = []", &["`search.parameters.depth_max`"]);
    refused(FOREST, "depth_max = [6, 8]", "depth_max = 8", &["`search.parameters.depth_max`", "list"]);
    refused(FOREST, "depth_max = [6, 8]", "depth_max = [6, 99]", &["search", "depth_max"]);
    refused(FOREST, "depth_max = [6, 8]", "depth = [6, 8]", &["`search.parameters.depth`", "parameters"]);
    refused(FOREST, "depth_max = [6, 8]\nleaf_rows_min = [100, 400]", "", &["`search.parameters`"]);
    let many = format!("depth_max = {:?}", vec![8; 129]);
    refused(FOREST, "depth_max = [6, 8]", &many, &["`search.parameters.leaf_rows_min`", "256"]);
}
