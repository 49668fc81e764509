//! Why a file is no table that can be asked.

use std::io;

use crate::ShelfError;

use super::rows::{MAX_COLUMNS, MAX_ROW};

/// Why a file is no table. The texts are for the model and for whoever sent the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TableError {
    #[error("row {row} has more than {MAX_ROW} bytes; maybe a quote is not closed, or it is no table")]
    RowTooLarge { row: u64 },
    #[error("it has more than {MAX_COLUMNS} columns")]
    TooManyColumns,
    #[error("row {row} has {cells} values, and the first row names {columns} columns")]
    MoreCells { row: u64, cells: usize, columns: usize },
    #[error("it is empty: the first row must name the columns")]
    Empty,
    #[error("{0}")]
    Format(String),
    #[error("it needs more than {0} bytes of memory as a table; ask about fewer or smaller files at once")]
    TooLarge(usize),
    /// The question is over, whatever the file holds.
    #[error("it was not read to its end")]
    Stopped,
    /// It can be tried again.
    #[error("it cannot be read now")]
    Unread,
    #[error("it is damaged; it must be sent again")]
    Damaged,
}

impl TableError {
    /// Whether it says something of the file that stays so.
    pub(super) const fn is_final(&self) -> bool {
        !matches!(self, Self::Stopped | Self::Unread | Self::TooLarge(_))
    }
}

impl From<&ShelfError> for TableError {
    fn from(error: &ShelfError) -> Self {
        match error {
            ShelfError::Damaged { .. } => Self::Damaged,
            ShelfError::Erased { .. } | ShelfError::NotFound { .. } => Self::Stopped,
            _ => Self::Unread,
        }
    }
}

impl From<&io::Error> for TableError {
    fn from(error: &io::Error) -> Self {
        error.get_ref().and_then(|inner| inner.downcast_ref::<ShelfError>()).map_or(Self::Unread, Self::from)
    }
}
