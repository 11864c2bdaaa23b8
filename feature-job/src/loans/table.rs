//! The rules that only the whole table shows: a loan's id stands once, and a user keeps the attributes of the first loan.

use std::collections::BTreeMap;

use polars::prelude::PlHashSet;
use rayon::prelude::*;

use super::LoansError;
use super::blocks::{BLOCK_BYTES, Blocks};
use super::header;
use super::part::{Seen, field, walk};
use super::read::Loans;
use super::source::Source;
use super::tally::{EXAMPLES_MAX, Example, Tally, short};
use super::users::Users;
use crate::columns;

/// A loan that was looked up again in its file.
#[derive(Debug, Clone)]
struct Found {
    file: usize,
    line: u64,
    /// Its values, by their columns' places in the schema.
    values: Vec<i64>,
    /// Their texts.
    texts: Vec<String>,
}

impl Loans {
    /// Judges the table, and counts what breaks its rules.
    ///
    /// # Errors
    /// [`LoansError`], where a file that is looked at again for an example no longer reads.
    pub fn judge_table(&mut self, users: &Users) -> Result<(), LoansError> {
        let repeated = repeated(self.held.whole(self.place(columns::LOAN_ID)));
        let changed = changed(&self.held.attributes, users);
        let firsts = |rows: &[(u32, u32)]| rows.iter().take(EXAMPLES_MAX).copied().collect::<Vec<_>>();
        let (repeated_first, changed_first) = (firsts(&repeated), firsts(&changed));
        let found =
            self.look_up(repeated_first.iter().chain(&changed_first).flat_map(|&(before, row)| [before, row]))?;

        let loan_id = self.place(columns::LOAN_ID);
        let examples = repeated_first.iter().filter_map(|(before, row)| {
            let (before, row) = (found.get(before)?, found.get(row)?);
            Some(row.example(self, format!("{}, also in {}", short(&row.texts[loan_id]), before.place(self))))
        });
        let unique = Tally { rows: repeated.len() as u64, examples: examples.collect() };
        let examples = changed_first.iter().filter_map(|(before, row)| {
            let (before, row) = (found.get(before)?, found.get(row)?);
            let column = self.constant().iter().copied().find(|&place| before.values[place] != row.values[place])?;
            let [here, there] = [row, before].map(|found| short(&found.texts[column]));
            let name = &self.schema.columns[column].name;
            Some(row.example(self, format!("{name} {here}, but {there} in {}", before.place(self))))
        });
        let constant = Tally { rows: changed.len() as u64, examples: examples.collect() };
        self.tallies.set(self.rules.unique, unique);
        self.tallies.set(self.rules.constant, constant);
        Ok(())
    }

    /// Looks loans up in their files: where they stand, and with which texts.
    fn look_up(&self, rows: impl Iterator<Item = u32>) -> Result<BTreeMap<u32, Found>, LoansError> {
        let wanted: PlHashSet<u32> = rows.collect();
        let mut found = BTreeMap::new();
        let mut row = 0;
        for (place, file) in self.files.iter().enumerate() {
            let loans = (file.rows - file.rejected) as u32;
            if wanted.iter().any(|wanted| (row..row + loans).contains(wanted)) {
                self.look_up_in(place, row, &wanted, &mut found)?;
            }
            row += loans;
        }
        Ok(found)
    }

    fn look_up_in(
        &self,
        file: usize,
        mut row: u32,
        wanted: &PlHashSet<u32>,
        found: &mut BTreeMap<u32, Found>,
    ) -> Result<(), LoansError> {
        let frame = self.frame(file);
        let source = Source::open(self.path(file))?;
        let mut first_line = source.first_line();
        let mut blocks = Blocks::new(source, BLOCK_BYTES);
        let mut header = true;
        while let Some(block) = blocks.next_block()? {
            let text = if std::mem::take(&mut header) { header::split_first(&block).1 } else { &block };
            first_line += walk(text, &frame, |number, _, seen| {
                let Seen::Row(fields, read) = seen else { return };
                if !read.broken.is_empty() {
                    return;
                }
                if wanted.contains(&row) {
                    let texts = (0..read.values.len()).map(|column| field(fields, column, &frame)).collect();
                    let line = first_line - 1 + number;
                    found.insert(row, Found { file, line, values: read.values.clone(), texts });
                }
                row += 1;
            });
        }
        Ok(())
    }
}

impl Found {
    fn example(&self, loans: &Loans, value: String) -> Example {
        let loan_id = short(&self.texts[loans.place(columns::LOAN_ID)]);
        Example { file: self.file, line: self.line, loan_id, value }
    }

    fn place(&self, loans: &Loans) -> String {
        format!("{}, line {}", loans.path(self.file).display(), self.line)
    }
}

/// Finds rows whose id stood before, each with the row where it stood first.
fn repeated(ids: &[i64]) -> Vec<(u32, u32)> {
    // Sorting is the quick way to see that there are none, which is the rule.
    let mut sorted = ids.to_vec();
    sorted.par_sort_unstable();
    let twice: PlHashSet<i64> = sorted.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    if twice.is_empty() {
        return Vec::new();
    }
    let mut firsts = BTreeMap::new();
    let rows = (0..).zip(ids).filter(|&(_, id)| twice.contains(id));
    let again = rows.filter_map(|(row, id)| match *firsts.entry(*id).or_insert(row) {
        first if first == row => None,
        first => Some((first, row)),
    });
    again.collect()
}

/// Finds rows whose attributes are not those of their user's first row, which is given before each.
fn changed(attributes: &[u64], users: &Users) -> Vec<(u32, u32)> {
    let differ = |first: u32, row: u32| attributes[first as usize] != attributes[row as usize];
    let of_user = |rows: &[u32]| {
        let first = rows[0];
        rows.iter().copied().filter(move |&row| differ(first, row)).map(|row| (first, row)).collect::<Vec<_>>()
    };
    let mut changed: Vec<_> = users.iter().flat_map(of_user).collect();
    changed.sort_unstable_by_key(|&(_, row)| row);
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_ids_are_found_in_order() {
        assert_eq!(repeated(&[5, 3, 9, 3, 5, 3]), [(1, 3), (0, 4), (1, 5)]);
        assert_eq!(repeated(&[5, 3, 9]), []);
        assert_eq!(repeated(&[]), []);
    }

    #[test]
    fn changed_attributes_are_found_in_order() {
        let users = Users::of(&[7, 3, 7, 3, 7]);
        assert_eq!(changed(&[1, 2, 1, 2, 1], &users), []);
        assert_eq!(changed(&[1, 2, 9, 8, 1], &users), [(0, 2), (1, 3)]);
    }
}
