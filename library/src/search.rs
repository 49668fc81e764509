//! Search in a tenant's own documents: the best passages for some words, and nothing of anybody else's.
//!
//! Each document has an index of its own, in memory, made when it is first searched and kept within a bound. It says where words
//! stand and does not hold the text: what is shown of a passage is read from the shelf, so that what was erased is shown no more,
//! whatever is in memory. Scores are those of BM25 over all documents of the tenant (Robertson and Zaragoza, "The Probabilistic
//! Relevance Framework", 2009; k1 = 1.2, b = 0.75), and over nobody else's: how rare a word is elsewhere cannot be seen.

mod asked;
mod find;
mod index;
mod indexes;
mod passages;
mod rank;
mod snippet;
#[cfg(test)]
mod tests;
mod words;

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use forethought_tools::{Effect, Invocation, Reply, SpecError, Tool, ToolError, ToolSpec};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{sync::Semaphore, task};

use asked::Asked;
use find::Search;
use indexes::Indexes;

use crate::{
    shelf::{Shelf, Watcher},
    stop::Stop,
};

const DESCRIPTION: &str = "Searches the documents (text and Markdown) that were uploaded, and shows the passages that fit best. Give \
    words that you expect to stand there; \"words in quotes\" must stand there in this order. Each line of the answer is a passage: its \
    file, the file's name, the byte where it begins, the file's length, and its text.";
const PASSAGES: usize = 5;

/// How much memory and work searches may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchBounds {
    /// Bytes of memory for the indexes of one tenant's documents.
    pub tenant_bytes: usize,
    /// Bytes of memory for the indexes of all tenants between their searches.
    pub cached_bytes: usize,
    /// Searches at a time, at least 1.
    pub parallel: u16,
}

impl Default for SearchBounds {
    /// 128 and 256 MiB; 2 searches at a time.
    fn default() -> Self {
        Self { tenant_bytes: 128 << 20, cached_bytes: 256 << 20, parallel: 2 }
    }
}

/// The documents of all tenants. The tool is made of it: [`DocumentSearch`].
#[derive(Debug)]
pub struct Documents {
    shelf: Arc<Shelf>,
    bounds: SearchBounds,
    indexes: Arc<Indexes>,
    turns: Arc<Semaphore>,
}

impl Documents {
    /// The documents on a shelf.
    #[must_use]
    pub fn new(shelf: Arc<Shelf>, bounds: SearchBounds) -> Arc<Self> {
        let indexes = Arc::new(Indexes::new(bounds.cached_bytes));
        let watcher: Weak<Indexes> = Arc::downgrade(&indexes);
        shelf.watch(watcher as Weak<dyn Watcher>);
        let turns = Arc::new(Semaphore::new(usize::from(bounds.parallel.max(1))));
        Arc::new(Self { shelf, bounds, indexes, turns })
    }

    /// Searches on a thread of its own, when it is the tenant's turn and one of all tenants'.
    async fn search(self: &Arc<Self>, search: Search, stop: &Stop) -> Result<Reply, ToolError> {
        let waiting = async {
            let turn = self.indexes.turn(&search.tenant).lock_owned().await;
            (turn, Arc::clone(&self.turns).acquire_owned().await.ok())
        };
        let waited = tokio::time::timeout(stop.left(), waiting).await;
        let turns = waited.map_err(|_| ToolError::TimedOut(0))?;
        let (this, left, stop) = (Arc::clone(self), stop.left(), stop.clone());
        let working = task::spawn_blocking(move || {
            let found = this.find(&search, &stop);
            drop(turns);
            found
        });
        match tokio::time::timeout(left, working).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) => Err(ToolError::Failed("the tool broke off".to_owned())),
            Err(_) => Err(ToolError::TimedOut(0)),
        }
    }
}

/// The tool by which a model searches documents.
#[derive(Debug)]
pub struct DocumentSearch {
    spec: ToolSpec,
    documents: Arc<Documents>,
}

#[derive(Deserialize)]
struct Arguments {
    query: String,
    limit: Option<usize>,
}

impl DocumentSearch {
    /// Its name.
    pub const NAME: &str = "document_search";

    /// The tool `document_search`.
    ///
    /// # Errors
    /// [`SpecError`], which would be a mistake in this program.
    pub fn new(documents: Arc<Documents>) -> Result<Self, SpecError> {
        let parameters = json!({
            "type": "object",
            "properties": {
                "query": {
                    "type": "string", "minLength": 1, "maxLength": 1000,
                    "description": "words, and phrases in double quotes; no operators",
                },
                "limit": {
                    "type": "integer", "minimum": 1, "maximum": 10,
                    "description": "passages that are shown; 5 by default",
                },
            },
            "required": ["query"],
            "additionalProperties": false,
        });
        Ok(Self { spec: ToolSpec::new(Self::NAME, DESCRIPTION, parameters, Effect::Reads)?, documents })
    }
}

#[async_trait]
impl Tool for DocumentSearch {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, invocation: Invocation) -> Result<Reply, ToolError> {
        let Invocation { tenant, arguments, limits } = invocation;
        let Arguments { query, limit } =
            serde_json::from_value(arguments).map_err(|error| ToolError::Arguments(error.to_string()))?;
        let asked = Asked::parse(&query).map_err(ToolError::Arguments)?;
        let most = limit.unwrap_or(PASSAGES).clamp(1, 10);
        // With this future, all that it began ends.
        let (stop, _call_off) = Stop::after(limits.time());
        let found = self.documents.search(Search { tenant, asked, most, bytes: limits.bytes }, &stop).await;
        found.map_err(|error| match error {
            ToolError::TimedOut(_) => ToolError::TimedOut(limits.time_ms),
            error => error,
        })
    }
}
