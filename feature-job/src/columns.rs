//! The columns of a loan file and of the offline store, each named once.

/// What the values of a loan file's column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Whole,
    /// A number with a fraction.
    Number,
    /// A day, as YYYY-MM-DD.
    Day,
    /// A text.
    Text,
}

/// The 24 columns of a loan file, in the order that [`crate::sample`] writes them.
pub const LOAN_FILE: [(&str, Kind); 24] = [
    (LOAN_ID, Kind::Whole),
    (ID, Kind::Whole),
    (CODE_GENDER, Kind::Text),
    (FLAG_OWN_CAR, Kind::Text),
    ("flag_own_realty", Kind::Text),
    ("cnt_children", Kind::Whole),
    ("amt_income_total", Kind::Number),
    ("name_income_type", Kind::Text),
    ("name_education_type", Kind::Text),
    ("name_family_status", Kind::Text),
    (NAME_HOUSING_TYPE, Kind::Text),
    ("days_birth", Kind::Whole),
    ("days_employed", Kind::Whole),
    ("flag_mobil", Kind::Whole),
    ("flag_work_phone", Kind::Whole),
    ("flag_phone", Kind::Whole),
    ("flag_email", Kind::Whole),
    ("occupation_type", Kind::Text),
    ("cnt_fam_members", Kind::Number),
    (STATUS, Kind::Whole),
    (BIRTHDAY, Kind::Day),
    (JOB_START_DATE, Kind::Day),
    (LOAN_DATE, Kind::Day),
    (LOAN_AMOUNT, Kind::Number),
];

/// The loan's own id, unique in a loan file.
pub const LOAN_ID: &str = "loan_id";
/// The user's id: it says whose a row is, and is never a feature.
pub const ID: &str = "id";
/// The day the loan was taken: the event time.
pub const LOAN_DATE: &str = "loan_date";
/// How much was lent.
pub const LOAN_AMOUNT: &str = "loan_amount";
/// The user's day of birth.
pub const BIRTHDAY: &str = "birthday";
/// The day the user's job started; 3021-09-18 stands for none.
pub const JOB_START_DATE: &str = "job_start_date";
/// `Y` or `N` in a loan file, 1 or 0 as a feature.
pub const FLAG_OWN_CAR: &str = "flag_own_car";
/// The label: 1 if the loan was not paid on time.
pub const STATUS: &str = "status";
/// The user's gender: a slice of the evaluation, not a feature.
pub const CODE_GENDER: &str = "code_gender";
/// How the user lives: a slice of the evaluation, not a feature.
pub const NAME_HOUSING_TYPE: &str = "name_housing_type";

/// The columns of a loan file that lead an offline store, whatever its view: what a loan is, and what it is computed from.
pub const STORE_FIRST: [&str; 6] = [LOAN_ID, ID, LOAN_DATE, LOAN_AMOUNT, BIRTHDAY, JOB_START_DATE];
/// The columns of a loan file that end an offline store: the label, and what an evaluation is sliced by.
pub const STORE_LAST: [&str; 3] = [STATUS, CODE_GENDER, NAME_HOUSING_TYPE];

/// Gives the names of a loan file's columns, in order.
pub fn loan_file() -> [&'static str; 24] {
    LOAN_FILE.map(|(name, _)| name)
}

/// Finds a column of a loan file.
pub fn find(name: &str) -> Option<(&'static str, Kind)> {
    LOAN_FILE.into_iter().find(|(column, _)| *column == name)
}

/// Gives the offline store's column that holds a feature counted from the loan's own day.
pub fn event(feature: &str) -> String {
    format!("{feature}_event")
}
