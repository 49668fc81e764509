//! Files that are made of the records: each is held, bit by bit, against what it must be.

use std::{
    fs::File,
    io::{BufReader, Read},
};

use super::{Files, VerifyExportError, wrong};

/// A file that is read on as what it must be becomes known.
#[derive(Debug)]
pub(super) struct Made {
    path: &'static str,
    file: BufReader<File>,
    /// Lines that were looked at.
    line: u64,
}

impl Made {
    pub(super) fn open(files: &mut Files, path: &'static str) -> Result<Self, VerifyExportError> {
        Ok(Self { path, file: files.open_file(path)?, line: 0 })
    }

    /// That the next line is this one.
    pub(super) fn expect(&mut self, line: &str) -> Result<(), VerifyExportError> {
        self.line += 1;
        if self.read(line.len())? == line.as_bytes() {
            return Ok(());
        }
        Err(wrong(self.path, format!("line {} is not what the records say", self.line)))
    }

    /// That nothing is left.
    pub(super) fn end(&mut self) -> Result<(), VerifyExportError> {
        if self.read(1)?.is_empty() { Ok(()) } else { Err(wrong(self.path, "it has more than the records say")) }
    }

    /// That all of it is this.
    pub(super) fn expect_all(&mut self, bytes: &[u8]) -> Result<(), VerifyExportError> {
        if self.read(bytes.len())? == bytes {
            return self.end();
        }
        Err(wrong(self.path, "it is not what the records and the manifest say"))
    }

    fn read(&mut self, len: usize) -> Result<Vec<u8>, VerifyExportError> {
        let mut bytes = Vec::new();
        let read = self.file.by_ref().take(len as u64).read_to_end(&mut bytes);
        read.map_err(|source| VerifyExportError::Unreadable { file: self.path.to_owned(), source })?;
        Ok(bytes)
    }
}
