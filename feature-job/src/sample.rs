//! Invents loan files: the columns and the distributions of the real one, any number of users, and a seed.
//!
//! Users are drawn one after the other and written as they are drawn, so memory does not grow with them, and a larger
//! sample starts with the users of a smaller one. The same users, seed and version of this program give the same bytes
//! (the generator is rand 0.9's `StdRng`, ChaCha12).

mod draw;
mod tables;
mod user;

use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::atomic::{self, AtomicError};
use crate::columns;
use user::User;

/// How many users a sample has unless told otherwise.
pub const USERS_DEFAULT: u64 = 5000;
/// The seed of a sample unless told otherwise.
pub const SEED_DEFAULT: u64 = 7;
/// The most users a sample may have: some 40 GB of loans.
pub const USERS_MAX: u64 = 10_000_000;

/// The first user's id and the first loan's, as in the real file.
const ID_FIRST: u64 = 5_008_804;
const LOAN_ID_FIRST: u64 = 1000;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// How many users.
    pub users: u64,
    /// How many loans.
    pub loans: u64,
    /// How many loans were not paid on time.
    pub late: u64,
}

/// Why there is no sample.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The number of users is out of its bounds.
    #[error("a sample has 1 to {USERS_MAX} users, not {0}")]
    Users(u64),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] AtomicError),
}

/// Writes a loan file, gzipped if its name ends in `.gz`; `progress` is told how many users are done.
///
/// # Errors
/// [`SampleError`]; no file is left then.
pub fn write(users: u64, seed: u64, out: &Path, progress: impl FnMut(u64)) -> Result<Summary, SampleError> {
    if !(1..=USERS_MAX).contains(&users) {
        return Err(SampleError::Users(users));
    }
    let gzip = out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    atomic::write(out, |file| {
        let failed = |source| AtomicError { path: out.to_owned(), source }.into();
        if gzip { zipped(users, seed, file, progress) } else { plain(users, seed, file, progress) }.map_err(failed)
    })
}

fn plain(users: u64, seed: u64, file: impl Write, progress: impl FnMut(u64)) -> io::Result<Summary> {
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    let summary = generate(users, seed, &mut writer, progress)?;
    writer.flush()?;
    Ok(summary)
}

fn zipped(users: u64, seed: u64, file: impl Write, progress: impl FnMut(u64)) -> io::Result<Summary> {
    // The encoder writes no clock time and no name into its header: the same loans give the same file.
    let mut writer = BufWriter::with_capacity(1 << 20, GzEncoder::new(file, Compression::fast()));
    let summary = generate(users, seed, &mut writer, progress)?;
    writer.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?;
    Ok(summary)
}

/// Writes the header and the users' loans.
fn generate(users: u64, seed: u64, mut out: impl Write, mut progress: impl FnMut(u64)) -> io::Result<Summary> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut summary = Summary { users, loans: 0, late: 0 };
    writeln!(out, "{}", columns::LOAN_FILE.join(","))?;
    for id in (ID_FIRST..).take(users as usize) {
        let user = User::draw(&mut rng);
        for loan in user.loans(&mut rng) {
            user.write_line(&mut out, LOAN_ID_FIRST + summary.loans, id, &loan)?;
            summary.loans += 1;
            summary.late += u64::from(loan.late);
        }
        progress(id + 1 - ID_FIRST);
    }
    Ok(summary)
}

#[cfg(test)]
mod tests;
