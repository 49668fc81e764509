//! Budget forcing: what is asked of an engine, pass by pass, and what is counted.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests may panic")]

use std::sync::Arc;

use forethought_reasoning::{Allowance, Finish, Markers, Part, Room, Segment, Step, ThinkingStyle, Trace};
use proptest::prelude::{Just, ProptestConfig, any, prop_assert, prop_oneof, proptest};

fn style() -> ThinkingStyle {
    ThinkingStyle { closing: "\nTime is up.\n</think>\n\n".to_owned(), ..ThinkingStyle::new(Markers::default()) }
}

fn recipe() -> ThinkingStyle {
    ThinkingStyle { begin: "<think>\nLet me see.".to_owned(), ..style() }
}

fn allowance(tokens: u32, thinking: u32) -> Allowance {
    Allowance { thinking, ..Allowance::new(tokens) }
}

/// (thinking, answer, how it went) of a trace over a model that says, in each pass, these words and then ends so.
fn play(mut trace: Trace, passes: &[(&str, Finish)]) -> (String, String, Trace) {
    let (mut thinking, mut answer) = (String::new(), String::new());
    let opening = trace.begun();
    let mut take = |segments: Vec<Segment>| {
        for segment in segments {
            match segment {
                Segment::Thinking(text) => thinking += &text,
                Segment::Answer(text) => answer += &text,
            }
        }
    };
    take(opening);
    for (words, finish) in passes {
        let pass = trace.pass().expect("another pass").clone();
        let words: Vec<&str> = words.split_inclusive(' ').collect();
        assert!(words.len() <= pass.max_tokens as usize, "{pass:?}");
        for word in &words {
            take(trace.token(word));
        }
        let end = u32::from(*finish == Finish::Stop && words.len() < pass.max_tokens as usize);
        take(trace.ended("", *finish, end));
    }
    (thinking, answer, trace)
}

fn begun(trace: &Trace) -> &str {
    &trace.pass().unwrap().begun
}

#[test]
fn a_model_that_marks_no_thought_has_one_pass() {
    let trace = Trace::plain(10);
    assert_eq!((trace.pass().unwrap().max_tokens, begun(&trace)), (10, ""));
    let (thinking, answer, trace) = play(trace, &[("It is <think> 4", Finish::Stop)]);
    assert_eq!((thinking.as_str(), answer.as_str(), trace.pass()), ("", "It is <think> 4", None));
    assert_eq!((trace.tokens(), trace.thinking_tokens()), (5, 0));
}

#[test]
fn a_thought_that_ends_by_itself_is_left_alone() {
    let trace = Trace::thinking(Arc::new(style()), false, false, allowance(20, 10));
    assert_eq!((trace.pass().unwrap().max_tokens, trace.pass().unwrap().part), (10, Part::Whole));
    let (thinking, answer, trace) = play(trace, &[("<think> a b </think> 4 .", Finish::Stop)]);
    assert_eq!((thinking.as_str(), answer.as_str(), trace.pass()), ("a b", "4 .", None));
    assert_eq!((trace.tokens(), trace.thinking_tokens()), (7, 4));
}

#[test]
fn a_thought_at_its_cap_is_closed_and_answered() {
    let trace = Trace::thinking(Arc::new(style()), true, false, allowance(10, 3));
    let (thinking, _, trace) = play(trace, &[("a b c ", Finish::Length)]);
    let pass = trace.pass().unwrap();
    assert_eq!((pass.number, pass.max_tokens, pass.part), (1, 7, Part::Answer));
    assert_eq!(pass.begun, "a b c \nTime is up.\n</think>\n\n");
    assert_eq!(thinking, "a b c \nTime is up.");
    let (_, answer, trace) = play(trace, &[("It is 4", Finish::Stop)]);
    assert_eq!((answer.as_str(), trace.pass(), trace.thinking_tokens(), trace.tokens()), ("It is 4", None, 3, 7));
}

#[test]
fn an_answer_longer_than_the_rest_of_the_cap_goes_on() {
    let trace = Trace::thinking(Arc::new(style()), true, false, allowance(12, 6));
    let (_, _, trace) = play(trace, &[("a </think> one two three four ", Finish::Length)]);
    assert_eq!(begun(&trace), "a </think> one two three four ");
    let (_, answer, trace) = play(trace, &[("five", Finish::Stop)]);
    assert_eq!((answer.as_str(), trace.thinking_tokens(), trace.tokens()), ("five", 2, 8));
}

#[test]
fn an_end_in_the_middle_of_a_thought_is_no_answer() {
    let trace = Trace::thinking(Arc::new(recipe()), false, false, allowance(20, 10));
    assert_eq!(begun(&trace), "<think>\nLet me see.");
    let (thinking, _, trace) = play(trace, &[(" a b", Finish::Stop)]);
    assert_eq!(thinking, "Let me see. a b\nTime is up.");
    assert_eq!((trace.thinking_tokens(), trace.pass().unwrap().part), (4, Part::Answer));
}

#[test]
fn an_empty_answer_is_asked_for_again() {
    let trace = Trace::thinking(Arc::new(style()), true, false, allowance(20, 2));
    let (_, answer, trace) = play(trace, &[("a b ", Finish::Length), ("", Finish::Stop), ("4", Finish::Stop)]);
    assert_eq!((answer.as_str(), trace.pass(), trace.tokens()), ("4", None, 5));
}

#[test]
fn a_short_thought_goes_on_after_a_wait() {
    let long = Allowance { min_thinking: 6, extensions: 2, ..allowance(30, 10) };
    let trace = Trace::thinking(Arc::new(style()), false, false, long);
    assert_eq!((trace.pass().unwrap().part, begun(&trace)), (Part::Thought, "<think>\n"));
    let (_, _, trace) = play(trace, &[("a b ", Finish::Matched)]);
    assert_eq!((begun(&trace), trace.pass().unwrap().max_tokens), ("<think>\na b \nWait", 8));
    let (_, _, trace) = play(trace, &[("c d e f ", Finish::Matched)]);
    assert_eq!((begun(&trace), trace.pass().unwrap().part), ("<think>\na b \nWaitc d e f </think>\n\n", Part::Answer));
    assert_eq!((trace.thinking_tokens(), trace.pass().unwrap().max_tokens), (6, 24));
}

#[test]
fn no_thought_at_all_is_possible() {
    let none = |opened| Trace::thinking(Arc::new(style()), opened, true, allowance(20, 0));
    assert_eq!((begun(&none(false)), none(false).pass().unwrap().part), ("<think>\n\n</think>\n\n", Part::Answer));
    assert_eq!(begun(&none(true)), "\n</think>\n\n");
    assert_eq!(begun(&Trace::thinking(Arc::new(recipe()), false, false, allowance(20, 0))), "");
    let harmony = ThinkingStyle::new(Markers::harmony());
    let trace = Trace::thinking(Arc::new(harmony), false, true, allowance(20, 0));
    assert_eq!(begun(&trace), "<|channel|>final<|message|>", "nothing is to be ended");
    let (thinking, answer, _) = play(trace, &[("It is 4", Finish::Stop)]);
    assert_eq!((thinking.as_str(), answer.as_str()), ("", "It is 4"), "a marker is no text");
}

/// A step of 10 tokens that goes on from `begun`, of which `thought` may be thought.
fn step(style: ThinkingStyle, opened: bool, begun: &str, thought: u32) -> Trace {
    let step = Step { begun, tokens: 10, thought, until: "\n\n", stop: &["END".to_owned()] };
    Trace::step(Some(Arc::new(style)), opened, step)
}

#[test]
fn a_thought_that_has_had_its_tokens_is_closed_before_the_next_step() {
    let trace = step(style(), true, "a b\n\n", 0);
    assert_eq!(begun(&trace), "a b\n\n\nTime is up.\n</think>\n\n");
    assert_eq!((trace.pass().unwrap().part, trace.pass().unwrap().max_tokens), (Part::Answer, 10));
    let (_, answer, trace) = play(trace, &[("It is 4", Finish::Matched)]);
    assert_eq!((answer.as_str(), trace.thinking_tokens(), trace.tokens()), ("It is 4", 0, 3));
    assert_eq!(trace.end(Finish::Matched), Finish::Matched);
}

#[test]
fn a_thought_may_be_closed_in_the_middle_of_a_step() {
    let trace = step(style(), true, "a b\n\n", 3);
    assert_eq!(trace.pass().unwrap().max_tokens, 3);
    let (thinking, _, trace) = play(trace, &[("c d e ", Finish::Length)]);
    assert_eq!(thinking, "a b\n\nc d e \nTime is up.");
    let (_, answer, trace) = play(trace, &[("It is 4", Finish::Stop)]);
    assert_eq!((answer.as_str(), trace.thinking_tokens(), trace.tokens(), trace.pass()), ("It is 4", 3, 7, None));
    assert_eq!(trace.end(Finish::Stop), Finish::Stop);
}

#[test]
fn a_step_of_a_thought_ends_at_its_own_end_or_with_its_tokens() {
    for finish in [Finish::Matched, Finish::Length] {
        let words = if finish == Finish::Length { "a b c d e f g h i j " } else { "a b" };
        let (_, answer, trace) = play(step(style(), true, "", 50), &[(words, finish)]);
        assert_eq!((answer.as_str(), trace.pass(), trace.raw()), ("", None, words));
        assert_eq!(trace.end(finish), finish);
    }
}

#[test]
fn a_model_that_ends_in_its_thought_answers_all_the_same() {
    let (_, _, trace) = play(step(style(), true, "", 50), &[("a b", Finish::Stop)]);
    assert_eq!((trace.pass().unwrap().max_tokens, begun(&trace)), (7, "a b\nTime is up.\n</think>\n\n"));
    // There is nothing left in this step: the next one answers.
    let (_, _, trace) = play(step(style(), true, "", 50), &[("a b c d e f g h i j", Finish::Stop)]);
    assert_eq!((trace.pass(), trace.end(Finish::Stop)), (None, Finish::Length));
    assert!(trace.raw().ends_with("</think>\n\n"), "{}", trace.raw());
}

#[test]
fn the_first_step_begins_as_a_sample_does() {
    assert_eq!(begun(&step(style(), false, "", 5)), "");
    assert_eq!(begun(&step(style(), true, "", 5)), "");
    assert_eq!(begun(&step(recipe(), false, "", 5)), "<think>\nLet me see.");
    assert_eq!(begun(&step(recipe(), false, "<think>\nLet me see. a\n\n", 5)), "<think>\nLet me see. a\n\n");
    // Without thoughts.
    assert_eq!(begun(&step(style(), false, "", 0)), "<think>\n\n</think>\n\n");
    assert_eq!(begun(&step(style(), true, "", 0)), "\n</think>\n\n");
    assert_eq!(begun(&step(recipe(), false, "", 0)), "");
    assert_eq!(begun(&step(recipe(), false, "So\n\n", 0)), "So\n\n");
    let (thinking, answer, _) = play(step(recipe(), false, "", 0), &[("<think> 4", Finish::Stop)]);
    assert_eq!((thinking.as_str(), answer.as_str()), ("", "<think> 4"));
}

#[test]
fn the_requests_stops_hold_in_a_step_once_it_answers() {
    let play = |begun: &str, words: &str| {
        let mut trace = step(style(), true, begun, 50);
        let mut said = trace.begun();
        for word in words.split_inclusive(' ') {
            said.extend(trace.token(word));
            if trace.pass().is_none() {
                break;
            }
        }
        if trace.pass().is_some() {
            said.extend(trace.ended("", Finish::Matched, 0));
        }
        let answers = said.iter().map(|said| if let Segment::Answer(text) = said { text.as_str() } else { "" });
        let answer: String = answers.collect();
        let kept = trace.stopped().map(|at| answer[..at].to_owned());
        (kept, trace.end(Finish::Matched), trace.tokens())
    };
    assert_eq!(play("", "END a "), (None, Finish::Matched, 2), "thoughts may say what they like");
    assert_eq!(play("", "a </think> b END c d"), (Some("b ".to_owned()), Finish::Stop, 4));
    assert_eq!(play("a</think>b E", "ND c"), (Some("b ".to_owned()), Finish::Stop, 1));
    assert_eq!(play("a</think>THE END", " c"), (None, Finish::Matched, 2), "it was looked for before");
}

#[test]
fn an_end_behind_an_answer_is_the_end_and_an_empty_answer_is_asked_for_again() {
    let (_, answer, trace) = play(step(style(), true, "a</think>It is 4.\n\n", 5), &[("", Finish::Stop)]);
    assert_eq!((answer.as_str(), trace.pass(), trace.tokens()), ("It is 4.\n\n", None, 1));
    let lead = || ThinkingStyle { closing: "</think>It is".to_owned(), ..style() };
    let (_, answer, trace) = play(step(lead(), true, "a", 0), &[("", Finish::Stop), (" 4", Finish::Stop)]);
    assert_eq!((answer.as_str(), trace.pass()), ("It is 4", None));
    let (_, _, trace) = play(step(lead(), true, "a</think>It is", 0), &[("", Finish::Stop)]);
    assert!(trace.pass().is_some(), "what we have said ourselves is no answer");
}

#[test]
fn a_style_that_cannot_work_is_told_so() {
    style().check().unwrap();
    recipe().check().unwrap();
    ThinkingStyle::new(Markers::harmony()).check().unwrap();
    let check = |style: ThinkingStyle, told: &str| {
        let error = style.check().unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    };
    check(ThinkingStyle { begin: "Think!".into(), ..style() }, "begin it with \"<think>\"");
    check(ThinkingStyle { closing: "Stop!".into(), ..style() }, "put \"</think>\" into it");
    check(ThinkingStyle { markers: Markers { open: vec![], ..Markers::default() }, ..style() }, "at least one");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever the model says and however it ends: no token above the caps, and room for an answer.
    #[test]
    fn no_cap_is_passed(
        tokens in 1..60_u32, thinking in 0..60_u32, min in 0..30_u32, extensions in 0..3_u32,
        opened in any::<bool>(), split in any::<bool>(), with_recipe in any::<bool>(),
        words in proptest::collection::vec(prop_oneof![
            6 => Just("word "), 1 => Just("<think>"), 1 => Just("</think>"), 1 => Just("</thi"), 1 => Just("")], 1..40),
        lengths in proptest::collection::vec(0..40_usize, 1..10),
    ) {
        let style = Arc::new(if with_recipe { recipe() } else { style() });
        let allowance = Allowance { min_thinking: min, extensions, ..allowance(tokens, thinking) };
        let mut trace = Trace::thinking(style, opened, split, allowance);
        let mut lengths = lengths.into_iter().cycle();
        let mut word = words.into_iter().cycle();
        while let Some(pass) = trace.pass().cloned() {
            prop_assert!(pass.number < 12 && pass.max_tokens >= 1);
            prop_assert!(trace.tokens() + pass.max_tokens <= tokens);
            let wanted = lengths.next().unwrap();
            let drawn = wanted.min(pass.max_tokens as usize);
            let mut matched = false;
            for _ in 0..drawn {
                let next = word.next().unwrap();
                if pass.part == Part::Thought && next == "</think>" {
                    trace.ended("", Finish::Matched, 1);
                    matched = true;
                    break;
                }
                trace.token(next);
            }
            if !matched {
                let finish = if drawn < wanted || drawn == pass.max_tokens as usize { Finish::Length } else { Finish::Stop };
                trace.ended("", finish, u32::from(finish == Finish::Stop));
            }
        }
        prop_assert!(trace.tokens() <= tokens);
        prop_assert!(trace.thinking_tokens() <= allowance.cap(), "{trace:?}");
        prop_assert!(!trace.is_thinking() || trace.tokens() == tokens, "a thought is closed: {trace:?}");
    }

    /// A whole beam: its thought keeps to the cap, what is kept back for the answer is there, and no step passes its own cap.
    #[test]
    fn no_cap_is_passed_step_by_step(
        share in 2..80_u32, thinking in 0..60_u32, reserve in 1..40_u32, others in proptest::collection::vec(0..9_u32, 1..5),
        step_tokens in 1..12_u32, opened in any::<bool>(), with_recipe in any::<bool>(),
        words in proptest::collection::vec(prop_oneof![
            8 => Just("word "), 1 => Just("<think>"), 1 => Just("</think>"), 1 => Just("")], 1..40),
        ends in proptest::collection::vec((0..12_u32, any::<bool>()), 1..10),
    ) {
        let style = Arc::new(if with_recipe { recipe() } else { style() });
        let allowance = Allowance { thinking, reserve: reserve.min(share.div_ceil(2)), ..Allowance::new(share) };
        let (mut word, mut ends, mut others) = (words.into_iter().cycle(), ends.into_iter().cycle(), others.into_iter().cycle());
        let (mut begun, mut drawn, mut used, mut thought) = (String::new(), 0, 0_u32, 0);
        for _ in 0..200 {
            let left = share - used.max(drawn);
            if left == 0 {
                break;
            }
            let room = Room { share, drawn, left };
            let tokens = step_tokens.min(left);
            let may = allowance.thought_left(room);
            let step = Step { begun: &begun, tokens, thought: may, until: "\n\n", stop: &[] };
            let mut trace = Trace::step(Some(style.clone()), opened, step);
            let before = trace.begun();
            let answered = before.iter().any(|said| matches!(said, Segment::Answer(_)));
            let mut last = Finish::Stop;
            while let Some(pass) = trace.pass().cloned() {
                prop_assert!(pass.max_tokens >= 1 && trace.tokens() + pass.max_tokens <= tokens && pass.number < 8);
                let (wanted, matched) = ends.next().unwrap();
                let said = wanted.min(pass.max_tokens);
                for _ in 0..said {
                    trace.token(word.next().unwrap());
                }
                last = match (wanted < pass.max_tokens, matched) {
                    (false, _) => Finish::Length,
                    (true, true) => Finish::Matched,
                    (true, false) => Finish::Stop,
                };
                trace.ended("", last, u32::from(last != Finish::Length));
            }
            prop_assert!(trace.thinking_tokens() <= may && trace.tokens() <= tokens);
            prop_assert!(!trace.is_thinking() || trace.end(last) != Finish::Stop, "no end in a thought: {trace:?}");
            thought += trace.thinking_tokens();
            prop_assert!(thought <= allowance.cap() || answered);
            (drawn, used) = (drawn + trace.tokens(), used + trace.tokens());
            prop_assert!(!trace.is_thinking() || share - used.max(drawn) >= allowance.reserve, "{trace:?}");
            if trace.end(last) == Finish::Stop {
                break;
            }
            begun = format!("{}{}", trace.raw(), if last == Finish::Matched { "\n\n" } else { "" });
            // Other texts, drawn from the same share, were dropped; what is kept back is kept back of that, too.
            let spare = (share - used.max(drawn)).saturating_sub(allowance.reserve);
            used += others.next().unwrap().min(spare);
        }
        prop_assert!(thought <= allowance.cap(), "{thought}");
    }
}
