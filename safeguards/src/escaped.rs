//! JSON's escapes, read as the letters that they stand for: `jane\u0040example.org` within an answer is an address.

use crate::fold::{self, Symbol};

/// Backslashes in front of an escape; JSON within JSON doubles them.
const MAX_SLASHES: usize = 8;
/// The `u` and four digits.
const CODE: usize = 5;

/// The escape that is being read.
#[derive(Debug, Default)]
pub(crate) struct Escaped {
    pending: Vec<Symbol>,
}

impl Escaped {
    /// Reads one more symbol; puts what is certain.
    #[inline]
    pub(crate) fn read(&mut self, symbol: Symbol, mut put: impl FnMut(Symbol)) {
        if self.pending.is_empty() && symbol.letter != '\\' {
            return put(symbol);
        }
        let slashes = self.pending.iter().take_while(|symbol| symbol.letter == '\\').count();
        let behind = self.pending.len() - slashes;
        let fits = match symbol.letter {
            '\\' => behind == 0 && slashes < MAX_SLASHES,
            letter if behind == 0 => letter == 'u',
            letter => letter.is_ascii_hexdigit(),
        };
        if !fits {
            self.end(&mut put);
            if symbol.letter != '\\' {
                return put(symbol);
            }
        }
        self.pending.push(symbol);
        if fits && behind + 1 == CODE && symbol.letter != '\\' {
            self.undo(put);
        }
    }

    /// Puts what the escape stands for; what stands for nothing that is seen, as it is written.
    fn undo(&mut self, mut put: impl FnMut(Symbol)) {
        let digits = self.pending.iter().rev().take(CODE - 1).rev();
        let code = digits.fold(0, |sum, symbol| sum * 16 + symbol.letter.to_digit(16).unwrap_or_default());
        let told = char::from_u32(code).filter(|told| !told.is_control());
        let place = self.pending.first().zip(self.pending.last()).map(|(first, last)| (first.start, last.end));
        match told.zip(place) {
            Some((told, (start, end))) => {
                fold::fold(told, start, |symbol| put(Symbol { start, end, ..symbol }));
                self.pending.clear();
            }
            None => self.end(put),
        }
    }

    /// Puts what has begun as it is written.
    pub(crate) fn end(&mut self, put: impl FnMut(Symbol)) {
        self.pending.drain(..).for_each(put);
    }

    /// Where the escape begins that has not ended.
    pub(crate) fn open_from(&self) -> Option<usize> {
        self.pending.first().map(|first| first.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let (mut escaped, mut told) = (Escaped::default(), Vec::new());
        for (at, letter) in text.char_indices() {
            escaped.read(Symbol { letter, start: at, end: at + 1 }, |symbol| told.push(symbol));
        }
        escaped.end(|symbol| told.push(symbol));
        assert_eq!(told.iter().map(|symbol| symbol.letter).collect::<String>(), expected, "{text}");
        assert!(told.windows(2).all(|pair| pair[0].end == pair[1].start), "{told:?}");
    }

    #[test]
    fn escapes_are_undone_and_nothing_else() {
        check("jane\\u0040example.org", "jane@example.org");
        check("\\\\u0041\\u0411", "Ab");
        for plain in ["C:\\users\\u12", "\\u000a", "\\u12\\u", "\\\\\\\\\\\\\\\\\\n", "\\ud800", "a\\"] {
            check(plain, plain);
        }
    }
}
