//! Receipts: all that shows offline that an entry is in a log. c2sp.org/tlog-proof@v1.

use std::{collections::BTreeSet, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    Checkpoint, Hash, SignedCheckpoint, VerifierKey, VerifyError,
    checkpoint::CheckpointError,
    lines::{decimal, lines_to_blank, next_line},
    note::{MAX_NOTE, Verified},
    verify_inclusion,
};

/// What a receipt begins with.
const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// Hashes of an inclusion proof at most: those of a tree of 64 bits.
pub const MAX_PROOF: usize = 64;
/// Bytes of a receipt at most, extra data included.
pub const MAX_RECEIPT: usize = 2 * MAX_NOTE;

/// Why something is no receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// It is too long.
    #[error("the receipt is above the limit of {MAX_RECEIPT} bytes")]
    TooLong,
    /// It is no UTF-8.
    #[error("the receipt is no UTF-8")]
    Utf8,
    /// It does not begin as one.
    #[error("the first line of a receipt is `{HEADER}`: this is another kind of proof, or of another version")]
    Header,
    /// The extra data are wrong.
    #[error("the second line of a receipt is `extra ` and base64 of at least one byte, or left out")]
    Extra,
    /// The index is wrong.
    #[error("a receipt has a line `index <number>`, with a decimal number without leading zeros")]
    Index,
    /// The proof is wrong.
    #[error("behind the index stand at most {MAX_PROOF} hashes in base64, one a line, and an empty line")]
    Proof,
    /// The checkpoint is wrong.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Why a receipt does not show that the entry is in the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptFailure {
    /// The checkpoint is of another log, not signed by it, or has a signature that does not hold.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Too few witnesses have cosigned.
    #[error(
        "{got} known witnesses have cosigned the checkpoint, but {quorum} are asked for: get a receipt with more of them"
    )]
    Witnesses {
        /// The known witnesses that have.
        got: usize,
        /// How many are asked for.
        quorum: usize,
    },
    /// The proof does not hold.
    #[error(transparent)]
    Proof(#[from] VerifyError),
}

/// Whom somebody believes about a log.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'k> {
    /// The log's origin.
    pub origin: &'k str,
    /// The log's keys, of which one must have signed.
    pub log_keys: &'k [VerifierKey],
    /// The witnesses' keys. Those with the same public key count as one: what they sign does not hold their names.
    pub witnesses: &'k [VerifierKey],
    /// How many of them must have cosigned; 0 to ask for none.
    pub quorum: usize,
}

/// What a receipt has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown<'k> {
    /// The checkpoint that the entry is in.
    pub checkpoint: Checkpoint,
    /// The entry's index.
    pub index: u64,
    /// The cosignatures of known witnesses, with their times.
    pub cosignatures: Vec<Verified<'k>>,
}

/// An inclusion proof with the checkpoint that it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    extra: Vec<u8>,
    index: u64,
    proof: Vec<Hash>,
    checkpoint: SignedCheckpoint,
}

impl Receipt {
    /// The receipt of an entry. `extra` is data that mean something to whoever uses it, and are empty when there are none.
    /// **No signature covers them.**
    ///
    /// # Errors
    /// [`ReceiptError::Proof`] when the proof is longer than that of any log, [`ReceiptError::TooLong`].
    pub fn new(
        extra: Vec<u8>,
        index: u64,
        proof: Vec<Hash>,
        checkpoint: SignedCheckpoint,
    ) -> Result<Self, ReceiptError> {
        if proof.len() > MAX_PROOF {
            return Err(ReceiptError::Proof);
        }
        let receipt = Self { extra, index, proof, checkpoint };
        // Base64 makes four characters of three bytes; the true length is taken only when it may be above the limit.
        let fits = receipt.extra.len() < MAX_NOTE / 2 || receipt.to_string().len() <= MAX_RECEIPT;
        if fits { Ok(receipt) } else { Err(ReceiptError::TooLong) }
    }

    /// Reads a receipt. Nothing is verified.
    ///
    /// # Errors
    /// A [`ReceiptError`] that says what is wrong with it.
    pub fn parse(receipt: impl AsRef<[u8]>) -> Result<Self, ReceiptError> {
        let receipt = receipt.as_ref();
        if receipt.len() > MAX_RECEIPT {
            return Err(ReceiptError::TooLong);
        }
        let mut rest = std::str::from_utf8(receipt).map_err(|_| ReceiptError::Utf8)?;
        if next_line(&mut rest) != Some(HEADER) {
            return Err(ReceiptError::Header);
        }
        let extra = parse_extra(&mut rest)?;
        let index = next_line(&mut rest).and_then(|line| decimal(line.strip_prefix("index ")?));
        let index = index.ok_or(ReceiptError::Index)?;
        let proof = lines_to_blank(&mut rest, MAX_PROOF).ok_or(ReceiptError::Proof)?;
        let proof = proof.into_iter().map(str::parse).collect::<Result<_, _>>().map_err(|_| ReceiptError::Proof)?;
        Self::new(extra, index, proof, SignedCheckpoint::parse(rest)?)
    }

    /// Data that no signature covers; empty when there are none.
    #[must_use]
    pub fn extra(&self) -> &[u8] {
        &self.extra
    }

    /// The entry's index.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The inclusion proof, from the leaf's sibling up.
    #[must_use]
    pub fn proof(&self) -> &[Hash] {
        &self.proof
    }

    /// The checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Checks that the entry with this leaf hash, [`crate::leaf_hash`] of its bytes, is in the log. The hash must come from
    /// the entry that one has, never from the receipt.
    ///
    /// # Errors
    /// A [`ReceiptFailure`] that says what does not hold.
    pub fn verify<'k>(&self, leaf: &Hash, trust: &Trust<'k>) -> Result<Shown<'k>, ReceiptFailure> {
        let checkpoint = self.checkpoint.verify(trust.origin, trust.log_keys)?.clone();
        let cosignatures = self.checkpoint.cosignatures(trust.witnesses)?;
        let witnesses: BTreeSet<_> = cosignatures.iter().map(|cosignature| cosignature.key.public()).collect();
        if witnesses.len() < trust.quorum {
            return Err(ReceiptFailure::Witnesses { got: witnesses.len(), quorum: trust.quorum });
        }
        verify_inclusion(self.index, checkpoint.size(), leaf, checkpoint.root(), &self.proof)?;
        Ok(Shown { checkpoint, index: self.index, cosignatures })
    }
}

fn parse_extra(rest: &mut &str) -> Result<Vec<u8>, ReceiptError> {
    if !rest.starts_with("extra ") {
        return Ok(vec![]);
    }
    let line = next_line(rest).and_then(|line| line.strip_prefix("extra ")).ok_or(ReceiptError::Extra)?;
    let extra = STANDARD.decode(line).map_err(|_| ReceiptError::Extra)?;
    if extra.is_empty() { Err(ReceiptError::Extra) } else { Ok(extra) }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if !self.extra.is_empty() {
            writeln!(f, "extra {}", STANDARD.encode(&self.extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
