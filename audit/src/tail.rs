//! What was added to the log since somebody looked.

use crate::{
    AuditError, AuditLog, Body, Record,
    index::{self, RECORD},
    query::latest_acts,
};

/// Bytes that are read at once, give or take one entry: records wait meanwhile.
const MOST_BYTES: usize = 1 << 20;
/// How many acts are looked at to find the one that put a policy in force.
const MOST_ACTS: usize = 1000;

/// Records behind an entry, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// Each with the number of its entry.
    pub records: Vec<(u64, Record)>,
    /// The last entry that was looked at.
    pub last: u64,
}

impl AuditLog {
    /// The number of the last entry; 0 when there is none.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.journal.last_seq()
    }

    /// The records behind an entry, of so many entries at most and of about a MiB. There may be more behind
    /// [`Tail::last`].
    ///
    /// # Errors
    /// [`AuditError::Store`] and [`AuditError::Entry`].
    pub fn records_after(&self, seq: u64, most: usize) -> Result<Tail, AuditError> {
        let mut tail = Tail { records: Vec::new(), last: seq };
        let mut bytes = 0;
        for entry in self.journal.scan(seq + 1).take(most) {
            let entry = entry?;
            tail.last = entry.seq;
            bytes += entry.payload.len();
            if entry.kind == RECORD {
                tail.records.push((entry.seq, index::record_of(&entry)?));
            }
            if bytes >= MOST_BYTES {
                break;
            }
        }
        Ok(tail)
    }

    /// The entry of the act that put the policy in force which was so last, and the number of that policy; `None` if none was.
    /// Where a thousand acts were done under it, the first of those that are looked at.
    ///
    /// # Errors
    /// As [`AuditLog::records_after`].
    pub fn last_policy_act(&self) -> Result<Option<(u64, u64)>, AuditError> {
        // By their places in the log and not by their times: clocks can go back.
        let mut found = None;
        for act in latest_acts(self).take(MOST_ACTS) {
            let act = act?;
            let Body::Act(body) = act.record.body else { continue };
            let version = body.policy.version.parse().unwrap_or(0);
            match found {
                Some((_, last)) if last != version => break,
                _ => found = Some((act.entry.seq, version)),
            }
        }
        Ok(found)
    }
}
