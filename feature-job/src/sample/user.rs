//! One invented user, and the user's loans.

use std::io::{self, Write};
use std::ops::RangeInclusive;

use contract::date::Date;
use rand::Rng;

use super::draw::{chance, exponential, pick, quantile};
use super::tables;

/// The days on which loans are taken: 2019-01-01 to 2020-12-30.
const LOAN_DAYS: RangeInclusive<i32> = 17_897..=18_626;
/// What `days_birth` and `days_employed` count from: 2021-09-17.
const DAYS_ORIGIN: i32 = 18_887;
/// `days_employed` of a user without a job. Counted from the origin it gives 3021-09-18, which is no job's start.
const DAYS_WITHOUT_JOB: i32 = 365_243;
/// Loans are from 100 to 820.
const AMOUNT_MIN: f64 = 100.0;
const AMOUNT_MAX: f64 = 820.0;

/// What is the same in all of a user's loans.
#[derive(Debug)]
pub struct User {
    gender: &'static str,
    car: &'static str,
    realty: &'static str,
    children: u32,
    income: f64,
    income_type: &'static str,
    education: &'static str,
    family: (&'static str, u32),
    housing: &'static str,
    phones: [bool; 3],
    occupation: &'static str,
    birthday: i32,
    job_start: Option<i32>,
    /// The share of this user's loans that is late, for users who pay late at all.
    late_share: Option<f64>,
}

/// One loan of a user.
#[derive(Debug)]
pub struct Loan {
    /// When it was taken, in days since 1970-01-01.
    pub day: i32,
    /// How much was lent.
    pub amount: f64,
    /// Whether it was not paid on time.
    pub late: bool,
}

impl User {
    /// Draws a user.
    pub fn draw(rng: &mut impl Rng) -> Self {
        let pensioner = chance(rng, tables::PENSIONERS);
        let (gender, car) = pick(rng, &tables::GENDER_CAR);
        let age_years = quantile(rng, if pensioner { &tables::AGE_PENSIONER } else { &tables::AGE_EMPLOYED });
        let job_years = quantile(rng, &tables::YEARS_ON_THE_JOB).min(age_years - 17.0);
        let day_before = |years: f64| LOAN_DAYS.end() - (years * 365.0) as i32;
        Self {
            gender,
            car,
            realty: pick(rng, &tables::REALTY),
            children: if pensioner { 0 } else { pick(rng, &tables::CHILDREN) },
            income: pick(rng, &tables::INCOME),
            income_type: if pensioner { "Pensioner" } else { pick(rng, &tables::INCOME_TYPE) },
            education: pick(rng, &tables::EDUCATION),
            family: pick(rng, &tables::FAMILY),
            housing: pick(rng, &tables::HOUSING),
            phones: tables::PHONES.map(|share| chance(rng, share)),
            occupation: if pensioner { "" } else { pick(rng, &tables::OCCUPATION) },
            birthday: day_before(age_years),
            job_start: (!pensioner).then(|| day_before(job_years)),
            late_share: late_share(rng, age_years, (!pensioner).then_some(job_years), car == "Y"),
        }
    }

    /// Draws the user's loans, in order of time.
    pub fn loans(&self, rng: &mut impl Rng) -> Vec<Loan> {
        let count = quantile(rng, &tables::LOANS) as usize;
        let mut days: Vec<i32> = (0..count).map(|_| rng.random_range(LOAN_DAYS)).collect();
        days.sort_unstable();
        let mut loans: Vec<Loan> = days.into_iter().map(|day| Loan { day, amount: amount(rng), late: false }).collect();
        self.mark_late(rng, &mut loans);
        loans
    }

    /// Marks late loans: in users who pay late at all, more often when much was lent before, and at least one.
    fn mark_late(&self, rng: &mut impl Rng, loans: &mut [Loan]) {
        let Some(share) = self.late_share else { return };
        let mut lent = 0.0;
        let mut likely = (0, 0.0);
        for (place, loan) in loans.iter_mut().enumerate() {
            let mean = if place == 0 { 129.5 } else { lent / place as f64 };
            let weight = 1.0 + ((mean - 129.5) / 20.0).clamp(-0.6, 1.5);
            loan.late = chance(rng, share * weight * 0.8);
            lent += loan.amount;
            let draw = weight * rng.random::<f64>();
            if draw >= likely.1 {
                likely = (place, draw);
            }
        }
        if !loans.iter().any(|loan| loan.late) {
            loans[likely.0].late = true;
        }
    }

    /// Writes a loan as a line of the loan file.
    pub fn write_line(&self, out: &mut impl Write, loan_id: u64, id: u64, loan: &Loan) -> io::Result<()> {
        let Self { gender, car, realty, children, income, income_type, education, housing, occupation, .. } = self;
        let (status, adults) = self.family;
        let [work_phone, phone, email] = self.phones.map(u8::from);
        let (members, late) = (adults + children, u8::from(loan.late));
        let days_birth = self.birthday - DAYS_ORIGIN;
        let days_employed = self.job_start.map_or(DAYS_WITHOUT_JOB, |start| start - DAYS_ORIGIN);
        let (birthday, job_start) = (day(self.birthday), day(days_employed + DAYS_ORIGIN));
        let (loan_date, amount) = (day(loan.day), loan.amount);
        write!(out, "{loan_id},{id},{gender},{car},{realty},{children},{income:.1},{income_type},{education},")?;
        write!(out, "{status},{housing},{days_birth},{days_employed},1,{work_phone},{phone},{email},{occupation},")?;
        writeln!(out, "{members}.0,{late},{birthday},{job_start},{loan_date},{amount}")
    }
}

/// Decides whether a user pays late at all: the young, those new to their job or without one, and those without a car
/// do so more often. The real file's dependence is weaker still.
fn late_share(rng: &mut impl Rng, age_years: f64, job_years: Option<f64>, car: bool) -> Option<f64> {
    let young = (42.0 - age_years) / 12.0;
    let job = match job_years {
        Some(years) if years < 2.0 => 0.5,
        Some(years) => -(years / 10.0).min(1.5) * 0.5,
        None => 0.2,
    };
    let score = -1.91 + 0.35 * young + job - if car { 0.2 } else { 0.0 };
    let share = quantile(rng, &tables::LATE_SHARE);
    chance(rng, 1.0 / (1.0 + libm::exp(-score))).then_some(share)
}

fn amount(rng: &mut impl Rng) -> f64 {
    // Two exponentials: the real amounts have a heavier tail than one.
    let mean = if chance(rng, 0.85) { 26.0 } else { 50.0 };
    (AMOUNT_MIN + exponential(rng, mean)).min(AMOUNT_MAX)
}

fn day(days: i32) -> Date {
    Date::from_days(days).expect("every day drawn lies between 1950 and 3022")
}
