//! What a row says, before it is wrapped: always [`PLAIN`] bytes, so that its length tells nothing.
//!
//! ```text
//! 1 u8 | tenant | subject | day | flags u8 | 3 × (date, rule) | key 32     a content key
//! 2 u8 | tenant | subject | day | reason                                    a legal hold
//! ```
//!
//! A text is a u16 length and its bytes; a length of 65,535 is no text. A date is a year i16, a month u8 and a day u8, all
//! zero for no date. Numbers are little-endian, and what is left is zero.

use jiff::civil::Date;
use zeroize::Zeroizing;

use super::{Bound, MAX_SUBJECT, Owner, Retention, retention::MAX_RULE};

/// Bytes of a row before it is wrapped.
pub(super) const PLAIN: usize = 768;
/// Bytes of a content key.
pub(super) const KEY: usize = 32;
/// The longest reason of a hold, in bytes of UTF-8.
pub const MAX_HOLD_REASON: usize = 400;

const KEY_ROW: u8 = 1;
const HOLD_ROW: u8 = 2;
const NO_TEXT: u16 = u16::MAX;
const OPEN: u8 = 1;
const MAX_TENANT: usize = 63;

// What is longest fits: kind, tenant, subject, day, flags, bounds, key; or the hold's.
const _: () = assert!(1 + 2 + MAX_TENANT + 2 + MAX_SUBJECT + 4 + 1 + 3 * (4 + 2 + MAX_RULE) + KEY <= PLAIN);
const _: () = assert!(1 + 2 + MAX_TENANT + 2 + MAX_SUBJECT + 4 + 2 + MAX_HOLD_REASON <= PLAIN);

/// What a row says.
#[derive(Clone)]
pub(super) enum Plain {
    Key(KeyRow),
    Hold(HoldRow),
}

/// A row with a content key.
#[derive(Clone)]
pub(super) struct KeyRow {
    pub(super) owner: Owner,
    pub(super) day: Date,
    pub(super) retention: Retention,
    pub(super) key: Zeroizing<[u8; KEY]>,
}

/// A row with a legal hold.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct HoldRow {
    pub(super) tenant: String,
    pub(super) subject: Option<String>,
    pub(super) since: Date,
    pub(super) reason: String,
}

impl Plain {
    /// The bytes; none when a text has no room.
    pub(super) fn encode(&self) -> Option<Zeroizing<Vec<u8>>> {
        // As large as it becomes: growing would leave copies of the key behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(PLAIN));
        match self {
            Self::Key(row) => row.write(&mut bytes)?,
            Self::Hold(row) => row.write(&mut bytes)?,
        }
        if bytes.len() > PLAIN {
            return None;
        }
        bytes.resize(PLAIN, 0);
        Some(bytes)
    }

    /// What the bytes say; none when they are not in the format.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != PLAIN {
            return None;
        }
        let mut rest = Rest(bytes);
        let row = Self::read(&mut rest).ok()?;
        rest.0.iter().all(|byte| *byte == 0).then_some(row)
    }

    fn read(rest: &mut Rest<'_>) -> Result<Self, Malformed> {
        match rest.byte()? {
            KEY_ROW => KeyRow::read(rest).map(Self::Key),
            HOLD_ROW => HoldRow::read(rest).map(Self::Hold),
            _ => Err(Malformed),
        }
    }
}

impl KeyRow {
    fn write(&self, bytes: &mut Vec<u8>) -> Option<()> {
        bytes.push(KEY_ROW);
        text(bytes, Some(&self.owner.tenant))?;
        text(bytes, self.owner.subject.as_deref())?;
        date(bytes, Some(self.day))?;
        bytes.push(if self.retention.open { OPEN } else { 0 });
        for bound in [&self.retention.keep_until, &self.retention.gone_after, &self.retention.erase_from] {
            date(bytes, bound.as_ref().map(Bound::date))?;
            text(bytes, bound.as_ref().map(Bound::rule))?;
        }
        bytes.extend_from_slice(self.key.as_slice());
        Some(())
    }

    fn read(rest: &mut Rest<'_>) -> Result<Self, Malformed> {
        let owner = Owner { tenant: rest.text()?.ok_or(Malformed)?, subject: rest.text()? };
        let day = rest.date()?.ok_or(Malformed)?;
        let open = match rest.byte()? {
            0 => false,
            OPEN => true,
            _ => return Err(Malformed),
        };
        let (keep_until, gone_after, erase_from) = (rest.bound()?, rest.bound()?, rest.bound()?);
        let retention = Retention { keep_until, gone_after, erase_from, open };
        Ok(Self { owner, day, retention, key: Zeroizing::new(*rest.take::<KEY>()?) })
    }
}

impl HoldRow {
    fn write(&self, bytes: &mut Vec<u8>) -> Option<()> {
        bytes.push(HOLD_ROW);
        text(bytes, Some(&self.tenant))?;
        text(bytes, self.subject.as_deref())?;
        date(bytes, Some(self.since))?;
        text(bytes, Some(&self.reason))
    }

    fn read(rest: &mut Rest<'_>) -> Result<Self, Malformed> {
        let (tenant, subject) = (rest.text()?.ok_or(Malformed)?, rest.text()?);
        let (since, reason) = (rest.date()?.ok_or(Malformed)?, rest.text()?.ok_or(Malformed)?);
        Ok(Self { tenant, subject, since, reason })
    }
}

fn text(bytes: &mut Vec<u8>, text: Option<&str>) -> Option<()> {
    let Some(text) = text else {
        bytes.extend_from_slice(&NO_TEXT.to_le_bytes());
        return Some(());
    };
    let len = u16::try_from(text.len()).ok().filter(|len| *len != NO_TEXT)?;
    bytes.extend_from_slice(&len.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    Some(())
}

fn date(bytes: &mut Vec<u8>, date: Option<Date>) -> Option<()> {
    let (year, month, day) = date.map_or((0, 0, 0), |date| (date.year(), date.month(), date.day()));
    bytes.extend_from_slice(&year.to_le_bytes());
    bytes.extend([u8::try_from(month).ok()?, u8::try_from(day).ok()?]);
    Some(())
}

/// That bytes are not in the format.
struct Malformed;

/// What is not read yet.
struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn take<const N: usize>(&mut self) -> Result<&'b [u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        self.take::<1>().map(|[byte]| *byte)
    }

    fn text(&mut self) -> Result<Option<String>, Malformed> {
        let len = u16::from_le_bytes(*self.take()?);
        if len == NO_TEXT {
            return Ok(None);
        }
        let (text, rest) = self.0.split_at_checked(usize::from(len)).ok_or(Malformed)?;
        self.0 = rest;
        std::str::from_utf8(text).map(|text| Some(text.to_owned())).map_err(|_| Malformed)
    }

    fn date(&mut self) -> Result<Option<Date>, Malformed> {
        let [y0, y1, month, day] = *self.take()?;
        if [month, day] == [0, 0] {
            return Ok(None);
        }
        let small = |number| i8::try_from(number).map_err(|_| Malformed);
        let date = Date::new(i16::from_le_bytes([y0, y1]), small(month)?, small(day)?);
        date.map(Some).map_err(|_| Malformed)
    }

    fn bound(&mut self) -> Result<Option<Bound>, Malformed> {
        match (self.date()?, self.text()?) {
            (Some(date), Some(rule)) => Ok(Some(Bound::new(rule, date))),
            (None, None) => Ok(None),
            _ => Err(Malformed),
        }
    }
}
