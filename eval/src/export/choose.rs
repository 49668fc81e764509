//! Which sample of a deliberation is worth imitating, and which ones it is better than.

use std::cmp::Reverse;

use forethought_schemas::StrategyName;

use super::{Deliberation, Drawn, Options, Why};

/// What is taken of a deliberation.
#[derive(Debug, PartialEq)]
pub(super) struct Chosen<'d> {
    /// The best sample.
    pub(super) best: &'d Drawn,
    /// Samples that it is better than, one for each other answer, the commonest answer first.
    pub(super) rejected: Vec<&'d Drawn>,
    /// The share of the samples that came to their end and give the best one's answer; none of fewer than two.
    pub(super) agreement: Option<f64>,
}

/// Chooses, or says why nothing is taken.
pub(super) fn choose<'d>(deliberation: &'d Deliberation, options: &Options) -> Result<Chosen<'d>, Why> {
    let samples = &deliberation.samples;
    let known = samples.iter().any(|sample| sample.right.is_some());
    let served = deliberation.served.and_then(|at| samples.get(at));
    let good: Vec<(usize, &Drawn)> = match (known, served) {
        (true, _) => samples.iter().enumerate().filter(|(_, sample)| sample.right == Some(true)).collect(),
        (false, Some(served)) => {
            let same = |at: usize, sample: &Drawn| {
                Some(at) == deliberation.served || (sample.answer.is_some() && sample.answer == served.answer)
            };
            samples.iter().enumerate().filter(|(at, sample)| same(*at, sample)).collect()
        }
        (false, None) => return Err(Why::NoAnswer),
    };
    let best = best(good, deliberation.served, known, options)?;
    let agreement = agreement(samples, best);
    if options.min_agreement.is_some_and(|least| agreement.is_none_or(|agreement| agreement < least)) {
        return Err(Why::LowAgreement);
    }
    // Nothing chose between the samples of `single`: the first one is the answer, whatever it says.
    let chosen_between = deliberation.strategy != StrategyName::Single.as_str();
    let rejected = if chosen_between { rejected(samples, best, known) } else { Vec::new() };
    Ok(Chosen { best, rejected, agreement })
}

/// The first of the best: one that a verifier passed, then the one that was the answer, then the earliest.
fn best<'d>(
    mut good: Vec<(usize, &'d Drawn)>,
    served: Option<usize>,
    known: bool,
    options: &Options,
) -> Result<&'d Drawn, Why> {
    if good.is_empty() {
        return Err(if known { Why::NoneRight } else { Why::NoAnswer });
    }
    good.retain(|(_, sample)| sample.is_usable());
    if good.is_empty() {
        return Err(Why::Cut);
    }
    good.retain(|(_, sample)| !sample.is("refuted"));
    if good.is_empty() {
        return Err(Why::Refuted);
    }
    good.retain(|(_, sample)| !options.verified_only || sample.is("passed"));
    let rank = |(at, sample): &(usize, &Drawn)| (Reverse(sample.is("passed")), Reverse(Some(*at) == served), *at);
    good.into_iter().min_by_key(rank).map(|(_, sample)| sample).ok_or(Why::NotVerified)
}

fn agreement(samples: &[Drawn], best: &Drawn) -> Option<f64> {
    let same = samples.iter().filter(|sample| sample.answer.is_some() && sample.answer == best.answer).count();
    (samples.len() > 1).then(|| crate::stats::real(same) / crate::stats::real(samples.len()))
}

/// One sample for each other answer that is worse beyond doubt. Where the right answer is known, that is a wrong one; else one
/// of which verifiers think less, or, where they think the same of both, one that fewer samples give.
fn rejected<'d>(samples: &'d [Drawn], best: &Drawn, known: bool) -> Vec<&'d Drawn> {
    let of = |answer: &Option<String>| {
        let same = samples.iter().filter(|sample| sample.answer.is_some() && sample.answer == *answer);
        (same.clone().map(Drawn::standing).max(), same.count())
    };
    let (standing, votes) = (best.standing(), of(&best.answer).1);
    let worse = |sample: &&Drawn| {
        let (theirs, their_votes) = of(&sample.answer);
        let is_worse = if known {
            sample.right == Some(false)
        } else {
            theirs < Some(standing) || (theirs == Some(standing) && their_votes < votes)
        };
        // Verifiers that think more of a wrong answer are not to be unlearnt.
        let is_trusted = best.is("passed") || !sample.is("passed");
        let differs = sample.answer.is_some() && best.answer.is_some() && sample.answer != best.answer;
        sample.is_usable() && differs && is_worse && is_trusted
    };
    let mut first: Vec<(&Drawn, usize)> = Vec::new();
    for sample in samples.iter().filter(worse) {
        match first.iter_mut().find(|(other, _)| other.answer == sample.answer) {
            Some((_, count)) => *count += 1,
            None => first.push((sample, 1)),
        }
    }
    // The sort keeps the order of equal ones: the earlier stays first.
    first.sort_by_key(|(_, count)| Reverse(*count));
    first.into_iter().map(|(sample, _)| sample).collect()
}

impl Drawn {
    fn is(&self, outcome: &str) -> bool {
        self.check.as_deref() == Some(outcome)
    }

    /// How much verifiers think of it.
    fn standing(&self) -> u8 {
        match self.check.as_deref() {
            Some("passed") => 2,
            Some("refuted") => 0,
            _ => 1,
        }
    }

    /// Whether it ended by itself and says something.
    fn is_usable(&self) -> bool {
        self.whole && !self.text.trim().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::tests::{deliberation, options};

    /// Samples as `text answer check`; `!` before it marks one that was cut, `+` and `-` one known to be right or wrong.
    fn samples(said: &[&str]) -> Vec<Drawn> {
        let one = |(at, said): (usize, &&str)| {
            let words: Vec<&str> = said.trim_start_matches(['!', '+', '-']).split(' ').collect();
            Drawn {
                text: format!("{} #{at}", words[0]),
                answer: (words[0] != "none").then(|| words[0].to_owned()),
                check: words.get(1).map(|check| (*check).to_owned()),
                whole: !said.starts_with('!'),
                right: said.starts_with(['+', '-']).then(|| said.starts_with('+')),
                ..Drawn::default()
            }
        };
        said.iter().enumerate().map(one).collect()
    }

    /// The best sample's text, the rejected ones' texts, and the agreement; or why not.
    fn chosen(
        said: &[&str],
        served: Option<usize>,
        options: &Options,
    ) -> Result<(String, Vec<String>, Option<f64>), Why> {
        let deliberation = deliberation(samples(said), served);
        choose(&deliberation, options).map(|chosen| {
            let rejected = chosen.rejected.iter().map(|sample| sample.text.clone()).collect();
            (chosen.best.text.clone(), rejected, chosen.agreement)
        })
    }

    #[track_caller]
    fn check(said: &[&str], served: Option<usize>, best: &str, rejected: &[&str]) {
        let (got, others, _) = chosen(said, served, &options()).unwrap();
        assert_eq!((got.as_str(), others), (best, rejected.iter().map(|text| (*text).to_owned()).collect()));
    }

    #[test]
    fn what_was_served_is_the_best_and_other_answers_are_rejected() {
        check(&["4", "5", "4"], Some(0), "4 #0", &["5 #1"]);
        check(&["4", "7", "5", "4", "5", "4"], Some(0), "4 #0", &["5 #2", "7 #1"]);
        check(&["4", "none", "!5"], Some(0), "4 #0", &[]);
        check(&["none", "5"], Some(0), "none #0", &[]);
    }

    #[test]
    fn of_the_same_answers_the_verified_one_is_the_best() {
        check(&["4 unchecked", "4 passed", "5 refuted"], Some(0), "4 #1", &["5 #2"]);
        check(&["4 refuted", "4 unchecked"], Some(0), "4 #1", &[]);
        // A verifier says that the other answer holds, and nothing of this one: no lesson in that.
        check(&["4 unchecked", "5 passed"], Some(0), "4 #0", &[]);
    }

    #[test]
    fn only_what_is_worse_beyond_doubt_is_rejected() {
        // As many samples give the other answer, or more: nothing says which one is better.
        check(&["4", "5"], Some(0), "4 #0", &[]);
        check(&["4", "5", "5", "6"], Some(0), "4 #0", &[]);
        check(&["4 passed", "5 passed"], Some(0), "4 #0", &[]);
        check(&["4 passed", "4 passed", "5 passed"], Some(0), "4 #0", &["5 #2"]);
        // Verifiers count for more than votes.
        check(&["4 passed", "5 unchecked", "5 unchecked"], Some(0), "4 #0", &["5 #1"]);
        check(&["4 unchecked", "5 refuted", "5 refuted"], Some(0), "4 #0", &["5 #1"]);
        // One of the other answer's samples passed.
        check(&["4 unchecked", "4 unchecked", "5 unchecked", "5 passed", "5 unchecked"], Some(0), "4 #0", &[]);
        let mut one = deliberation(samples(&["4", "4", "5"]), Some(0));
        assert_eq!(choose(&one, &options()).unwrap().rejected.len(), 1);
        one.strategy = "single".to_owned();
        assert_eq!(choose(&one, &options()).unwrap().rejected.len(), 0);
    }

    #[test]
    fn known_answers_decide_where_they_are_known() {
        check(&["-5", "-5", "+4"], Some(0), "4 #2", &["5 #0"]);
        check(&["+4", "-5", "+4"], Some(2), "4 #2", &["5 #1"]);
        let refuse = |said: &[&str], why| assert_eq!(chosen(said, Some(0), &options()), Err(why), "{said:?}");
        refuse(&["-5", "-6"], Why::NoneRight);
    }

    #[test]
    fn what_is_left_out_has_its_reason() {
        let verified = Options { verified_only: true, ..options() };
        let refuse =
            |said: &[&str], served, options: &Options, why| assert_eq!(chosen(said, served, options), Err(why));
        refuse(&["4"], None, &options(), Why::NoAnswer);
        refuse(&[], Some(0), &options(), Why::NoAnswer);
        refuse(&["!4", "5"], Some(0), &options(), Why::Cut);
        refuse(&["4 refuted", "5"], Some(0), &options(), Why::Refuted);
        refuse(&["4 unchecked", "4"], Some(0), &verified, Why::NotVerified);
        assert!(chosen(&["4 unchecked", "4 passed"], Some(0), &verified).is_ok());
    }

    #[test]
    fn agreement_is_of_all_that_ended_and_of_one_there_is_none() {
        let of = |said: &[&str], least| chosen(said, Some(0), &Options { min_agreement: Some(least), ..options() });
        assert_eq!(of(&["4", "4", "5", "none"], 0.5).unwrap().2, Some(0.5));
        assert_eq!(of(&["4", "4", "5", "none"], 0.51), Err(Why::LowAgreement));
        assert_eq!(of(&["4"], 0.0), Err(Why::LowAgreement));
        assert_eq!(chosen(&["4"], Some(0), &options()).unwrap().2, None);
        assert_eq!(of(&["4", "4"], 1.0).unwrap().2, Some(1.0));
    }
}
