//! Adding a feature is an edit in one place: a view's file. The new features are computed, stored and retrieved.

mod common;

use std::path::PathBuf;

use common::{Folder, HEADER, file, loan};
use contract::view::Ages;
use feature_job::features::build::{Options, build};
use feature_job::features::plan::{Plan, PlanError};
use feature_job::offline::{OfflineError, Reader, Table, latest};
use feature_job::retrieve::retrieve;
use polars::prelude::*;

const SHIPPED: &str = include_str!("../../contract/feature-view.toml");

/// The shipped view with further features, each a name, a type and a source.
fn view(folder: &Folder, features: &[(&str, &str, &str)]) -> PathBuf {
    let feature = |(name, kind, source): &(&str, &str, &str)| {
        format!(
            "\n[[features]]\nname = \"{name}\"\ntype = \"{kind}\"\nsource = {source}\nunit = \"any\"\nmin = 0.0\n\
             max = 1000000.0\nmissing_allowed = true\ndescription = \"A test's.\"\n"
        )
    };
    folder.put("view.toml", SHIPPED.to_owned() + &features.iter().map(feature).collect::<String>())
}

fn options(plan: Plan, as_of: &str, ages: Ages) -> Options {
    Options { plan, ages, ..Options::at(as_of.parse().expect("a day")) }
}

fn column(frame: &DataFrame, name: &str) -> Vec<Option<f64>> {
    let column = frame.column(name).expect(name).cast(&DataType::Float64).expect("numbers");
    column.f64().expect("floats").iter().collect()
}

#[test]
fn a_feature_is_added_in_the_views_file_alone() {
    let folder = Folder::new();
    let plan = view(&folder, &[("max_amount_loans_previous", "float", "{ max = \"loan_amount\" }")]);
    let plan = Plan::read(&plan).expect("a view");
    let lines = [
        loan(1, 1, "2020-01-01", "300"),
        loan(2, 1, "2020-02-01", "100"),
        loan(3, 1, "2020-03-01", "500"),
        loan(4, 2, "2020-01-01", "50"),
    ];
    let loans = folder.put("loans.csv", file(&lines));
    build(&[loans], &options(plan, "2020-12-31", Ages::AsOf), &folder.out).expect("fine loans");

    let reader = Reader::open(&folder.out).expect("a store");
    let stored = reader.groups(vec!["max_amount_loans_previous"]).next().expect("a group").expect("it reads");
    let wanted = [None, Some(300.0), Some(300.0), None];
    assert_eq!(column(&stored, "max_amount_loans_previous"), wanted);
    let users: Vec<_> = latest(&reader).map(|user| user.expect("it reads").values[5]).collect();
    assert_eq!((users[0], users[1].is_nan()), (300.0, true));

    let spine = folder.put("spine.csv", "user_id,time\n1,2020-02-15\n1,2020-01-15\n2,2020-02-15\n");
    let out = folder.put("training.parquet", "");
    retrieve(&spine, &folder.out, &out, Ages::AsOf).expect("a fine list");
    let answer = ParquetReader::new(std::fs::File::open(out).expect("it is there")).finish().expect("Parquet");
    assert_eq!(column(&answer, "max_amount_loans_previous"), [Some(300.0), None, None]);
    assert_eq!(column(&answer, "nb_previous_loans"), [Some(1.0), Some(0.0), Some(0.0)]);

    // Models are trained on the view that hosts serve.
    assert!(matches!(Table::read(&folder.out), Err(OfflineError::View { .. })));
}

#[test]
fn every_source_is_computed_over_earlier_loans_only() {
    let folder = Folder::new();
    let features = [
        ("total", "float", "{ sum = \"loan_amount\" }"),
        ("least", "float", "{ min = \"loan_amount\" }"),
        ("most", "float", "{ max = \"loan_amount\" }"),
        ("before", "float", "{ last = \"loan_amount\" }"),
        ("children_mean", "float", "{ mean = \"cnt_children\" }"),
        ("children_sum", "int", "{ sum = \"cnt_children\" }"),
        ("gap", "int", "{ days_since_previous = \"loan_date\" }"),
        ("income", "float", "{ value = \"amt_income_total\" }"),
        ("cnt_children", "int", "{ value = \"cnt_children\" }"),
        ("realty", "int", "{ flag = { column = \"flag_own_realty\", one = \"Y\", zero = \"N\" } }"),
        ("again", "float", "{ count = \"previous_loans\" }"),
    ];
    // `children_sum` and `cnt_children` read one column, so that the store must hold it under its own name.
    let error = Plan::read(&view(&folder, &features)).expect_err("the name is taken");
    assert!(matches!(error, PlanError::Taken { .. }), "{error}");
    let features =
        features.map(|(name, kind, source)| (if name == "cnt_children" { "children" } else { name }, kind, source));
    let plan = Plan::read(&view(&folder, &features)).expect("a view");

    let header = format!("{HEADER},flag_own_realty,cnt_children,amt_income_total");
    let rows = [("2020-01-01", 300), ("2020-01-11", 100), ("2020-01-11", 500), ("2020-02-01", 7)];
    let line = |(number, (date, amount)): (u64, (&str, i32))| {
        format!("{},{},2,1000.5", loan(number, 1, date, &amount.to_string()), "Y")
    };
    let lines: Vec<_> = (1..).zip(rows).map(line).collect();
    let loans = folder.put("loans.csv", format!("{header}\n{}\n", lines.join("\n")));
    build(&[loans], &options(plan, "2020-12-31", Ages::AsOf), &folder.out).expect("fine loans");

    let reader = Reader::open(&folder.out).expect("a store");
    let names = features.map(|(name, ..)| name);
    let stored = reader.groups(names.to_vec()).next().expect("a group").expect("it reads");
    let check = |name: &str, wanted: [Option<f64>; 4]| assert_eq!(column(&stored, name), wanted, "{name}");
    check("total", [None, Some(300.0), Some(400.0), Some(900.0)]);
    check("least", [None, Some(300.0), Some(100.0), Some(100.0)]);
    check("most", [None, Some(300.0), Some(300.0), Some(500.0)]);
    check("before", [None, Some(300.0), Some(100.0), Some(500.0)]);
    check("children_mean", [None, Some(2.0), Some(2.0), Some(2.0)]);
    check("children_sum", [None, Some(2.0), Some(4.0), Some(6.0)]);
    check("gap", [None, Some(10.0), Some(0.0), Some(21.0)]);
    check("income", [Some(1000.5); 4]);
    check("children", [Some(2.0); 4]);
    check("realty", [Some(1.0); 4]);
    check("again", [0.0, 1.0, 2.0, 3.0].map(Some));
    let types = stored.dtypes();
    let of = |name: &str| &types[names.iter().position(|known| *known == name).expect("a column")];
    assert_eq!((of("children_sum"), of("again")), (&DataType::Int64, &DataType::Float64));
}

#[test]
fn a_store_says_what_its_ages_count_from_and_gives_both_to_training() {
    let line = "1,7,F,Y,With parents,1,1990-01-01,2010-01-01,2015-01-01,100".to_owned();
    let mut rows = Vec::new();
    for ages in [Ages::AsOf, Ages::Event] {
        let folder = Folder::new();
        let loans = folder.put("loans.csv", file(std::slice::from_ref(&line)));
        build(&[loans], &options(Plan::credit_risk(), "2021-12-27", ages), &folder.out).expect("fine loans");
        let reader = Reader::open(&folder.out).expect("a store");
        assert_eq!(reader.content().ages, ages);
        let served = latest(&reader).next().expect("a user").expect("it reads").values;
        assert_eq!(served[2..4], if ages == Ages::AsOf { [32.0, 11.0] } else { [25.0, 5.0] });
        let table = Table::read(&folder.out).expect("a store");
        rows.push([table.rows(Ages::AsOf)[2..].to_vec(), table.rows(Ages::Event)[2..].to_vec()]);
    }
    assert_eq!(rows[0], [[32.0, 11.0, 1.0], [25.0, 5.0, 1.0]]);
    assert_eq!(rows[0], rows[1]);
}

#[test]
fn the_manifest_says_what_the_store_was_made_from() {
    let folder = Folder::new();
    let first = folder.put("a.csv", file(&[loan(1, 1, "2020-01-01", "1"), loan(2, 2, "2020-09-01", "1")]));
    let second = folder.put("b.csv", file(&[loan(3, 1, "2020-02-01", "1")]));
    folder.build(&[first.clone(), second.clone()], "2020-06-30").expect("fine loans");
    let reader = Reader::open(&folder.out).expect("a store");
    let manifest = reader.manifest().expect("it reads").expect("it lies beside the store");
    assert_eq!((manifest.rows, manifest.entities, manifest.excluded()), (2, 1, 1));
    let counts: Vec<_> = manifest.sources.iter().map(|source| (source.rows, source.excluded)).collect();
    assert_eq!(counts, [(2, 1), (1, 0)]);
    for (path, source) in [first, second].iter().zip(&manifest.sources) {
        let bytes = std::fs::read(path).expect("it is there");
        assert_eq!(source.digest, contract::digest::Digest::of(&bytes));
    }
    assert!(manifest.builder.starts_with(concat!("feature-job ", env!("CARGO_PKG_VERSION"))));
    let bytes = std::fs::read(&folder.out).expect("it is there");
    assert_eq!(reader.digest().expect("it reads"), contract::digest::Digest::of(&bytes));
}

#[test]
fn a_file_that_is_no_view_is_refused() {
    let folder = Folder::new();
    let check = |text: &str, said: &str| {
        let error = Plan::read(&folder.put("view.toml", text)).expect_err(said).to_string();
        assert!(error.contains("view.toml") && error.contains(said), "{error}");
    };
    check("", "not a feature view");
    check(&SHIPPED.replace("mean = ", "median = "), "unknown variant `median`, expected one of `count`, `sum`");
    check(&SHIPPED.replace("{ mean = \"loan_amount\" }", "\"mean\""), "not a feature view");
    assert!(matches!(Plan::read(&folder.out), Err(PlanError::Read { .. })));
    let unknown = folder.put("view.toml", SHIPPED.replace("\"loan_amount\"", "\"amount\""));
    let error = Plan::read(&unknown).expect_err("no such column").to_string();
    assert!(error.contains("feature `avg_amount_loans_previous` reads `amount`"), "{error}");
}
