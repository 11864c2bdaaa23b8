//! The columns of a loan file and of the offline store, each named once.

/// The 24 columns of a loan file, in the order that [`crate::sample`] writes them.
pub const LOAN_FILE: [&str; 24] = [
    LOAN_ID,
    ID,
    CODE_GENDER,
    FLAG_OWN_CAR,
    "flag_own_realty",
    "cnt_children",
    "amt_income_total",
    "name_income_type",
    "name_education_type",
    "name_family_status",
    NAME_HOUSING_TYPE,
    "days_birth",
    "days_employed",
    "flag_mobil",
    "flag_work_phone",
    "flag_phone",
    "flag_email",
    "occupation_type",
    "cnt_fam_members",
    STATUS,
    BIRTHDAY,
    JOB_START_DATE,
    LOAN_DATE,
    LOAN_AMOUNT,
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

/// Gives the offline store's column that holds a feature counted from the loan's own day.
pub fn event(feature: &str) -> String {
    format!("{feature}_event")
}
