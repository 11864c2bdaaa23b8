//! Every rule of a row: a value at its bound passes, one past it sends the row to the rejects under the rule's name.

mod common;

use common::Folder;
use feature_job::features::build::{self, Options};
use serde_json::Value;

/// A fine loan with all columns, user `id` of their own.
fn line(id: usize) -> Vec<(&'static str, String)> {
    let fields = [
        ("loan_id", "10"),
        ("id", "70"),
        ("code_gender", "F"),
        ("flag_own_car", "Y"),
        ("flag_own_realty", "N"),
        ("cnt_children", "0"),
        ("amt_income_total", "135000.0"),
        ("name_income_type", "Working"),
        ("name_education_type", "Higher education"),
        ("name_family_status", "Married"),
        ("name_housing_type", "House / apartment"),
        ("days_birth", "-11000"),
        ("days_employed", "-1500"),
        ("flag_mobil", "1"),
        ("flag_work_phone", "0"),
        ("flag_phone", "0"),
        ("flag_email", "0"),
        ("occupation_type", "Laborers"),
        ("cnt_fam_members", "2.0"),
        ("status", "0"),
        ("birthday", "1990-01-01"),
        ("job_start_date", "2015-01-01"),
        ("loan_date", "2020-01-01"),
        ("loan_amount", "100.5"),
    ];
    let number = |name: &str, value: &str| if name.ends_with("id") { format!("{value}{id}") } else { value.to_owned() };
    fields.map(|(name, value)| (name, number(name, value))).into()
}

fn text(lines: &[Vec<(&'static str, String)>]) -> String {
    let header: Vec<_> = lines[0].iter().map(|(name, _)| *name).collect();
    let row = |line: &Vec<(&str, String)>| line.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(",");
    format!("{}\n{}\n", header.join(","), lines.iter().map(row).collect::<Vec<_>>().join("\n"))
}

/// Three loans, of which the second has some fields changed; gives how many rows broke each rule that was broken.
fn broken(changes: &[(&str, &str)]) -> Vec<(String, u64)> {
    let mut lines = [line(0), line(1), line(2)];
    for (column, value) in changes {
        let field = lines[1].iter_mut().find(|(name, _)| name == column).expect("a column");
        field.1 = (*value).to_owned();
    }
    let folder = Folder::new();
    let input = folder.put("loans.csv", text(&lines));
    let options = Options { rejects_max_share: 0.5, ..Options::at("2021-01-01".parse().expect("a day")) };
    build::build(&[input], &options, &folder.out).expect("one reject of three is fine");
    let report = folder.report();
    let rules = report["rules"].as_array().expect("rules");
    let count =
        |rule: &Value| (rule["name"].as_str().expect("a name").to_owned(), rule["rows"].as_u64().expect("rows"));
    let broken: Vec<_> = rules.iter().map(count).filter(|(_, rows)| *rows > 0).collect();
    let rejected = broken.iter().any(|(name, _)| name != "job_start_date_day");
    assert_eq!(report["rejected"], u64::from(rejected), "{changes:?}");
    broken
}

#[track_caller]
fn check(column: &str, fine: &[&str], refused: &[(&str, &str)]) {
    for value in fine {
        assert_eq!(broken(&[(column, value)]), [], "{column} = {value}");
    }
    for (value, rule) in refused {
        assert_eq!(broken(&[(column, value)]), [((*rule).to_owned(), 1)], "{column} = {value}");
    }
}

#[test]
fn whole_numbers_keep_their_ranges() {
    for column in ["loan_id", "id"] {
        let rule = |end: &str| format!("{column}_{end}");
        let (whole, range, present) = (rule("whole"), rule("range"), rule("present"));
        let refused = [
            ("", present.as_str()),
            (" ", &present),
            ("x", &whole),
            ("1.5", &whole),
            ("+1", &whole),
            ("-1", &range),
            ("9007199254740993", &range),
            ("99999999999999999999", &range),
        ];
        check(column, &["0", "9007199254740992"], &refused);
    }
    for flag in ["flag_mobil", "flag_work_phone", "flag_phone", "flag_email", "status"] {
        let (present, range, whole) = (format!("{flag}_present"), format!("{flag}_range"), format!("{flag}_whole"));
        check(flag, &["0", "1"], &[("", &present), ("-1", &range), ("2", &range), ("C", &whole), ("0.5", &whole)]);
    }
    check(
        "cnt_children",
        &["0", "19", "100"],
        &[("101", "cnt_children_range"), ("-1", "cnt_children_range"), ("two", "cnt_children_whole")],
    );
    let days = [("-60001", "days_birth_range"), ("1", "days_birth_range"), ("", "days_birth_present")];
    check("days_birth", &["-60000", "0"], &days);
    let days = [("-60001", "days_employed_range"), ("365244", "days_employed_range")];
    check("days_employed", &["-60000", "365243"], &days);
}

#[test]
fn numbers_keep_their_ranges() {
    let refused = [
        ("", "loan_amount_present"),
        ("-0.01", "loan_amount_range"),
        ("100000000000.1", "loan_amount_range"),
        ("NaN", "loan_amount_number"),
        ("inf", "loan_amount_number"),
        ("1e999", "loan_amount_number"),
        ("12 EUR", "loan_amount_number"),
    ];
    check("loan_amount", &["0", "1e11", "128.90637116931464"], &refused);
    let refused = [("-1", "amt_income_total_range"), ("1000000000001", "amt_income_total_range")];
    check("amt_income_total", &["0", "1e12"], &refused);
    let refused = [("0.5", "cnt_fam_members_range"), ("101", "cnt_fam_members_range"), ("x", "cnt_fam_members_number")];
    check("cnt_fam_members", &["1", "20.0", "100"], &refused);
}

#[test]
fn categories_are_those_declared() {
    let flag = |value| (value, "flag_own_car_allowed");
    check("flag_own_car", &["N", "Y"], &[flag("y"), flag("Yes"), flag("1"), ("", "flag_own_car_present")]);
    check("flag_own_realty", &["N", "Y"], &[("0", "flag_own_realty_allowed")]);
    check("code_gender", &["F", "M", ""], &[("X", "code_gender_allowed")]);
    check("name_housing_type", &["With parents", ""], &[("Castle", "name_housing_type_allowed")]);
    let refused = [("Heir", "name_income_type_allowed"), ("", "name_income_type_present")];
    check("name_income_type", &["Pensioner"], &refused);
    check("name_education_type", &["Academic degree"], &[("None", "name_education_type_allowed")]);
    check("name_family_status", &["Widow"], &[("Single", "name_family_status_allowed")]);
    check("occupation_type", &["IT staff", ""], &[("Cook", "occupation_type_allowed")]);
}

#[test]
fn days_are_days_of_the_calendar_and_in_order() {
    let day = |value| (value, "loan_date_day");
    let refused = [
        ("", "loan_date_present"),
        day("soon"),
        day("2020-2-01"),
        day("01/02/2020"),
        day("2020-02-30"),
        day("2020-02-01 10:00"),
        ("1899-12-31", "loan_date_range"),
    ];
    // After as-of: not known yet, and neither rejected nor wrong.
    check("loan_date", &["1990-01-01", "2021-01-01", "2021-01-02", "9999-12-31"], &refused);
    check("loan_date", &[], &[("1989-12-31", "birthday_before_loan")]);
    let refused = [("", "birthday_present"), ("1990", "birthday_day"), ("1849-12-31", "birthday_range")];
    check("birthday", &["2015-01-01"], &refused);
    check("birthday", &[], &[("2015-01-02", "birthday_before_job")]);
    // At as-of, the 1st of 2021, these are 151 years of 365 days less a day, and 151 years.
    let oldest = "1870-02-08";
    check("birthday", &[oldest], &[("1870-02-07", "age_at_as_of")]);
    check("job_start_date", &["", "3021-09-18", "2020-06-01", "1990-01-01"], &[("1989-12-31", "birthday_before_job")]);
    let newborn = [("birthday", "2020-01-01"), ("loan_date", "2020-01-01"), ("job_start_date", "")];
    assert_eq!(broken(&newborn), [], "a loan on the first day of life is odd, and in order");
}

#[test]
fn a_job_start_that_is_no_day_is_no_job_and_is_counted() {
    for value in ["soon", "2020-1-1", "2021-02-29"] {
        assert_eq!(broken(&[("job_start_date", value)]), [("job_start_date_day".to_owned(), 1)], "{value}");
    }
}

#[test]
fn a_row_names_every_rule_it_breaks() {
    let names: Vec<_> = broken(&[("status", "9"), ("flag_own_car", "?"), ("loan_amount", "-5")]);
    let names: Vec<_> = names.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["flag_own_car_allowed", "status_range", "loan_amount_range"]);
}
