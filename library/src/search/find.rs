//! One search: what is not indexed yet is, the best passages are found, and what is shown of them is read from the shelf.

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc};

use forethought_tools::{Reply, ToolError};
use serde_json::json;

use super::{
    Documents,
    asked::Asked,
    index::{FileIndex, IndexError},
    rank::{Hit, best},
    snippet::snippet,
};
use crate::{ShelfError, shelf::Held, stop::Stop};

/// Room that is left for the last lines, in bytes.
const LAST_LINES: usize = 300;
/// Bytes of memory that another part of an index takes at least.
const LEAST_PART: usize = 16 * 1024;

/// One search.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub(super) tenant: String,
    pub(super) asked: Asked,
    /// Passages.
    pub(super) most: usize,
    /// Bytes of the answer.
    pub(super) bytes: usize,
}

/// A tenant's documents, as far as they can be searched.
#[derive(Default)]
struct Shelves {
    ready: Vec<(Held, Arc<FileIndex>)>,
    /// There was no time for these, or for all of them.
    unread: usize,
    /// There was no memory for these.
    too_large: usize,
    broken: usize,
}

impl Documents {
    /// Searches.
    pub(super) fn find(&self, search: &Search, stop: &Stop) -> Result<Reply, ToolError> {
        let shelves = self.shelves(&search.tenant, &stop.earlier())?;
        let indexes: Vec<_> = shelves.ready.iter().map(|(_, index)| Arc::clone(index)).collect();
        let hits = best(&indexes, &search.asked, search.most, stop).map_err(|error| failed(&error))?;
        drop(indexes);
        let mut lines = Vec::new();
        for hit in hits {
            if stop.reached() {
                return Err(ToolError::TimedOut(0));
            }
            let Some((held, _)) = shelves.ready.get(hit.document) else { continue };
            // What was erased or damaged in the meantime is as if it were not there.
            lines.extend(self.line(search, held, &hit).map(|line| (held, line)));
        }
        Ok(shelves.reply(lines, search.bytes))
    }

    /// A tenant's documents, the newest first, with the indexes that there are or that can be made in time.
    fn shelves(&self, tenant: &str, stop: &Stop) -> Result<Shelves, ToolError> {
        let mut held = self.shelf.all(tenant).map_err(|error| unavailable(&error))?;
        held.retain(|held| !held.info.kind.is_table());
        held.sort_by(|one, other| (other.info.created, &other.info.id).cmp(&(one.info.created, &one.info.id)));
        let (mut shelves, mut bytes) = (Shelves::default(), 0);
        for held in held {
            let (index, read) = self.index(tenant, &held, self.bounds.tenant_bytes.saturating_sub(bytes), stop);
            match read {
                Ok(()) => {}
                Err(_) if held.presence.gone() => continue,
                Err(IndexError::Stopped) => shelves.unread += 1,
                Err(IndexError::TooLarge) => shelves.too_large += 1,
                Err(IndexError::Shelf(error @ (ShelfError::Wrap(_) | ShelfError::Store(_)))) => {
                    return Err(unavailable(&error));
                }
                Err(error) => {
                    tracing::warn!(tenant, file = %held.info.id, %error, "a document cannot be searched");
                    shelves.broken += 1;
                }
            }
            bytes += index.bytes;
            shelves.ready.push((held, index));
        }
        self.indexes.settle();
        Ok(shelves)
    }

    /// The index of a document, as far as it can be made, and why no farther.
    fn index(&self, tenant: &str, held: &Held, most: usize, stop: &Stop) -> (Arc<FileIndex>, Result<(), IndexError>) {
        let known = self.indexes.find(tenant, &held.info.id).unwrap_or_else(|| Arc::new(FileIndex::unread()));
        let Some(rest) = known.rest else { return (known, Ok(())) };
        if stop.reached() {
            return (known, Err(IndexError::Stopped));
        }
        if known.bytes + LEAST_PART > most {
            return (known, Err(IndexError::TooLarge));
        }
        let mut index = (*known).clone();
        let stop = stop.with([held.presence.clone()]);
        let reading = self.shelf.read_from(tenant, &held.info.id, rest).map_err(IndexError::Shelf);
        let read = reading.and_then(|reading| index.read_on(reading, held.info.bytes, most, &stop));
        let index = Arc::new(index);
        self.indexes.keep(tenant, &held.info.id, &held.presence, &index);
        (index, read)
    }

    fn line(&self, search: &Search, held: &Held, hit: &Hit) -> Option<String> {
        let info = &held.info;
        let passage = self.shelf.read_part(&search.tenant, &info.id, hit.at, hit.len as usize).ok()?;
        let asked: BTreeSet<&str> = search.asked.all().collect();
        let text = snippet(&String::from_utf8_lossy(&passage), &asked);
        Some(json!({ "file": info.id, "name": info.name, "byte": hit.at, "of": info.bytes, "text": text }).to_string())
    }
}

impl Shelves {
    /// The lines for which there is room, of what is still there.
    fn reply(&self, lines: Vec<(&Held, String)>, bytes: usize) -> Reply {
        let (mut text, mut left_out, room) = (String::new(), 0, bytes.saturating_sub(LAST_LINES));
        for (held, line) in lines {
            if held.presence.gone() {
                continue;
            }
            if left_out == 0 && text.len() + line.len() < room {
                text.push_str(&line);
                text.push('\n');
            } else {
                left_out += line.len() as u64;
            }
        }
        self.add_notes(&mut text, left_out > 0);
        let reply = Reply::new(text, bytes);
        Reply { left_out: reply.left_out.saturating_add(left_out), ..reply }
    }

    fn add_notes(&self, text: &mut String, left_out: bool) {
        if self.ready.is_empty() && self.unread + self.too_large + self.broken == 0 {
            text.push_str("(there are no documents: no text was uploaded)\n");
        } else if text.is_empty() && !left_out {
            let documents = self.ready.len();
            let _ = writeln!(text, "(nothing was found in {documents} documents; try other words, or fewer in quotes)");
        }
        let mut note = |count: usize, what: &str| {
            if count > 0 {
                let _ = writeln!(text, "({count} documents {what})");
            }
        };
        note(self.unread, "were not read to their ends: there was no time; search again");
        note(self.too_large, "are not searched, or not to their ends: all together are too large");
        note(self.broken, "cannot be read; they must be sent again");
        if left_out {
            text.push_str("(more passages left out)\n");
        }
    }
}

fn failed(error: &IndexError) -> ToolError {
    match error {
        IndexError::Stopped => ToolError::TimedOut(0),
        error => {
            tracing::warn!(%error, "a search failed");
            ToolError::Failed("the search failed".to_owned())
        }
    }
}

/// The model is told nothing of the disk or the keys.
fn unavailable(error: &ShelfError) -> ToolError {
    tracing::warn!(%error, "a tenant's files cannot be read");
    ToolError::Unavailable("the files cannot be read now".to_owned())
}
