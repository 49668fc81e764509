//! Thinking and answer, told apart while the text arrives.

use forethought_reasoning::{Markers, Segment, Segments};
use proptest::{
    prelude::{ProptestConfig, prop_assert_eq, proptest},
    sample::select,
};

/// (thinking, answer) of a text that arrives in the given pieces.
fn cut(markers: &Markers, opened: bool, pieces: &[&str]) -> (String, String) {
    let mut segments = Segments::new(markers.clone(), opened);
    let mut all: Vec<Segment> = pieces.iter().flat_map(|piece| segments.push(piece)).collect();
    all.extend(segments.finish());
    let (mut thinking, mut answer) = (String::new(), String::new());
    for segment in all {
        match segment {
            Segment::Thinking(text) => thinking += &text,
            Segment::Answer(text) => answer += &text,
        }
    }
    (thinking, answer)
}

fn check(opened: bool, text: &str, thinking: &str, answer: &str) {
    let expect = (thinking.to_owned(), answer.to_owned());
    let characters: Vec<String> = text.chars().map(String::from).collect();
    let characters: Vec<&str> = characters.iter().map(String::as_str).collect();
    assert_eq!(cut(&Markers::default(), opened, &[text]), expect, "{text:?}");
    assert_eq!(cut(&Markers::default(), opened, &characters), expect, "{text:?}, character by character");
}

#[test]
fn a_thought_is_told_from_the_answer() {
    check(false, "<think>\n2 + 2\n</think>\n\n4", "2 + 2", "4");
    check(false, "  <think>a</think>b", "a", "b");
    check(true, "\n2 + 2\n</think>\n\n4", "2 + 2", "4");
    check(true, "</think>4", "", "4");
    check(false, "<think>\n\n</think>\n\n4", "", "4");
    check(false, "4", "", "4");
    check(false, "a <think>b</think>", "", "a <think>b</think>");
    check(true, "a</think>b </think> c", "a", "b </think> c");
    check(false, "<thin", "", "<thin");
    check(false, "<think>a</thin", "a</thin", "");
    check(true, "1 < 2 </ th", "1 < 2 </ th", "");
    check(true, "never closed \n", "never closed", "");
    check(true, "a </</think> b\n", "a </", "b\n");
    check(true, "é</think>ü", "é", "ü");
    check(false, "", "", "");
}

#[test]
fn nothing_certain_is_held_back() {
    let mut segments = Segments::new(Markers::default(), true);
    let thinking = |text: &str| vec![Segment::Thinking(text.to_owned())];
    assert_eq!(segments.push("one"), thinking("one"));
    assert_eq!(segments.push(" two"), thinking(" two"));
    assert_eq!(segments.push(" </th"), vec![], "space before a marker is not the thought's");
    assert_eq!(segments.push("ree"), thinking(" </three"));
    assert!(segments.is_thinking());
    assert_eq!(segments.push("</think>4"), vec![Segment::Answer("4".to_owned())]);
    assert!(!segments.is_thinking());
}

#[test]
fn channels_are_markers_too() {
    let text = "<|channel|>analysis<|message|>2 + 2<|end|><|start|>assistant<|channel|>final<|message|>4";
    assert_eq!(cut(&Markers::harmony(), false, &[text]), ("2 + 2".to_owned(), "4".to_owned()));
    let direct = "<|channel|>final<|message|>4";
    assert_eq!(cut(&Markers::harmony(), true, &[direct]), (String::new(), "4".to_owned()));
}

#[test]
fn a_prompt_may_open_the_thought() {
    let markers = Markers::default();
    assert!(markers.opened_by("<｜User｜>2 + 2<｜Assistant｜><think>\n"));
    assert!(!markers.opened_by("<|im_start|>assistant\n<think>\n\n</think>\n\n"));
    assert!(!markers.opened_by("<|im_start|>assistant\n"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn how_the_text_is_cut_up_does_not_matter(
        parts in proptest::collection::vec(select(vec!["<think>", "</think>", "<", "</", "think>", " ", "\n", "a", "é"]), 0..12),
        cuts in proptest::collection::vec(0..60_usize, 0..8),
        opened: bool,
    ) {
        let text = parts.concat();
        let mut at: Vec<usize> = cuts.into_iter().filter(|cut| text.is_char_boundary(*cut)).collect();
        at.extend([0, text.len()]);
        at.sort_unstable();
        let pieces: Vec<&str> = at.windows(2).filter_map(|pair| text.get(pair[0]..pair[1])).collect();
        prop_assert_eq!(cut(&Markers::default(), opened, &pieces), cut(&Markers::default(), opened, &[&text]));
    }
}
