//! Which of a text's numbers is its answer.

mod tokens;

use tokens::{Token, tokens};

use super::{Answer, latex, scan::Scan};

/// The answer among the numbers of a text; the order is documented at [`super::extract`].
pub(super) fn find(text: &str) -> Option<Answer> {
    let text = latex::plain(text);
    if let Some(content) = latex::boxed(&text) {
        let page = Page::new(content);
        let answer = page.clause(0, page.scan.len());
        if answer.is_some() || page.is_odd(0, page.scan.len()) {
            return answer;
        }
    }
    Page::new(&text).answer()
}

/// The canonical form of a text that is one number and nothing else.
pub(super) fn whole(text: &str) -> Option<String> {
    let page = Page::new(&latex::plain(text.trim()));
    match page.tokens.as_slice() {
        [one] if one.start == 0 && one.end == page.scan.len() => Some(one.number.as_ref()?.canonical()),
        _ => None,
    }
}

/// As good as an equals sign, and commoner with small models.
const EQUALS: &str = "equals";

/// A text, its numbers, and the places at which a sentence turns out to be a question.
struct Page {
    scan: Scan,
    tokens: Vec<Token>,
    asks: Vec<bool>,
}

impl Page {
    fn new(text: &str) -> Self {
        let scan = Scan::new(text);
        let tokens = tokens(&scan);
        let mut asks = vec![false; scan.len()];
        let mut question = false;
        for (at, ask) in asks.iter_mut().enumerate().rev() {
            if scan.ends_sentence(at) {
                question = scan.at(at) == '?';
            }
            *ask = question;
        }
        Self { scan, tokens, asks }
    }

    fn answer(&self) -> Option<Answer> {
        for (from, to) in self.scan.announced() {
            if self.asks.get(from).copied().unwrap_or(false) {
                continue;
            }
            let answer = self.clause(from, to);
            if answer.is_some() || self.is_odd(from, to) {
                return answer;
            }
        }
        self.equation(0, self.scan.len()).or_else(|| self.last())
    }

    /// Whether there is a number of a form that is not understood, so that no other number may pass for the answer.
    fn is_odd(&self, from: usize, to: usize) -> bool {
        let start = self.tokens.partition_point(|token| token.start < from);
        self.tokens.iter().skip(start).take_while(|token| token.end <= to).any(|token| token.odd)
    }

    /// The number that a clause comes to: after its last `=`, else its first number, else, where that is the beginning
    /// of a sum, the last one that is no operand. Small models correct themselves in that order: "3, which is 3 - 3 = 0".
    fn clause(&self, from: usize, to: usize) -> Option<Answer> {
        if let Some(answer) = self.equation(from, to) {
            return Some(answer);
        }
        let mut inside = self.inside(from, to);
        inside.retain(|index| !self.is_marker(*index));
        let first = *inside.first()?;
        if self.is_operand(first) { self.show(self.free(inside.iter().rev().copied())?) } else { self.show(first) }
    }

    /// What the last `=` gives: the number after it, or before it in "20 = 5 * 4".
    fn equation(&self, from: usize, to: usize) -> Option<Answer> {
        let last = self.tokens.iter().rposition(|token| token.end <= to && token.number.is_some())?;
        let limit = self.tokens.get(last)?.start;
        let at = (from..limit).rev().find(|at| self.is_equals(*at))?;
        let after = self.inside(at, to);
        let first = *after.first()?;
        if !self.is_operand(first) {
            return self.show(first);
        }
        let before = self.tokens.iter().rposition(|token| token.end <= at && token.start >= from);
        let alone = before.filter(|before| {
            let end = self.tokens.get(*before).map_or(at, |token| token.end);
            !self.is_operand(*before) && self.scan.skip(end, |c| c == ' ') == at
        });
        alone.or_else(|| self.free(after.iter().rev().copied())).and_then(|index| self.show(index))
    }

    /// The last number that is neither asked about nor an operand nor the marker of a list.
    fn last(&self) -> Option<Answer> {
        let told = (0..self.tokens.len()).rev().filter(|index| {
            let start = self.tokens.get(*index).map_or(0, |token| token.start);
            !self.asks.get(start).copied().unwrap_or(false)
        });
        let told: Vec<usize> = told.collect();
        let latest = told.iter().find(|index| !self.is_marker(**index));
        if latest.and_then(|index| self.tokens.get(*index)).is_some_and(|token| token.odd) {
            return None;
        }
        let item = told.iter().copied().filter(|index| !self.is_marker(*index));
        self.free(item).or_else(|| self.free(told.iter().copied())).and_then(|index| self.show(index))
    }

    fn free(&self, mut indices: impl Iterator<Item = usize>) -> Option<usize> {
        indices.find(|index| !self.is_operand(*index) && self.tokens.get(*index).is_some_and(|t| t.number.is_some()))
    }

    fn inside(&self, from: usize, to: usize) -> Vec<usize> {
        let start = self.tokens.partition_point(|token| token.start < from);
        let end = self.tokens.partition_point(|token| token.end <= to);
        (start..end).filter(|index| self.tokens.get(*index).is_some_and(|token| token.number.is_some())).collect()
    }

    /// Whether the number stands beside an operator and another number.
    fn is_operand(&self, index: usize) -> bool {
        self.is_joined(index) || index.checked_sub(1).is_some_and(|index| self.is_joined(index))
    }

    /// Whether there is only an operator between this number and the next one.
    fn is_joined(&self, index: usize) -> bool {
        let (Some(this), Some(next)) = (self.tokens.get(index), self.tokens.get(index + 1)) else { return false };
        let mut between = self.scan.slice(this.end, next.start).iter().copied().filter(|c| *c != ' ');
        // A longer run of spaces is a layout, and looking through it would not be linear.
        if next.start.saturating_sub(this.end) > 8 {
            return false;
        }
        match (between.next(), between.next()) {
            (Some(c), None) => "+-−–*×÷/xX^·".contains(c),
            _ => this.end < next.start && self.scan.text(this.end, next.start).trim() == "\\times",
        }
    }

    /// Whether an equals sign, or the word, begins here.
    fn is_equals(&self, at: usize) -> bool {
        let before = self.scan.before(at);
        let sign = matches!(self.scan.at(at), '=' | '≈') && !"<>!".contains(before);
        let word =
            self.scan.is(at, EQUALS) && !before.is_alphanumeric() && !self.scan.at(at + EQUALS.len()).is_alphanumeric();
        let after = if word { at + EQUALS.len() } else { at + 1 };
        (sign || word) && self.scan.at(self.scan.skip(after, |c| c == ' ')) != '?'
    }

    /// "2. Then add": a number at the start of a line, a point or bracket, and more.
    fn is_marker(&self, index: usize) -> bool {
        let Some(token) = self.tokens.get(index) else { return false };
        let first = matches!(self.scan.before(token.start), '\0' | '\n');
        let dot = matches!(self.scan.at(token.end), '.' | ')');
        first && dot && self.scan.at(token.end + 1) == ' ' && self.scan.at(token.end + 2) != '\n'
    }

    fn show(&self, index: usize) -> Option<Answer> {
        let token = self.tokens.get(index)?;
        let canonical = token.number.as_ref()?.canonical();
        Some(Answer { canonical, shown: self.scan.text(token.start, token.end) })
    }
}
