//! What a command answers, on stdout; logs go to stderr.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Tells a line or more. A reader that went away, as `head -1` does, has read what it wanted: that is no error, and the work
/// goes on.
///
/// # Errors
/// Whatever else keeps the answer from being written, such as a full disk.
pub fn tell(text: impl Display) -> io::Result<()> {
    tell_to(io::stdout().lock(), text)
}

/// Counts things in words: `1 loan`, `24 loans`.
pub fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

fn tell_to(mut out: impl Write, text: impl Display) -> io::Result<()> {
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        told => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!([0, 1, 24].map(|count| counted(count, "user")), ["0 users", "1 user", "24 users"]);
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let mut told = Vec::new();
        tell_to(&mut told, "24 loans").expect("memory takes it");
        assert_eq!(told, b"24 loans\n");
        assert!(tell_to(Failing(ErrorKind::BrokenPipe), "24 loans").is_ok());
        assert!(tell_to(Failing(ErrorKind::StorageFull), "24 loans").is_err());
    }
}
