//! Answers that one of two words begins.

use super::{Classified, Unreadable};

/// How likely a classifier's two words are, as natural logarithms of their probabilities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Odds {
    /// Of the word for a violation.
    pub violates: f32,
    /// Of the word for none.
    pub passes: f32,
}

impl Odds {
    /// Of the tokens that may stand where the answer's first word stands, and the logarithms of their probabilities.
    /// Tokens that are a word but for case and blanks count as it, as IBM's notebooks for Granite Guardian do it. `None`
    /// if no token is one of the words.
    #[must_use]
    pub fn of<'t>(tokens: impl IntoIterator<Item = (&'t str, f32)>, words: [&str; 2]) -> Option<Self> {
        let mut sums = [0_f64; 2];
        for (token, logprob) in tokens {
            for (sum, word) in sums.iter_mut().zip(words) {
                if token.trim().eq_ignore_ascii_case(word) {
                    *sum += f64::from(logprob).exp();
                }
            }
        }
        let [violates, passes] = sums.map(log);
        (sums.iter().sum::<f64>() > 0.0).then_some(Self { violates, passes })
    }

    /// The share of the word for a violation, from 0 to 1: the softmax over both, as the model cards of `ShieldGemma` and
    /// Granite Guardian have it.
    ///
    /// # Errors
    /// [`Unreadable::Odds`] when a logarithm is not a number, or neither word can be.
    pub fn score(self) -> Result<f32, Unreadable> {
        let score = 1.0 / (1.0 + (self.passes - self.violates).exp());
        if score.is_finite() { Ok(score) } else { Err(Unreadable::Odds) }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a logarithm of a probability has room enough in 32 bits")]
fn log(probability: f64) -> f32 {
    probability.ln() as f32
}

/// What a word with its odds says of the categories that were asked about.
pub(super) fn classified(violates: bool, asked: &[String], odds: Option<Odds>) -> Result<Classified, Unreadable> {
    let score = odds.map(Odds::score).transpose()?;
    // The likelier word is the one that is drawn at temperature 0; that the other was drawn means foul play or chance.
    if score.is_some_and(|score| if violates { score < 0.5 } else { score > 0.5 }) {
        return Err(Unreadable::Contradiction);
    }
    let categories = if violates { asked.to_vec() } else { Vec::new() };
    Ok(Classified { violates, categories, score, reason: None })
}

/// Whether an answer's first word is `Yes`, and what stands behind it; both words are taken in any case.
pub(super) fn first_word(answer: &str) -> Option<(bool, &str)> {
    let answer = answer.trim();
    let end = answer.find(|character: char| !character.is_alphabetic()).unwrap_or(answer.len());
    let (word, rest) = answer.split_at_checked(end)?;
    match word {
        _ if word.eq_ignore_ascii_case("yes") => Some((true, rest)),
        _ if word.eq_ignore_ascii_case("no") => Some((false, rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_are_of_the_words_alone() {
        let tokens = [("Yes", -0.5), (" yes", -2.0), ("No", -1.0), ("Maybe", -0.1)];
        let odds = Odds::of(tokens, ["Yes", "No"]).expect("there are words");
        let yes = (-0.5_f32).exp() + (-2.0_f32).exp();
        let no = (-1.0_f32).exp();
        assert!((odds.score().expect("numbers") - yes / (yes + no)).abs() < 1e-6);
        assert_eq!(Odds::of([("Maybe", -0.1)], ["Yes", "No"]), None);
        let sure = Odds::of([("Yes", 0.0)], ["Yes", "No"]).expect("a word");
        assert_eq!(sure.score(), Ok(1.0));
        assert_eq!(Odds { violates: f32::NAN, passes: 0.0 }.score(), Err(Unreadable::Odds));
        let never = Odds { violates: f32::NEG_INFINITY, passes: f32::NEG_INFINITY };
        assert_eq!(never.score(), Err(Unreadable::Odds));
    }

    #[test]
    fn a_word_and_its_odds_must_agree() {
        let odds = |violates: f32, passes: f32| Some(Odds { violates, passes });
        let asked = ["violence".to_owned()];
        assert_eq!(classified(true, &asked, odds(-3.0, -0.1)), Err(Unreadable::Contradiction));
        assert_eq!(classified(false, &asked, odds(-0.1, -3.0)), Err(Unreadable::Contradiction));
        assert!(classified(true, &asked, odds(-0.1, -3.0)).is_ok_and(|said| said.categories == asked));
        assert!(classified(false, &asked, None).is_ok_and(|said| said.score.is_none() && said.categories.is_empty()));
    }
}
