//! Reading as a whole: blocks of any size give the same, and every limit holds.

use super::*;
use crate::loans::rules::RuleId;

const KEPT: [&str; 3] = [columns::LOAN_ID, columns::ID, columns::LOAN_DATE];
const HEADER: &str = "loan_id,id,code_gender,name_housing_type,status,birthday,job_start_date,loan_date,loan_amount";

/// A file of so many loans, of which every seventh has no amount, and every tenth line is followed by a blank one.
fn text(loans: usize) -> String {
    let line = |loan: usize| {
        let amount = if loan % 7 == 6 { "none" } else { "5" };
        let blank = if loan % 10 == 9 { "\n" } else { "" };
        format!("{loan},1,F,,0,1990-01-01,,2020-01-01,{amount}\n{blank}")
    };
    format!("{HEADER}\n{}", (0..loans).map(line).collect::<String>())
}

fn read(texts: &[String], limits: Limits) -> (Loans, Result<(), LoansError>) {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |(place, text): (usize, &String)| {
        let path = folder.path().join(format!("{place}.csv"));
        std::fs::write(&path, text).expect("a write");
        path
    };
    let files: Vec<_> = texts.iter().enumerate().map(put).collect();
    Loans::read(&files, &KEPT, "2021-01-01".parse().expect("a day"), limits)
}

#[test]
fn blocks_of_any_size_give_the_same() {
    let texts = [text(50), text(33)];
    let (whole, ended) = read(&texts, Limits::default());
    ended.expect("fine files");
    let lines = |loans: &Loans| loans.rejects.iter().map(|reject| (reject.file, reject.line)).collect::<Vec<_>>();
    assert_eq!((whole.held.len(), whole.rejects.len()), (72, 11));
    // Loan 13 is the second without an amount; the header and a blank line stand before it.
    assert_eq!(lines(&whole)[..2], [(0, 8), (0, 16)]);
    assert_eq!(lines(&whole)[7], (1, 8));
    for block_bytes in [HEADER.len() + 1, 150, 999] {
        let (cut, ended) = read(&texts, Limits { block_bytes, ..Limits::default() });
        ended.expect("fine files");
        assert_eq!(lines(&cut), lines(&whole), "{block_bytes}");
        assert_eq!(cut.held.whole(0), whole.held.whole(0), "{block_bytes}");
        assert_eq!(cut.held.attributes, whole.held.attributes, "{block_bytes}");
        let counts = |loans: &Loans| loans.files.iter().map(|file| (file.rows, file.digest)).collect::<Vec<_>>();
        assert_eq!(counts(&cut), counts(&whole), "{block_bytes}");
        for rule in (0..whole.rules.list.len() as u16).map(RuleId) {
            let examples = |loans: &Loans| {
                loans.tallies.get(rule).examples.iter().map(|at| (at.file, at.line)).collect::<Vec<_>>()
            };
            assert_eq!(cut.tallies.get(rule).rows, whole.tallies.get(rule).rows, "{block_bytes}");
            assert_eq!(examples(&cut), examples(&whole), "{block_bytes}");
        }
    }
}

#[test]
fn limits_hold() {
    let texts = [text(70)];
    let check = |limits: Limits, fine: bool, said: &str| {
        let (_, ended) = read(&texts, limits);
        let told = ended.as_ref().err().map(ToString::to_string).unwrap_or_default();
        assert_eq!(ended.is_ok(), fine, "{told}");
        assert!(told.contains(said), "{told}");
    };
    let limits = Limits::default;
    check(Limits { loans_max: 60, ..limits() }, true, "");
    check(Limits { loans_max: 59, ..limits() }, false, "more than 59 loans");
    check(Limits { rejects_max: 10, ..limits() }, true, "");
    check(Limits { rejects_max: 9, ..limits() }, false, "rows break a rule, which is more than are kept");
    let bytes: usize = read(&texts, limits()).0.rejects.iter().map(Reject::bytes).sum();
    check(Limits { rejects_bytes_max: bytes, ..limits() }, true, "");
    check(Limits { rejects_bytes_max: bytes - 1, ..limits() }, false, "rows break a rule");
    check(Limits { block_bytes: 40, ..limits() }, false, "a line longer than 40 bytes");
}

#[test]
fn what_was_read_before_a_fault_is_told() {
    let (loans, ended) = read(&[text(20), format!("{HEADER}\n")], Limits::default());
    assert!(matches!(ended, Err(LoansError::NoLoans(_))));
    assert_eq!((loans.files[0].rows, loans.files[1].rows), (20, 0));
    assert!(loans.files[0].digest.is_some());
}
