//! What tiles and bundles are called: `tile/0/x001/x234/067.p/8`, `tile/entries/x001/067`.

use std::{fmt, str::FromStr};

use super::TILE_WIDTH;
use crate::lines::decimal;

/// The highest level that a path may name. A tree of 64 bits has tiles up to level 7.
pub const MAX_LEVEL: u8 = 63;

/// Characters of a path at most: those of the largest index, level and width.
const MAX_PATH: usize = "tile/entries/x018/x446/x744/x073/x709/x551/615.p/255".len();

/// Three digits a part of the path, so that no folder has more than a few thousand files.
const GROUP: u64 = 1_000;

/// A file of a log, below the log's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TilePath {
    /// Hashes.
    Tile {
        /// The level, 0 to [`MAX_LEVEL`].
        level: u8,
        /// The index in the level.
        index: u64,
        /// The hashes in it: 1 to 255, or 256 for a full tile.
        width: u16,
    },
    /// Entries.
    Entries {
        /// The index; the first entry is number `256 * index`.
        index: u64,
        /// The entries in it: 1 to 255, or 256 for a full bundle.
        width: u16,
    },
}

impl TilePath {
    /// The index.
    #[must_use]
    pub fn index(&self) -> u64 {
        match self {
            Self::Tile { index, .. } | Self::Entries { index, .. } => *index,
        }
    }

    /// The hashes or entries in it.
    #[must_use]
    pub fn width(&self) -> u16 {
        match self {
            Self::Tile { width, .. } | Self::Entries { width, .. } => *width,
        }
    }

    /// Whether it is full, so that it never changes and no wider one comes.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.width() == TILE_WIDTH
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tile { level, .. } => write!(f, "tile/{level}/")?,
            Self::Entries { .. } => f.write_str("tile/entries/")?,
        }
        write_index(f, self.index())?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width()) }
    }
}

fn write_index(f: &mut fmt::Formatter<'_>, index: u64) -> fmt::Result {
    write_folders(f, index / GROUP)?;
    write!(f, "{:03}", index % GROUP)
}

fn write_folders(f: &mut fmt::Formatter<'_>, index: u64) -> fmt::Result {
    if index == 0 {
        return Ok(());
    }
    write_folders(f, index / GROUP)?;
    write!(f, "x{:03}/", index % GROUP)
}

/// A text that is the path of no tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a tile: write `tile/<level>/<index>` or `tile/entries/<index>`, as in `tile/0/x001/067.p/8`")]
pub struct PathError;

impl FromStr for TilePath {
    type Err = PathError;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        let parsed = if path.len() <= MAX_PATH { parse(path) } else { None };
        // The one spelling is the one that is written.
        parsed.filter(|parsed| parsed.to_string() == path).ok_or(PathError)
    }
}

fn parse(path: &str) -> Option<TilePath> {
    let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => (index, parse_width(width)?),
        None => (rest, TILE_WIDTH),
    };
    let index = parse_index(index)?;
    if kind == "entries" {
        return Some(TilePath::Entries { index, width });
    }
    let level = u8::try_from(decimal(kind)?).ok().filter(|level| *level <= MAX_LEVEL)?;
    Some(TilePath::Tile { level, index, width })
}

fn parse_width(text: &str) -> Option<u16> {
    u16::try_from(decimal(text)?).ok().filter(|width| (1..TILE_WIDTH).contains(width))
}

fn parse_index(text: &str) -> Option<u64> {
    text.split('/').try_fold(0_u64, |index, part| {
        let digits = part.strip_prefix('x').unwrap_or(part);
        let valid = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let group = if valid { digits.parse().ok()? } else { return None };
        index.checked_mul(GROUP)?.checked_add(group)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Option<TilePath>) {
        assert_eq!(path.parse().ok(), expected, "{path}");
        assert!(expected.is_none_or(|expected| expected.to_string() == path), "{path}");
    }

    fn tile(level: u8, index: u64, width: u16) -> TilePath {
        TilePath::Tile { level, index, width }
    }

    fn entries(index: u64, width: u16) -> TilePath {
        TilePath::Entries { index, width }
    }

    #[test]
    fn a_path_names_a_tile_or_entries() {
        check("tile/0/000", Some(tile(0, 0, 256)));
        check("tile/0/x001/x234/067.p/8", Some(tile(0, 1_234_067, 8)));
        check("tile/0/x001/x234/067", Some(tile(0, 1_234_067, 256)));
        check("tile/1/999.p/255", Some(tile(1, 999, 255)));
        check("tile/1/x001/000.p/1", Some(tile(1, 1_000, 1)));
        check("tile/63/000", Some(tile(63, 0, 256)));
        check("tile/entries/x001/067", Some(entries(1_067, 256)));
        check("tile/entries/000.p/1", Some(entries(0, 1)));
        check("tile/entries/x018/x446/x744/x073/x709/x551/615.p/255", Some(entries(u64::MAX, 255)));
        check("tile/63/x018/x446/x744/x073/x709/x551/615.p/255", Some(tile(63, u64::MAX, 255)));
    }

    #[test]
    fn a_path_has_one_spelling() {
        let wrong = [
            "",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "tile//000",
            "/tile/0/000",
            "tile/0/000/",
            "tile/0//000",
            "tile/64/000",
            "tile/256/000",
            "tile/-1/000",
            "tile/+1/000",
            "tile/00/000",
            "tile/01/000",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/0/1000",
            "tile/0/x000",
            "tile/0/x000/001",
            "tile/0/x001",
            "tile/0/001/002",
            "tile/0/x001/x002",
            "tile/0/xx01/002",
            "tile/0/x01/002",
            "tile/0/+01",
            "tile/0/x+01/002",
            "tile/0/0x1",
            "tile/0/000.p",
            "tile/0/000.p/",
            "tile/0/000.p/0",
            "tile/0/000.p/01",
            "tile/0/000.p/256",
            "tile/0/000.p/257",
            "tile/0/000.p/65537",
            "tile/0/000.p/+1",
            "tile/0/000.p/1/",
            "tile/0/000.p/1.p/1",
            "tile/0/.p/1",
            "tile/0/x001.p/1",
            "tile/0/000 ",
            "tile/0/000\n",
            "Tile/0/000",
            "tile/data/000",
            "tile/Entries/000",
            "tile/8/0/x001/000.p/1",
            "tile/0/../000",
            "tile/entries/٠٠٠",
            "tile/entries/x018/x446/x744/x073/x709/x551/616",
            "tile/entries/x999/x999/x999/x999/x999/x999/999",
            "tile/entries/x001/x000/x000/x000/x000/x000/x000/000",
        ];
        for path in wrong {
            check(path, None);
        }
    }
}
