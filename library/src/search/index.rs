//! The index of one document: where its words stand, in memory, without the text itself.

use std::{
    io::{self, Read},
    sync::Arc,
};

use tantivy::{
    Index, ReloadPolicy, Searcher, TantivyDocument,
    directory::RamDirectory,
    indexer::SingleSegmentIndexWriter,
    schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions},
    tokenizer::TokenizerManager,
};

use super::{passages::Passages, words::Words};
use crate::{ShelfError, stop::Stop};

const TOKENIZER: &str = "words";
/// Bytes of text in one part: what is needed while a part is made is a few times as much.
const PART: usize = 4 << 20;
/// Bytes that tantivy plans with for a part; its tables are small where the text is.
const LEAST_BUDGET: usize = 1 << 20;
/// Passages between two looks at the time.
const LOOK: usize = 64;

/// The index of one document, as far as it was read.
#[derive(Clone, Default)]
pub(super) struct FileIndex {
    pub(super) parts: Vec<Arc<Part>>,
    /// Bytes of memory that it takes.
    pub(super) bytes: usize,
    /// Where what was not read begins, in bytes; none when all was.
    pub(super) rest: Option<u64>,
}

/// The index of a part of a document.
pub(super) struct Part {
    pub(super) searcher: Searcher,
    /// Where each passage stands: bytes from the document's beginning, and bytes.
    pub(super) passages: Vec<(u64, u32)>,
}

/// Why a document has no index.
#[derive(Debug, thiserror::Error)]
pub(super) enum IndexError {
    /// There was no time, or the document was erased.
    #[error("there was no time")]
    Stopped,
    /// Indexes would take too much memory.
    #[error("its index would take too much memory")]
    TooLarge,
    /// The file cannot be read.
    #[error(transparent)]
    Shelf(ShelfError),
    /// It cannot be read or indexed.
    #[error("{0}")]
    Failed(String),
}

impl From<io::Error> for IndexError {
    fn from(error: io::Error) -> Self {
        error.downcast::<ShelfError>().map_or_else(|error| Self::Failed(error.to_string()), Self::Shelf)
    }
}

impl From<tantivy::TantivyError> for IndexError {
    fn from(error: tantivy::TantivyError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// The field of an index that holds the words; it is the only one.
pub(super) fn field() -> Field {
    Field::from_field_id(0)
}

fn schema() -> Schema {
    let mut schema = Schema::builder();
    let positions = IndexRecordOption::WithFreqsAndPositions;
    let words = TextFieldIndexing::default().set_tokenizer(TOKENIZER).set_index_option(positions);
    schema.add_text_field("text", TextOptions::default().set_indexing_options(words));
    schema.build()
}

impl FileIndex {
    /// Of a document of which nothing was read.
    pub(super) fn unread() -> Self {
        Self { rest: Some(0), ..Self::default() }
    }

    /// Reads on, from where the rest begins: a document of `size` bytes. What was read when it stops is there, part by part. The index
    /// takes about `most` bytes of memory at most.
    pub(super) fn read_on(&mut self, reader: impl Read, size: u64, most: usize, stop: &Stop) -> Result<(), IndexError> {
        let Some(at) = self.rest else { return Ok(()) };
        let mut passages = Passages::new(reader, at);
        while self.rest.is_some() {
            let (part, bytes, more) = Part::build(&mut passages, size, stop)?;
            self.bytes += bytes + part.passages.len() * size_of::<(u64, u32)>();
            self.parts.push(Arc::new(part));
            self.rest = more.then(|| passages.at());
            if self.bytes > most {
                return Err(IndexError::TooLarge);
            }
        }
        Ok(())
    }
}

impl Part {
    /// The next part, its bytes, and whether there may be more.
    fn build(passages: &mut Passages<impl Read>, size: u64, stop: &Stop) -> Result<(Self, usize, bool), IndexError> {
        let directory = RamDirectory::create();
        let mut writer = writer(&directory, size)?;
        let (mut places, mut text) = (Vec::new(), 0);
        let mut more = true;
        while more && text < PART {
            if places.len() % LOOK == 0 && stop.reached() {
                return Err(IndexError::Stopped);
            }
            let Some(passage) = passages.next()? else {
                more = false;
                continue;
            };
            places.push((passage.at, u32::try_from(passage.text.len()).unwrap_or(u32::MAX)));
            text += passage.text.len();
            let mut document = TantivyDocument::default();
            document.add_text(field(), passage.text);
            writer.add_document(document)?;
        }
        let index = writer.finalize()?;
        let searcher = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?.searcher();
        Ok((Self { searcher, passages: places }, directory.total_mem_usage(), more))
    }
}

fn writer(directory: &RamDirectory, size: u64) -> Result<SingleSegmentIndexWriter, IndexError> {
    let tokenizers = TokenizerManager::new();
    tokenizers.register(TOKENIZER, Words);
    let budget = usize::try_from(size).unwrap_or(PART).clamp(LEAST_BUDGET, 4 * PART);
    let index = Index::builder().schema(schema()).tokenizers(tokenizers);
    Ok(index.single_segment_index_writer(directory.clone(), budget)?)
}

impl std::fmt::Debug for FileIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileIndex")
            .field("parts", &self.parts.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}
