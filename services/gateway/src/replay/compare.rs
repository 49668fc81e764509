//! Holds what was drawn again against what the log keeps.

use std::fmt;

use forethought_actors::{SampleReport, SampleState, with_calls};
use forethought_audit::SampleOutcome;
use forethought_reasoning::{StopRule, Verdict};

use super::{Replay, past::Past};

/// The most differences that are told.
const TOLD: usize = 8;
/// Characters of a text that are shown around the place where it begins to differ.
const AROUND: usize = 24;

/// What was found to be the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Same {
    /// Samples that ended by themselves both times, whole.
    pub whole: usize,
    /// Samples of which only the beginning can be compared: one time or the other they were stopped from outside, how far they came
    /// depends on timing, and no vote depends on that.
    pub begun: usize,
    /// Tokens that were compared one by one; of an engine that does not tell them, none.
    pub tokens: usize,
}

impl fmt::Display for Same {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { whole, begun, tokens } = self;
        let plural = if *whole == 1 { "" } else { "s" };
        write!(f, "{whole} sample{plural}, {tokens} tokens, votes and choice")?;
        if *begun > 0 { write!(f, ", and the beginning of {begun} more that were stopped") } else { Ok(()) }
    }
}

/// Compares token by token, where tokens are kept; then texts, ends, votes, and what was chosen.
pub(super) fn compare(past: &Past<'_>, verdict: &Verdict, samples: &[SampleReport]) -> Replay {
    let mut same = Same::default();
    let mut differences = Vec::new();
    // What a clock or a client ended may have come further or less far.
    let by_time = [StopRule::Deadline, StopRule::ClientLeft].map(StopRule::as_str);
    let timed = past.outcome.stop.as_deref().filter(|stop| by_time.contains(stop));
    for sample in &past.outcome.samples {
        let now = samples.iter().find(|now| now.index == sample.index);
        if let Err(difference) = one(past, sample, now, timed.is_some(), &mut same) {
            differences.push(format!("sample {}: {difference}", sample.index));
        }
    }
    if timed.is_none() {
        differences.extend(voted(past, verdict, samples));
    }
    differences.truncate(TOLD);
    match timed {
        _ if !differences.is_empty() => Replay::Differs(differences),
        Some(stop) => Replay::Cannot(format!(
            "`{stop}` ended it, so how far it came depended on timing; what it had drawn came again ({} tokens)",
            same.tokens
        )),
        None => Replay::Identical(same),
    }
}

/// Compares one sample.
fn one(
    past: &Past<'_>,
    then: &SampleOutcome,
    now: Option<&SampleReport>,
    timed: bool,
    same: &mut Same,
) -> Result<(), String> {
    let Some(now) = now else {
        return if then.counted && !timed { Err("it was counted, and is not drawn now".to_owned()) } else { Ok(()) };
    };
    if then.seed != now.seed {
        return Err(format!("its seed was {}, is {}", then.seed, now.seed));
    }
    let whole = then.finish_reason.is_some() && !then.cancelled && now.state == SampleState::Finished;
    let (ids, text) = (past.ids.get(&then.index).map_or(&[][..], Vec::as_slice), past.texts.get(&then.index));
    let text = String::from_utf8_lossy(text.copied().unwrap_or_default());
    let tokens = tokens(ids, &now.ids, whole && !ids.is_empty())?;
    texts(&text, &now.raw, whole)?;
    same.tokens += tokens;
    if !whole {
        same.begun += 1;
        return Ok(());
    }
    same.whole += 1;
    let end = now.finish_name();
    if then.finish_reason.as_deref() != end {
        return Err(format!("it ended by {}, ends by {}", told(then.finish_reason.as_deref()), told(end)));
    }
    let answer = then.answer.and_then(|answer| past.answers.get(&answer)).map(|answer| String::from_utf8_lossy(answer));
    if answer.as_deref() != now.answer.as_deref() {
        return Err(format!("its answer was {}, is {}", told(answer.as_deref()), told(now.answer.as_deref())));
    }
    Ok(())
}

/// Compares tokens one by one; gives how many.
fn tokens(then: &[u32], now: &[u32], whole: bool) -> Result<usize, String> {
    if let Some(at) = then.iter().zip(now).position(|(then, now)| then != now) {
        let id = |ids: &[u32]| ids.get(at).copied().unwrap_or_default();
        return Err(format!("token {at} was {}, is {}", id(then), id(now)));
    }
    if whole && then.len() != now.len() {
        return Err(format!("it had {} tokens, has {}", then.len(), now.len()));
    }
    Ok(then.len().min(now.len()))
}

fn texts(then: &str, now: &str, whole: bool) -> Result<(), String> {
    let common = then.bytes().zip(now.bytes()).take_while(|(then, now)| then == now).count();
    let agree = if whole { then == now } else { common == then.len().min(now.len()) };
    if agree {
        return Ok(());
    }
    let around = |text: &str| {
        let from = (0..=common).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.get(from..).unwrap_or_default().chars().take(AROUND).collect::<String>()
    };
    Err(format!("from byte {common} on it said {:?}, says {:?}", around(then), around(now)))
}

/// Compares what was counted, what was voted for, why it stopped, and what was chosen.
fn voted(past: &Past<'_>, verdict: &Verdict, samples: &[SampleReport]) -> Vec<String> {
    let outcome = past.outcome;
    let mut differences = Vec::new();
    let counted = |index| outcome.samples.iter().any(|sample| sample.index == index && sample.counted);
    for index in samples.iter().map(|sample| sample.index).chain(outcome.samples.iter().map(|sample| sample.index)) {
        let (then, now) = (counted(index), verdict.counted.contains(&index));
        if then != now && differences.is_empty() {
            let word = |counted| if counted { "counted" } else { "not counted" };
            differences.push(format!("sample {index} was {}, is {}", word(then), word(now)));
        }
    }
    let text = |digest| past.answers.get(digest).map(|answer| String::from_utf8_lossy(answer).into_owned());
    let mut then: Vec<_> =
        outcome.votes.iter().map(|vote| (text(&vote.answer).unwrap_or_default(), vote.count)).collect();
    let mut now: Vec<_> = verdict.votes.iter().map(|vote| (vote.canonical.clone(), vote.count)).collect();
    then.sort();
    now.sort();
    if then != now {
        differences.push(format!("the votes were {then:?}, are {now:?}"));
    }
    if outcome.stop.as_deref() != Some(verdict.stop.as_str()) {
        differences.push(format!(
            "it stopped by {}, stops by {}",
            told(outcome.stop.as_deref()),
            verdict.stop.as_str()
        ));
    }
    if outcome.chosen != verdict.chosen {
        differences.push(format!("samples {:?} were chosen, {:?} are", outcome.chosen, verdict.chosen));
    }
    differences.extend(given(past, verdict, samples));
    differences
}

/// Compares the answer itself, where no safeguard has changed it.
fn given(past: &Past<'_>, verdict: &Verdict, samples: &[SampleReport]) -> Option<String> {
    let then = String::from_utf8_lossy(past.given?);
    let best = verdict.chosen.first()?;
    let now = samples.iter().find(|sample| sample.index == *best)?;
    texts(&then, &with_calls(&now.text, &now.calls), true).err().map(|difference| format!("the answer: {difference}"))
}

fn told(what: Option<&str>) -> String {
    what.map_or_else(|| "nothing".to_owned(), |what| format!("{what:?}"))
}

#[cfg(test)]
mod tests {
    use forethought_audit::{Digest, Outcome, OutcomeStatus, Spent, VoteCount};
    use forethought_reasoning::{Finish, Status, Vote};

    use super::*;

    #[test]
    fn tokens_are_compared_one_by_one() {
        let check = |then: &[u32], now: &[u32], whole, expect: Result<usize, &str>| {
            assert_eq!(tokens(then, now, whole), expect.map_err(str::to_owned), "{then:?} {now:?}");
        };
        check(&[1, 2, 3], &[1, 2, 3], true, Ok(3));
        check(&[1, 2, 3], &[1, 9, 3], true, Err("token 1 was 2, is 9"));
        check(&[1, 2], &[1, 2, 3], true, Err("it had 2 tokens, has 3"));
        check(&[1, 2], &[1, 2, 3], false, Ok(2));
        check(&[1, 2], &[2], false, Err("token 0 was 1, is 2"));
        check(&[], &[1], false, Ok(0));
    }

    #[test]
    fn texts_are_compared_as_far_as_both_came() {
        let check = |then: &str, now: &str, whole, expect: Option<&str>| {
            let told = texts(then, now, whole).err().unwrap_or_default();
            assert!(expect.map_or(told.is_empty(), |part| told.contains(part)), "{then} {now}: {told}");
        };
        check("four", "four", true, None);
        check("fo", "four", false, None);
        check("fo", "four", true, Some("byte 2"));
        check("four", "fore", false, Some("byte 2 on it said \"ur\", says \"re\""));
        // A character of two bytes of which the second differs.
        check("a\u{e4}", "a\u{e5}", false, Some("said \"\u{e4}\", says \"\u{e5}\""));
    }

    fn then(index: u32, counted: bool, cancelled: bool) -> SampleOutcome {
        let finish_reason = (!cancelled).then(|| "stop".to_owned());
        let answer = (!cancelled).then(|| Digest::of(b"4"));
        let (tokens, thinking_tokens, check) = (2, 0, None);
        SampleOutcome { index, seed: 7, finish_reason, tokens, thinking_tokens, check, answer, counted, cancelled }
    }

    fn now(index: u32, ids: &[u32], raw: &str, state: SampleState) -> SampleReport {
        let whole = state == SampleState::Finished;
        SampleReport {
            index,
            seed: 7,
            raw: raw.to_owned(),
            ids: ids.to_vec(),
            thinking: String::new(),
            text: raw.to_owned(),
            calls: Vec::new(),
            acts: Vec::new(),
            tokens: 3,
            thinking_tokens: 0,
            lost_tokens: 0,
            judge_tokens: 0,
            prompt_tokens: 5,
            cached_tokens: 0,
            answer: whole.then(|| "4".to_owned()),
            state,
            finish: whole.then_some(Finish::Stop),
            withheld: false,
        }
    }

    /// Two samples that said the same and were counted, and one that was stopped behind its first token.
    fn compared(change: impl FnOnce(&mut Outcome, &mut Verdict, &mut Vec<SampleReport>)) -> Replay {
        let mut outcome = Outcome {
            admission: "rec_1".to_owned().into(),
            request_id: "req_1".to_owned().into(),
            tenant: "acme".to_owned(),
            status: OutcomeStatus::Answered,
            error_code: None,
            finish_reason: Some("stop".to_owned()),
            samples: vec![then(0, true, false), then(1, true, false), then(2, false, true)],
            votes: vec![VoteCount { answer: Digest::of(b"4"), count: 2 }],
            spent: Spent::default(),
            since: None,
            cost: 0,
            safeguards: Vec::new(),
            classifiers: Vec::new(),
            review: None,
            stop: Some("decided".to_owned()),
            chosen: vec![0],
            tools: None,
        };
        let mut verdict = Verdict {
            status: Status::Answered,
            answer: None,
            chosen: vec![0],
            votes: vec![Vote { canonical: "4".to_owned(), count: 2, weight: 2000, first_index: 0 }],
            counted: vec![0, 1],
            stop: StopRule::Decided,
            checks: Vec::new(),
            without_answer: 0,
            failed: 0,
            reasons: Vec::new(),
            warnings: Vec::new(),
        };
        let whole = |index| now(index, &[1, 2], "is 4", SampleState::Finished);
        let mut samples = vec![whole(0), whole(1), now(2, &[1, 9, 3], "is four", SampleState::Finished)];
        change(&mut outcome, &mut verdict, &mut samples);
        let past = Past {
            prompt: b"",
            outcome: &outcome,
            texts: [(0, &b"is 4"[..]), (1, b"is 4"), (2, b"is")].into(),
            ids: [(0, vec![1, 2]), (1, vec![1, 2]), (2, vec![1])].into(),
            answers: [(Digest::of(b"4"), &b"4"[..])].into(),
            given: Some(b"is 4"),
        };
        compare(&past, &verdict, &samples)
    }

    #[test]
    fn what_must_be_the_same_is_told_from_what_depends_on_timing() {
        assert_eq!(compared(|_, _, _| {}), Replay::Identical(Same { whole: 2, begun: 1, tokens: 5 }));
        let told = |change: &dyn Fn(&mut Outcome, &mut Verdict, &mut Vec<SampleReport>)| match compared(|a, b, c| {
            change(a, b, c);
        }) {
            Replay::Identical(_) => "identical".to_owned(),
            Replay::Differs(differences) => differences.join("; "),
            Replay::Cannot(why) => why,
        };
        // How far a sample came that was stopped, or whether it was begun at all, depends on timing.
        assert_eq!(told(&|_, _, samples| samples.truncate(2)), "identical");
        // Everything else is told.
        let first = |samples: &mut Vec<SampleReport>, change: &dyn Fn(&mut SampleReport)| {
            samples.iter_mut().take(1).for_each(change);
        };
        let check = |change: &dyn Fn(&mut Outcome, &mut Verdict, &mut Vec<SampleReport>), expect: &str| {
            let told = told(change);
            assert!(told.contains(expect), "{told} is not {expect}");
        };
        check(&|_, _, all| first(all, &|one| one.ids = vec![1, 3]), "sample 0: token 1 was 2, is 3");
        check(&|_, _, all| first(all, &|one| one.raw = "is 5".to_owned()), "sample 0: from byte 3 on it said");
        check(&|_, _, all| first(all, &|one| one.text = "is 5".to_owned()), "the answer: from byte 3 on");
        check(&|_, _, all| first(all, &|one| one.seed = 8), "sample 0: its seed was 7, is 8");
        check(
            &|_, _, all| first(all, &|one| one.finish = Some(Finish::Length)),
            "it ended by \"stop\", ends by \"length\"",
        );
        check(&|_, _, all| first(all, &|one| one.answer = None), "its answer was \"4\", is nothing");
        check(&|_, _, all| drop(all.remove(0)), "sample 0: it was counted, and is not drawn now");
        check(&|_, verdict, _| verdict.counted = vec![0, 1, 2], "sample 2 was not counted, is counted");
        check(&|_, verdict, _| verdict.stop = StopRule::AllDone, "it stopped by \"decided\", stops by all_done");
        check(&|_, verdict, _| verdict.chosen = vec![1], "samples [0] were chosen, [1] are");
        check(&|_, verdict, _| verdict.votes.clear(), "the votes were [(\"4\", 2)], are []");
        check(&|outcome, _, _| outcome.stop = Some("deadline".to_owned()), "`deadline` ended it");
    }
}
