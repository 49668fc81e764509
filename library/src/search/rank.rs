//! The best passages of several documents, by BM25 over all of them: a word is as rare as it is in all that is searched.

use std::sync::Arc;

use tantivy::{
    Searcher, Term,
    collector::TopDocs,
    query::{Bm25StatisticsProvider, BooleanQuery, Occur, PhraseQuery, Query, TermQuery},
    schema::{Field, IndexRecordOption},
};

use super::{
    asked::Asked,
    index::{FileIndex, IndexError, Part, field},
};
use crate::stop::Stop;

/// A passage that was found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hit {
    /// Which of the documents.
    pub(super) document: usize,
    /// Bytes from its beginning, and bytes.
    pub(super) at: u64,
    pub(super) len: u32,
    pub(super) score: f32,
}

/// The best `most` passages, the best first, none of which overlaps a better one.
pub(super) fn best(
    documents: &[Arc<FileIndex>],
    asked: &Asked,
    most: usize,
    stop: &Stop,
) -> Result<Vec<Hit>, IndexError> {
    let query = query(asked);
    let whole = Whole(documents);
    let mut hits = Vec::new();
    for (document, part) in parts(documents) {
        if stop.reached() {
            return Err(IndexError::Stopped);
        }
        // A passage overlaps at most two others.
        let top = TopDocs::with_limit(3 * most).order_by_score();
        let found = part.searcher.search_with_statistics_provider(&*query, &top, &whole)?;
        hits.extend(found.into_iter().filter_map(|(score, address)| {
            let (at, len) = part.passages.get(address.doc_id as usize)?;
            Some(Hit { document, at: *at, len: *len, score })
        }));
    }
    hits.sort_by(|one, other| {
        other.score.total_cmp(&one.score).then((one.document, one.at).cmp(&(other.document, other.at)))
    });
    Ok(apart(hits, most))
}

fn apart(hits: Vec<Hit>, most: usize) -> Vec<Hit> {
    let mut best: Vec<Hit> = Vec::new();
    for hit in hits {
        let overlaps = |other: &Hit| {
            other.document == hit.document
                && other.at < hit.at + u64::from(hit.len)
                && hit.at < other.at + u64::from(other.len)
        };
        if best.len() < most && !best.iter().any(overlaps) {
            best.push(hit);
        }
    }
    best
}

fn parts(documents: &[Arc<FileIndex>]) -> impl Iterator<Item = (usize, &Part)> {
    documents.iter().enumerate().flat_map(|(number, index)| index.parts.iter().map(move |part| (number, &**part)))
}

fn query(asked: &Asked) -> Box<dyn Query> {
    let must = asked.phrases.iter().map(|words| (Occur::Must, row(words)));
    let should = asked.words.iter().map(|words| (Occur::Should, row(words)));
    Box::new(BooleanQuery::new(must.chain(should).collect()))
}

/// Words in a row.
fn row(words: &[String]) -> Box<dyn Query> {
    let term = |word: &String| Term::from_field_text(field(), word);
    match words {
        [word] => Box::new(TermQuery::new(term(word), IndexRecordOption::WithFreqs)),
        words => Box::new(PhraseQuery::new(words.iter().map(term).collect())),
    }
}

/// What is counted over all documents.
struct Whole<'a>(&'a [Arc<FileIndex>]);

impl Whole<'_> {
    fn sum(&self, count: impl Fn(&Searcher) -> tantivy::Result<u64>) -> tantivy::Result<u64> {
        parts(self.0).map(|(_, part)| count(&part.searcher)).sum()
    }
}

impl Bm25StatisticsProvider for Whole<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        self.sum(|searcher| Bm25StatisticsProvider::total_num_tokens(searcher, field))
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        self.sum(Bm25StatisticsProvider::total_num_docs)
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        self.sum(|searcher| Bm25StatisticsProvider::doc_freq(searcher, term))
    }
}
