//! The file that is being filled, which remembers what the system refused.

use std::fs::File;
use std::io::{self, ErrorKind, Write};

/// A file to write into. An encoder may wrap what the system says in words of its own, such as of a specification that was
/// not met; what is kept here is the reason itself, such as a full disk.
#[derive(Debug)]
pub struct Output<'a> {
    file: &'a mut File,
    refusal: Option<io::Error>,
}

impl<'a> Output<'a> {
    pub(super) fn new(file: &'a mut File) -> Self {
        Self { file, refusal: None }
    }

    /// Gives the first thing that the system refused.
    pub(super) fn refusal(self) -> Option<io::Error> {
        self.refusal
    }

    fn remember<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &done
            && error.kind() != ErrorKind::Interrupted
        {
            let copy = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
            self.refusal.get_or_insert(copy);
        }
        done
    }
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let done = self.file.write(bytes);
        self.remember(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        let done = self.file.flush();
        self.remember(done)
    }
}
