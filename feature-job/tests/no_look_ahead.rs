//! Nothing that happens after a loan moves its features. The fault: later loans leak into earlier rows. It is injected by
//! changing, taking away and adding loans after a random day; every row until that day must keep its bits.

mod common;

use std::collections::BTreeMap;

use common::Folder;
use contract::date::Date;
use contract::view::Ages;
use feature_job::offline::Table;
use feature_job::sample;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

const AS_OF: &str = "2021-01-01";
const SEED: u64 = 20;

/// The bits of every loan's features until a day, by loan.
fn features(folder: &Folder, text: &str, until: Date) -> BTreeMap<i64, Vec<u64>> {
    let input = folder.put("loans.csv", text);
    folder.build(&[input], AS_OF).expect("a fine file");
    let table = Table::read(&folder.out).expect("a store");
    let [as_of, event] = [Ages::AsOf, Ages::Event].map(|ages| table.rows(ages));
    let bits = |row: usize| [&as_of[row * 5..][..5], &event[row * 5..][..5]].concat().into_iter().map(f64::to_bits);
    let known = (0..table.len()).filter(|&row| table.event_days[row] <= until.days());
    known.map(|row| (table.loan_ids[row], bits(row).collect())).collect()
}

/// Changes what lies after a day: some loans go, some get another day, amount and outcome, and some come anew.
fn changed(text: &str, until: Date, rng: &mut StdRng) -> String {
    let mut lines = Vec::new();
    for (place, line) in text.lines().enumerate() {
        let mut fields: Vec<_> = line.split(',').map(str::to_owned).collect();
        let later = place > 0 && fields[22].parse::<Date>().expect("a day") > until;
        match if later { rng.random_range(0..4) } else { 3 } {
            0 => continue,
            1 => {
                let day = Date::from_days(rng.random_range(until.days() + 1..until.days() + 900)).expect("a day");
                fields[22] = day.to_string();
                fields[23] = rng.random_range(1..100_000).to_string();
                fields[19] = rng.random_range(0..2).to_string();
            }
            2 => {
                let mut more = fields.clone();
                more[0] = (10_000_000 + place).to_string();
                lines.push(more.join(","));
            }
            _ => {}
        }
        lines.push(fields.join(","));
    }
    lines.join("\n")
}

#[test]
fn the_future_does_not_move_the_past() {
    let folder = Folder::new();
    let csv = folder.input("sample.csv");
    sample::write(150, SEED, &csv, |_| {}).expect("a sample");
    let text = std::fs::read_to_string(csv).expect("the sample");
    let mut rng = StdRng::seed_from_u64(SEED);
    for _ in 0..8 {
        let until = Date::from_days(rng.random_range(17_897..18_626)).expect("a day of the sample");
        let before = features(&folder, &text, until);
        let after = features(&folder, &changed(&text, until, &mut rng), until);
        assert!(before.len() > 1, "until {until}, seed {SEED}");
        assert!(before == after, "features until {until} moved, seed {SEED}");
    }
}
