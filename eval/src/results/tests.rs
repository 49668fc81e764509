//! Files of results: begun, broken off anywhere, taken up again, and refused.

use std::fs;

use super::*;
use crate::{outcome, plan::tests::plan};

/// An answer to a task: right or wrong, for so many tokens.
pub(crate) fn outcome(plan: &Plan, task: Task, right: bool, tokens: u64) -> Outcome {
    let question = &plan.questions[task.question];
    let answer = if right { question.right.clone() } else { "-1".to_owned() };
    let response = outcome::tests::response(&[(answer.as_str(), Some(answer.as_str()))], tokens);
    let reply = outcome::Reply::read(&response, question).unwrap();
    Outcome::answered(plan, task, reply, 100).unwrap()
}

/// Results in which so many of the first questions have these answers in each way.
pub(crate) fn results(plan: Plan, right: impl Fn(Task) -> (bool, u64)) -> Results {
    let of = |task| {
        let (right, tokens) = right(task);
        outcome(&plan, task, right, tokens)
    };
    let outcomes = plan.tasks().into_iter().map(of).collect();
    Results { plan, sessions: Vec::new(), outcomes }
}

/// A run that asked with this key, and found these weights.
pub(crate) fn session(second: i64, weights: &str, key: &str) -> Session {
    let begun = Timestamp::from_second(1_800_000_000 + second).unwrap();
    Session { begun, weights: weights.to_owned(), key: Some(key.to_owned()) }
}

struct Room(tempfile::TempDir);

impl Room {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("results.jsonl")
    }

    fn filled(&self, plan: &Plan, answers: usize) -> Vec<Outcome> {
        let (mut file, _) = ResultsFile::open(&self.file(), plan).unwrap();
        let outcomes: Vec<Outcome> =
            plan.tasks().into_iter().take(answers).map(|task| outcome(plan, task, true, 5)).collect();
        outcomes.iter().for_each(|outcome| file.append(outcome).unwrap());
        outcomes
    }
}

#[test]
fn what_was_appended_is_there_again() {
    let (room, plan) = (Room::new(), plan(3, &["a=single", "b=single"], 1));
    let outcomes = room.filled(&plan, 4);
    let (_, taken_up) = ResultsFile::open(&room.file(), &plan).unwrap();
    assert_eq!((&taken_up.plan, &taken_up.outcomes), (&plan, &outcomes));
    assert_eq!(taken_up.missing(), plan.tasks()[4..]);
    assert_eq!(Results::load(&room.file()).unwrap(), taken_up);
}

#[test]
fn answers_are_of_the_run_before_them_and_of_one_model_only() {
    let (room, plan) = (Room::new(), plan(3, &["a=single"], 1));
    room.filled(&plan, 1);
    let weights = plan.header.model.weights.as_str();
    let write = |session: &Session, task: Option<usize>| {
        let (mut file, _) = ResultsFile::open(&room.file(), &plan).unwrap();
        file.session(session).unwrap();
        if let Some(task) = task {
            file.append(&outcome(&plan, plan.tasks()[task], true, 5)).unwrap();
        }
    };
    write(&session(1, weights, "k_1"), Some(1));
    write(&session(2, weights, "k_2"), Some(2));
    let results = Results::load(&room.file()).unwrap();
    assert_eq!(results.outcomes.iter().map(|outcome| outcome.session).collect::<Vec<_>>(), [None, Some(0), Some(1)]);
    assert_eq!(results.sessions, [session(1, weights, "k_1"), session(2, weights, "k_2")]);
    results.refuse_mixed().unwrap();
    write(&session(3, "sha256:other", "k_2"), None);
    let told = Results::load(&room.file()).unwrap().refuse_mixed().unwrap_err().to_string();
    assert!(
        told.contains("exchanged meanwhile") && told.contains(" and sha256:other") && told.contains("begin anew"),
        "{told}"
    );
    let wrong = ResultsFile::open(&room.file(), &plan).unwrap_err();
    assert!(wrong.is_usage() && wrong.to_string() == told, "{wrong}");
}

#[test]
fn a_file_cut_at_any_byte_is_taken_up_again() {
    let (room, plan) = (Room::new(), plan(2, &["a=single"], 1));
    let outcomes = room.filled(&plan, 2);
    let whole = fs::read(room.file()).unwrap();
    for cut in 0..whole.len() {
        fs::write(room.file(), &whole[..cut]).unwrap();
        let (mut file, found) = ResultsFile::open(&room.file(), &plan).unwrap();
        let lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
        let kept = lines.saturating_sub(1 + plan.questions.len());
        assert_eq!(found.outcomes, outcomes[..kept], "cut at {cut}");
        outcomes[kept..].iter().for_each(|outcome| file.append(outcome).unwrap());
        drop(file);
        assert_eq!(fs::read(room.file()).unwrap(), whole, "cut at {cut}");
    }
}

#[test]
fn another_plan_is_refused_and_nothing_is_changed() {
    let (room, plan_of_two) = (Room::new(), plan(2, &["a=single"], 1));
    room.filled(&plan_of_two, 2);
    let before = fs::read(room.file()).unwrap();
    let wrong = ResultsFile::open(&room.file(), &plan(3, &["a=single"], 1)).unwrap_err();
    assert!(wrong.is_usage(), "{wrong}");
    let told = wrong.to_string();
    assert!(told.contains("begun with something else (questions: 2 × sums"), "{told}");
    assert!(told.ends_with("give the same again, or another file with `--results`"), "{told}");
    assert_eq!(fs::read(room.file()).unwrap(), before);
}

#[test]
fn a_file_is_written_by_one_at_a_time() {
    let (room, plan) = (Room::new(), plan(1, &["a=single"], 1));
    let (first, _) = ResultsFile::open(&room.file(), &plan).unwrap();
    let wrong = ResultsFile::open(&room.file(), &plan).unwrap_err();
    assert!(wrong.is_usage() && wrong.to_string().contains("another evaluation is writing"), "{wrong}");
    assert!(Results::load(&room.file()).is_ok());
    drop(first);
    assert!(ResultsFile::open(&room.file(), &plan).is_ok());
}

#[test]
fn what_is_no_file_of_results_is_left_alone() {
    let (room, plan) = (Room::new(), plan(1, &["a=single"], 1));
    let check = |text: &str, expect: &str| {
        fs::write(room.file(), text).unwrap();
        let wrong = ResultsFile::open(&room.file(), &plan).unwrap_err();
        assert!(wrong.is_usage() && wrong.to_string().contains(expect), "{text:?}: {wrong}");
        assert_eq!(fs::read_to_string(room.file()).unwrap(), text);
    };
    check("my notes", "is no file of results; give another file");
    check("{\"type\":\"header\",\"version\":1}\n", ":1: missing field");
    room_with_damage(&room, &plan, check);
}

fn room_with_damage(room: &Room, plan: &Plan, check: impl Fn(&str, &str)) {
    fs::remove_file(room.file()).unwrap();
    room.filled(plan, 1);
    let whole = fs::read_to_string(room.file()).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    check(&format!("{}\n{}\n{{broken\n{}\n", lines[0], lines[1], lines[2]), ":3: ");
    check(&format!("{}\n{}\n", lines[0], lines[2]), "0 questions where the header says 1");
    check(&whole.replace("\"way\":\"a\"", "\"way\":\"z\""), ":3: an answer to `q0` by `z`");
    check(&whole.replace("\"version\":1", "\"version\":9"), "the format has version 9, and this program reads 1");
}

#[test]
fn an_answer_that_stands_twice_counts_once() {
    let (room, plan) = (Room::new(), plan(1, &["a=single"], 1));
    let (mut file, _) = ResultsFile::open(&room.file(), &plan).unwrap();
    let task = plan.tasks()[0];
    file.append(&outcome(&plan, task, true, 5)).unwrap();
    file.append(&outcome(&plan, task, false, 6)).unwrap();
    drop(file);
    let loaded = Results::load(&room.file()).unwrap();
    assert_eq!((loaded.outcomes.len(), loaded.outcomes[0].right), (1, true));
    assert_eq!(loaded.missing(), []);
}
