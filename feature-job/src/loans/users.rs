//! Loans by user: which rows are whose, in order of time, and how many users make a part of the work.

use polars::prelude::PlHashMap;
use rayon::prelude::*;

/// The rows of all users, users in order of their ids.
#[derive(Debug)]
pub struct Users {
    /// Row numbers, user by user; those of one user keep the order of the files.
    rows: Vec<u32>,
    /// Where each user's rows end, the last user's at the end of all.
    ends: Vec<usize>,
}

impl Users {
    /// Groups rows by their users' ids.
    pub fn of(ids: &[i64]) -> Self {
        let mut counts: PlHashMap<i64, u32> = PlHashMap::default();
        for &id in ids {
            *counts.entry(id).or_default() += 1;
        }
        let mut users: Vec<_> = counts.iter().map(|(&id, &count)| (id, count)).collect();
        users.par_sort_unstable();
        // From here on the map gives where a user's next row goes.
        let mut ends = Vec::with_capacity(users.len());
        let mut end = 0;
        for &(id, count) in &users {
            counts.insert(id, end);
            end += count;
            ends.push(end as usize);
        }
        let mut rows = vec![0; ids.len()];
        for (row, id) in (0..).zip(ids) {
            let next = counts.get_mut(id).expect("every id was counted");
            rows[*next as usize] = row;
            *next += 1;
        }
        Self { rows, ends }
    }

    /// Gives how many users there are.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// Gives each user's rows.
    pub fn iter(&self) -> impl Iterator<Item = &[u32]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.rows[start..end])
    }

    /// Gives parts of whole users, each with about `rows_max` of the rows until a day, in order of time; rows of one day
    /// keep the order of the files. Where a part ends depends on the rows alone.
    pub fn parts(&self, days: &[i32], until: i32, rows_max: usize) -> Vec<Vec<u32>> {
        let mut parts = Vec::new();
        let mut part: Vec<u32> = Vec::new();
        for user in self.iter() {
            let start = part.len();
            part.extend(user.iter().filter(|&&row| days[row as usize] <= until));
            part[start..].sort_by_key(|&row| days[row as usize]);
            if part.len() >= rows_max {
                parts.push(std::mem::take(&mut part));
            }
        }
        if !part.is_empty() {
            parts.push(part);
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_grouped_and_keep_their_order() {
        let users = Users::of(&[7, 3, 7, 9, 3, 7]);
        assert_eq!(users.iter().collect::<Vec<_>>(), [&[1, 4][..], &[0, 2, 5], &[3]]);
        assert_eq!(Users::of(&[]).iter().count(), 0);
    }

    #[test]
    fn parts_hold_whole_users_in_order_of_time() {
        let (ids, days) = ([7, 3, 7, 9, 3, 7], [5, 1, 4, 9, 1, 4]);
        let parts = |until, rows_max| Users::of(&ids).parts(&days, until, rows_max);
        assert_eq!(parts(9, 2), [vec![1, 4], vec![2, 5, 0], vec![3]]);
        assert_eq!(parts(9, 3), [vec![1, 4, 2, 5, 0], vec![3]]);
        assert_eq!(parts(4, 100), [[1, 4, 2, 5]]);
        assert_eq!(parts(0, 100), Vec::<Vec<u32>>::new());
    }
}
