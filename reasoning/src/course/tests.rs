//! Courses over passes that are written down, and over random ones.

use std::sync::Arc;

use forethought_schemas::{Runs, ToolCard, ToolChoice};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{Allowance, Markers, ThinkingStyle};

fn card(name: &str, runs: Runs) -> ToolCard {
    let parameters = json!({ "type": "object", "properties": { "x": { "type": "number" } } });
    ToolCard { name: name.to_owned(), description: String::new(), parameters: Arc::new(parameters), runs }
}

fn plan() -> ToolUse {
    ToolUse {
        style: CallStyle::hermes(),
        tools: vec![card("add", Runs::Server), card("look", Runs::Server), card("book", Runs::Client)],
        choice: ToolChoice::Auto,
        parallel: false,
        limits: ToolLimits::default(),
        firm: true,
    }
}

fn start(plan: ToolUse, tokens: u32) -> Course {
    let mut course = Course::acting(Trace::plain(tokens), Arc::new(plan), vec!["END".to_owned()]);
    course.begun();
    course
}

/// Runs one pass that draws this text, a word a token, and ends so.
fn pass(course: &mut Course, text: &str, finish: Finish) -> String {
    let asked = course.pass().expect("a pass is to be run");
    let mut said = Vec::new();
    for word in text.split_inclusive(' ') {
        said.extend(course.token(word));
    }
    said.extend(course.ended("", finish, 0));
    assert!(!said.iter().any(|segment| matches!(segment, Segment::Answer(text) if text.contains("<tool_call>"))));
    asked.begun
}

fn told(text: &str) -> Told {
    Told { text: text.to_owned(), ..Told::default() }
}

/// Tells the results of all pending calls, and begins the next turn.
fn results(course: &mut Course, text: &str) {
    let pending = course.pending();
    course.observe(pending.iter().map(|_| told(text)).collect());
    let left = course.left(100);
    course.turn(Trace::plain(left));
    course.begun();
}

const CALL: &str = r#"{"name": "add", "arguments": {"x": 2}}"#;

#[test]
fn a_call_is_made_and_the_answer_goes_on_from_its_result() {
    let mut course = start(plan(), 100);
    assert_eq!((course.marker(None), course.schema(None)), (Some("<tool_call>"), None));
    pass(&mut course, "Let me see. ", Finish::Matched);
    assert!(course.is_calling() && course.marker(None).is_none());
    let schema = course.schema(None).unwrap();
    assert_eq!(schema["anyOf"].as_array().map(Vec::len), Some(3), "{schema}");
    assert_eq!(pass(&mut course, CALL, Finish::Stop), "Let me see. <tool_call>\n");
    let pending = course.pending();
    assert_eq!((pending.len(), pending[0].call.tool.as_str(), course.pass()), (1, "add", None));
    results(&mut course, "4");
    assert_eq!(course.turns()[0].told, ["4"]);
    assert_eq!(course.turns()[0].text, "Let me see. ");
    let number = course.pass().unwrap().number;
    assert_eq!(number, 2, "every pass draws from another seed");
    assert_eq!(pass(&mut course, "It is 4", Finish::Stop), "", "the next turn begins anew");
    assert!(course.pass().is_none() && !course.is_waiting() && course.client_calls().is_empty());
    assert_eq!(course.end(Finish::Stop), Finish::Stop);
    assert_eq!(course.tokens(), 3 + 5 + 3);
    assert_eq!(course.raw(), format!("Let me see. <tool_call>\n{CALL}\n</tool_call>\n\nIt is 4"));
}

#[test]
fn where_one_tool_must_be_called_only_its_arguments_are_drawn() {
    let named = ToolUse { choice: ToolChoice::Named("look".to_owned()), ..plan() };
    let mut course = start(named, 100);
    let schema = course.schema(None).unwrap();
    assert_eq!(schema["properties"], json!({ "x": { "type": "number" } }));
    let begun = pass(&mut course, r#"{"x": 1}"#, Finish::Stop);
    assert_eq!(begun, "<tool_call>\n{\"name\": \"look\", \"arguments\": ");
    assert_eq!(course.pending()[0].call.arguments, json!({ "x": 1 }));
    assert!(course.raw().ends_with("{\"x\": 1}}\n</tool_call>"));
    results(&mut course, "1");
    assert!(!course.is_calling(), "it must only begin with a call");
}

#[test]
fn what_must_be_called_is_thought_about_before() {
    let style = Arc::new(ThinkingStyle::new(Markers::default()));
    let trace = Trace::thinking(style, true, true, Allowance::new(100));
    let plan = ToolUse { choice: ToolChoice::Required, ..plan() };
    let mut course = Course::acting(trace, Arc::new(plan), Vec::new());
    course.begun();
    assert!(!course.is_calling());
    pass(&mut course, "I should add.", Finish::Matched);
    assert!(course.is_calling());
    let begun = pass(&mut course, CALL, Finish::Stop);
    assert_eq!(begun, "I should add.</think>\n\n<tool_call>\n");
    assert_eq!((course.pending().len(), course.thinking_tokens()), (1, 3));
}

#[test]
fn several_are_called_at_once() {
    let mut course = start(ToolUse { parallel: true, ..plan() }, 200);
    pass(&mut course, "", Finish::Matched);
    pass(&mut course, CALL, Finish::Stop);
    assert!(!course.is_waiting() && course.marker(None).is_some() && course.schema(None).is_none());
    pass(&mut course, " ", Finish::Matched);
    let begun = pass(&mut course, &CALL.replace("add", "look"), Finish::Stop);
    assert_eq!(begun.matches("<tool_call>\n").count(), 2, "{begun}");
    pass(&mut course, "so ", Finish::Stop);
    let tools: Vec<String> = course.pending().into_iter().map(|pending| pending.call.tool).collect();
    assert_eq!(tools, ["add", "look"]);
}

#[test]
fn the_limits_close_the_tools() {
    let check = |limits: ToolLimits, same: bool, expect: usize| {
        let mut course = start(ToolUse { limits, ..plan() }, 10_000);
        let mut rounds = 0;
        loop {
            pass(&mut course, "", Finish::Matched);
            if course.pass().is_none() {
                break;
            }
            let call = if same { CALL.to_owned() } else { CALL.replace('2', &rounds.to_string()) };
            pass(&mut course, &call, Finish::Stop);
            let pending = course.pending();
            course.observe(pending.iter().map(|_| told("0123456789")).collect());
            course.turn(Trace::plain(1000));
            rounds += 1;
        }
        assert_eq!(rounds, expect, "{limits:?}");
        assert!(course.turns().last().unwrap().told[0].contains("No more tools"));
        assert_eq!(course.end(Finish::Matched), Finish::Length);
    };
    let limits = ToolLimits { rounds: 9, ..ToolLimits::default() };
    check(limits, false, 9);
    check(limits, true, 2);
    check(ToolLimits { calls: 3, ..limits }, false, 3);
    check(ToolLimits { total_bytes: 15, ..limits }, false, 2);
}

#[test]
fn a_call_that_comes_to_no_end_still_leaves_an_answer() {
    let named = ToolUse { choice: ToolChoice::Named("add".to_owned()), ..plan() };
    let mut course = start(named, 40);
    assert_eq!(course.pass().unwrap().max_tokens, 30);
    pass(&mut course, &"1 ".repeat(30), Finish::Length);
    let rest = course.pass().unwrap();
    assert_eq!((rest.begun.as_str(), rest.max_tokens, course.is_calling()), ("", 10, false));
    pass(&mut course, "It is 4", Finish::Stop);
    assert!(course.pass().is_none() && !course.is_waiting());
}

#[test]
fn calls_before_one_that_comes_to_no_end_are_made() {
    let check = |tool: &str| {
        let mut course = start(ToolUse { parallel: true, ..plan() }, 60);
        pass(&mut course, "", Finish::Matched);
        let first = CALL.replace("add", tool);
        pass(&mut course, &first, Finish::Stop);
        pass(&mut course, " ", Finish::Matched);
        let room = course.pass().unwrap().max_tokens as usize;
        pass(&mut course, &"1 ".repeat(room), Finish::Length);
        assert!(course.raw().trim_end().ends_with(&format!("{first}\n</tool_call>")), "{}", course.raw());
        course
    };
    let mut course = check("add");
    assert_eq!(course.pending().len(), 1);
    results(&mut course, "4");
    pass(&mut course, "It is 4", Finish::Stop);
    assert!(course.pass().is_none() && !course.is_waiting() && course.turns()[0].told == ["4"]);
    let course = check("book");
    assert!(course.pass().is_none() && !course.is_waiting());
    assert_eq!((course.client_calls().len(), course.end(Finish::Length)), (1, Finish::Stop));
}

#[test]
fn what_the_client_runs_is_the_answer() {
    let mut course = start(plan(), 100);
    pass(&mut course, "Booked soon. ", Finish::Matched);
    pass(&mut course, &CALL.replace("add", "book"), Finish::Stop);
    assert!(course.pass().is_none() && !course.is_waiting() && course.pending().is_empty());
    assert_eq!(course.client_calls()[0].tool, "book");
    assert_eq!(course.end(Finish::Stop), Finish::Stop);
}

#[test]
fn calls_are_found_where_an_engine_cannot_draw_them() {
    let loose = ToolUse { firm: false, ..plan() };
    let mut course = start(loose.clone(), 100);
    assert_eq!((course.marker(None), course.schema(None)), (None, None));
    let said: Vec<_> = [
        course.token("Look: "),
        course.token(&format!("<tool_call>{CALL}</tool_call> and <tool_call>{CALL}</tool_call>")),
        course.ended("", Finish::Stop, 1),
    ]
    .concat();
    assert_eq!(said.len(), 2);
    assert_eq!((course.kept(), course.pending().len()), (Some("Look:".len()), 1));
    results(&mut course, "4");
    let broken = "<tool_call>{\"name\": \"rm\"}";
    course.token(broken);
    course.ended("", Finish::Stop, 1);
    assert!(course.is_waiting() && course.pending().is_empty(), "what is wrong with it is told without a call");
    results(&mut course, "");
    assert!(course.turns()[1].told[0].contains("there is no tool `rm`"), "{:?}", course.turns());
}

#[test]
fn an_answer_that_must_fit_a_schema_may_be_a_call_instead() {
    let answer = Arc::new(json!({ "type": "object", "properties": { "sum": { "type": "number" } } }));
    let mut course = start(plan(), 100);
    let either = course.schema(Some(&answer)).unwrap();
    assert_eq!(either["anyOf"].as_array().unwrap().last(), Some(answer.as_ref()));
    pass(&mut course, CALL, Finish::Stop);
    assert_eq!((course.kept(), course.pending().len()), (Some(0), 1));
    results(&mut course, "4");
    pass(&mut course, r#"{"sum": 4}"#, Finish::Stop);
    assert!(!course.is_waiting());
    let mut course = start(plan(), 100);
    assert_eq!(course.marker(Some(&answer)), None, "an answer may hold the marker");
    pass(&mut course, r#"{"name": "Ann", "arguments": {}}"#, Finish::Stop);
    assert!(!course.is_waiting(), "it names no tool, so it is the answer");
}

#[test]
fn the_stop_sequences_of_the_request_end_the_answer() {
    let mut course = start(plan(), 100);
    course.token("one EN");
    assert!(!course.is_stopped());
    course.token("D two");
    assert!(course.is_stopped());
    course.ended("", Finish::Stop, 0);
    assert_eq!((course.kept(), course.pass(), course.end(Finish::Length)), (Some(4), None, Finish::Stop));
}

/// What calls of a text were made, with `add` once in the turn before.
fn calls_of(plan: ToolUse, text: &str) -> (Vec<Value>, Course) {
    let mut course = start(ToolUse { firm: false, ..plan }, 10_000);
    for text in [format!("<tool_call>{CALL}"), text.to_owned()] {
        course.token(&text);
        course.ended("", Finish::Stop, 1);
        if course.turns().is_empty() {
            results(&mut course, "4");
        }
    }
    let calls = course.pending().into_iter().map(|pending| pending.call.arguments["x"].clone()).collect();
    results(&mut course, "5");
    (calls, course)
}

#[test]
fn a_turn_calls_no_more_than_what_is_left_and_nothing_again_and_again() {
    let limits = ToolLimits { calls: 4, ..ToolLimits::default() };
    let calls = |numbers: &[u32]| -> String {
        numbers.iter().map(|x| ["<tool_call>", &CALL.replace('2', &x.to_string())].concat()).collect()
    };
    let (made, course) = calls_of(ToolUse { parallel: true, limits, ..plan() }, &calls(&[3, 4, 5, 6, 7]));
    assert_eq!(made, [3, 4, 5], "one was made before");
    let told = &course.turns()[1].told;
    assert!(told[2].contains("2 more calls were not made") && told[2].contains("No more tools"), "{told:?}");
    let (made, course) = calls_of(ToolUse { parallel: true, ..plan() }, &calls(&[2, 2, 3, 2]));
    assert_eq!(made, [2, 3], "the first was made before");
    assert!(course.turns()[1].told[1].contains("2 more calls were not made"));
    let (made, course) = calls_of(plan(), &calls(&[3, 4]));
    assert_eq!(made, [3]);
    assert!(course.turns()[1].told[0].contains("1 more calls were not made"));
}

#[test]
fn the_same_call_is_not_drawn_again_and_again() {
    let mut course = start(ToolUse { parallel: true, ..plan() }, 10_000);
    pass(&mut course, "", Finish::Matched);
    for _ in 0..2 {
        pass(&mut course, CALL, Finish::Stop);
        pass(&mut course, "", Finish::Matched);
    }
    pass(&mut course, CALL, Finish::Stop);
    assert!(course.is_waiting());
    assert_eq!(course.pending().len(), 2);
}

#[test]
fn bare_json_within_an_answer_is_no_call() {
    let bare = ToolUse { style: CallStyle::llama(), ..plan() };
    let mut course = start(bare.clone(), 100);
    assert_eq!(course.marker(None), Some("{\"name\""));
    pass(&mut course, "It says ", Finish::Matched);
    assert!(!course.is_calling() && course.marker(None).is_none());
    let begun = pass(&mut course, ": \"Bob\"}", Finish::Stop);
    assert_eq!(begun, "It says {\"name\"");
    assert!(course.pass().is_none() && !course.is_waiting());
    assert_eq!((course.raw().as_str(), course.end(Finish::Stop)), ("It says {\"name\": \"Bob\"}", Finish::Stop));
    let mut course = start(bare.clone(), 1);
    pass(&mut course, "It ", Finish::Matched);
    assert_eq!((course.pass(), course.end(Finish::Matched), course.kept()), (None, Finish::Length, Some(10)));
    let mut course = start(bare, 100);
    pass(&mut course, "\n", Finish::Matched);
    assert!(course.is_calling());
    pass(&mut course, &CALL.replace("arguments", "parameters"), Finish::Stop);
    assert_eq!(course.pending().len(), 1);
    results(&mut course, "4");
    assert!(course.marker(None).is_some(), "the next turn may begin with one");
}

#[test]
fn what_may_become_a_stop_sequence_is_held_back() {
    let answer = |text: &str| vec![Segment::Answer(text.to_owned())];
    let mut course = start(plan(), 100);
    assert_eq!(course.token("one E"), answer("one "));
    assert_eq!(course.token("N"), []);
    assert_eq!(course.token("E EN"), answer("ENE "));
    assert_eq!(course.ended("", Finish::Matched, 0), [], "the text goes on if no call comes");
    course.token(CALL);
    assert_eq!(course.ended("", Finish::Stop, 0), answer("EN"));
    let mut course = start(plan(), 100);
    assert_eq!(course.token("{\"name\": "), [], "it may be a call as a whole");
    assert_eq!(course.token("\"Ann\"}"), []);
    assert_eq!(course.ended("", Finish::Stop, 0), answer("{\"name\": \"Ann\"}"));
    let mut course = start(plan(), 100);
    assert_eq!(course.token("\n"), [], "a call as a whole may follow");
    assert_eq!(course.token("It"), answer("\nIt"));
}

fn finishes() -> impl Strategy<Value = Finish> {
    prop_oneof![Just(Finish::Stop), Just(Finish::Matched), Just(Finish::Length)]
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(CALL.to_owned()),
        Just(CALL.replace("add", "book")),
        Just(CALL.replace('2', "3")),
        Just("{\"x\": 1}".to_owned()),
        Just(format!("<tool_call>{CALL}")),
        Just(format!("\n{CALL}")),
        "[ -~]{0,12}",
    ]
}

proptest! {
    #[test]
    fn what_is_given_out_stays_and_nothing_is_lost(
        pieces in prop::collection::vec("[ENDSTOPé ]{1,4}|END|STOP|\\{\"", 1..12), matched: bool,
    ) {
        let stops = vec!["END".to_owned(), "STOP".to_owned(), "TOé".to_owned()];
        let mut course = Course::acting(Trace::plain(100), Arc::new(plan()), stops.clone());
        course.begun();
        let (mut given, mut drawn) = (String::new(), String::new());
        let say = |given: &mut String, said: Vec<Segment>| {
            for segment in said {
                if let Segment::Answer(more) = segment { given.push_str(&more) }
            }
        };
        for piece in &pieces {
            drawn.push_str(piece);
            say(&mut given, course.token(piece));
            prop_assert!(drawn.starts_with(given.as_str()));
            prop_assert!(!stops.iter().any(|stop| given.contains(stop.as_str())));
            if course.is_stopped() { break }
        }
        if course.is_stopped() {
            prop_assert!(stops.iter().any(|stop| drawn[given.len()..].starts_with(stop.as_str())));
        } else {
            say(&mut given, course.ended("", if matched { Finish::Matched } else { Finish::Stop }, 0));
            if matched {
                course.token(CALL);
                say(&mut given, course.ended("", Finish::Stop, 0));
            }
            prop_assert_eq!(&given, &drawn);
        }
        prop_assert_eq!(course.kept(), Some(given.len()));
    }

    #[test]
    fn every_course_ends_within_its_tokens(
        passes in prop::collection::vec((texts(), finishes(), 1u32..30), 1..80),
        tokens in 1u32..200, parallel: bool, firm: bool, choice in 0u8..3, thinks: bool, schema: bool, bare: bool,
    ) {
        let choice = match choice { 0 => ToolChoice::Auto, 1 => ToolChoice::Required, _ => ToolChoice::Named("add".to_owned()) };
        let limits = ToolLimits { rounds: 3, calls: 4, ..ToolLimits::default() };
        let style = if bare { CallStyle::llama() } else { CallStyle::hermes() };
        let plan = Arc::new(ToolUse { style, choice, parallel, limits, firm, ..plan() });
        let style = Arc::new(ThinkingStyle::new(Markers::default()));
        let trace = |tokens| {
            if thinks { Trace::thinking(Arc::clone(&style), true, true, Allowance::new(tokens)) } else { Trace::plain(tokens) }
        };
        let answer = Arc::new(json!({ "type": "object" }));
        let mut course = Course::acting(trace(tokens), plan, vec!["END".to_owned()]);
        let (mut text, mut numbers, mut turns) = (String::new(), Vec::new(), 0);
        let say = |text: &mut String, said: Vec<Segment>, course: &Course| {
            for segment in said {
                if let Segment::Answer(more) = segment { text.push_str(&more) }
            }
            assert!(!firm || course.kept().is_some_and(|kept| text.len() <= kept), "what was given out stays");
            if let Some(kept) = course.kept() { text.truncate(kept) }
        };
        let begun = course.begun();
        say(&mut text, begun, &course);
        let mut script = passes.into_iter();
        while let Some(asked) = course.pass() {
            prop_assert!(asked.max_tokens >= 1 && course.tokens() + asked.max_tokens <= tokens, "{asked:?} {}", course.tokens());
            numbers.push(asked.number);
            let Some((drawn, finish, count)) = script.next() else { break };
            let _ = course.schema(schema.then_some(&answer));
            let count = count.min(asked.max_tokens);
            let finish = if count == asked.max_tokens { Finish::Length } else { finish };
            let first = drawn.chars().next().filter(|_| count > 1).map_or(0, char::len_utf8);
            let pieces = [&drawn[..first], &drawn[first..]];
            let pieces = &pieces[usize::from(count == 1)..];
            for piece in pieces {
                let said = course.token(piece);
                say(&mut text, said, &course);
            }
            let said = course.ended("", finish, count.saturating_sub(2));
            say(&mut text, said, &course);
            while course.is_waiting() {
                turns += 1;
                let pending = course.pending();
                prop_assert!(pending.iter().all(|one| one.call.runs == Runs::Server));
                course.observe(pending.iter().map(|_| told("5")).collect());
                let left = course.left(tokens);
                if left == 0 { break }
                course.turn(trace(left));
                let begun = course.begun();
                say(&mut text, begun, &course);
            }
            if course.is_waiting() { break }
        }
        prop_assert!(turns <= 3);
        prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
        prop_assert!(course.tokens() <= tokens);
    }
}
