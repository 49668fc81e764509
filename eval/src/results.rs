//! The file of results: what was asked in its first lines, then one line an answer, as they come.
//!
//! Each line is a JSON object with a `type`: one `header`, then every `question`, then `outcome`s in any order, those of each
//! run after its `session`. Lines are only ever appended. A process that is killed can leave a last line that is not whole: it is dropped when the file is
//! taken up again, and that question is asked again, with the same seed.

use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{EvalError, Header, Outcome, Plan, Question, Task, plan};

/// Answers and time after which what was written is made durable.
const SYNC_AFTER: (u32, Duration) = (16, Duration::from_secs(2));
/// How every file of results begins.
const BEGINNING: &[u8] = b"{\"type\":\"header\",";

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line {
    Header(Header),
    Question(Question),
    Session(Session),
    Outcome(Outcome),
}

/// What a run found when it began, and once more where that had changed when it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// When that was, UTC.
    pub begun: Timestamp,
    /// The digest of the model's weights.
    pub weights: String,
    /// The id of the key that it asks with, which tells the tenant; never the key. None where it is no key of ours.
    pub key: Option<String>,
}

/// What a file of results holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// What was asked, and the questions.
    pub plan: Plan,
    /// The runs that wrote it, the earliest first; files of earlier versions have none.
    pub sessions: Vec<Session>,
    /// The answers, in the order in which they came; of two answers to the same only the first.
    pub outcomes: Vec<Outcome>,
}

/// A file of results that is being written; no other process writes it meanwhile.
#[derive(Debug)]
pub struct ResultsFile {
    file: File,
    path: PathBuf,
    unsynced: u32,
    synced: Instant,
}

impl Results {
    /// Reads a file, also while it is being written.
    ///
    /// # Errors
    /// [`EvalError::Io`]; [`EvalError::Input`] when it is no file of results, or damaged before its end.
    pub fn load(path: &Path) -> Result<Self, EvalError> {
        let mut file = File::open(path).map_err(|source| EvalError::io("read", path, source))?;
        let found = read(&mut file, path)?;
        let none = || EvalError::Input(format!("{} holds no results yet; run the evaluation first", path.display()));
        found.map(|(results, _)| results).ok_or_else(none)
    }

    /// Refuses answers of more than one model: figures over them, and what is learnt from them, are of neither.
    ///
    /// # Errors
    /// [`EvalError::Input`] with all weights, and the mend.
    pub fn refuse_mixed(&self) -> Result<(), EvalError> {
        let sessions = self.sessions.iter().map(|session| session.weights.as_str());
        let weights: BTreeSet<&str> = sessions.chain([self.plan.header.model.weights.as_str()]).collect();
        if weights.len() < 2 {
            return Ok(());
        }
        let told = weights.into_iter().collect::<Vec<_>>().join(" and ");
        Err(EvalError::Input(format!(
            "the results are answers of a model whose weights were exchanged meanwhile ({told}); begin anew with another file \
             of results"
        )))
    }

    /// What is still to be asked.
    #[must_use]
    pub fn missing(&self) -> Vec<Task> {
        let done: BTreeSet<(&str, &str, &str, u32)> = self.outcomes.iter().map(key).collect();
        let name = |task: &Task| {
            let (question, way) = (self.plan.questions.get(task.question)?, self.plan.header.ways.get(task.way)?);
            Some((question.set.as_str(), question.id.as_str(), way.name.as_str(), task.repeat))
        };
        self.plan.tasks().into_iter().filter(|task| name(task).is_some_and(|name| !done.contains(&name))).collect()
    }
}

impl ResultsFile {
    /// Begins a file, or takes one up again that was begun with the same plan. Gives what is there already.
    ///
    /// # Errors
    /// [`EvalError::Io`]; [`EvalError::Input`] when another process writes it, when it was begun with another plan, when
    /// its answers are of more than one model, when it is none of ours, or damaged.
    pub fn open(path: &Path, plan: &Plan) -> Result<(Self, Results), EvalError> {
        let failed = |action| move |source| EvalError::io(action, path, source);
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).open(path).map_err(failed("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let told =
                    format!("another evaluation is writing {}; wait for it, or give another file", path.display());
                return Err(EvalError::Input(told));
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        let found = read(&mut file, path)?;
        if let Some((results, _)) = &found {
            refuse_another(path, results, plan)?;
            results.refuse_mixed()?;
        }
        let whole = found.as_ref().map_or(0, |(_, whole)| *whole);
        file.set_len(whole).map_err(failed("cut back"))?;
        let mut opened = Self { file, path: path.to_owned(), unsynced: 0, synced: Instant::now() };
        let results = match found {
            Some((results, _)) => results,
            None => opened.begin(plan)?,
        };
        opened.sync()?;
        Ok((opened, results))
    }

    fn begin(&mut self, plan: &Plan) -> Result<Results, EvalError> {
        let questions = plan.questions.iter().cloned().map(Line::Question);
        let lines = std::iter::once(Line::Header(plan.header.clone())).chain(questions);
        let text: Vec<String> = lines.map(|line| self.text(&line)).collect::<Result<_, _>>()?;
        self.write(text.concat().as_bytes())?;
        Ok(Results { plan: plan.clone(), sessions: Vec::new(), outcomes: Vec::new() })
    }

    /// Notes what a run finds; what is appended then is of it. It is durable when this returns.
    ///
    /// # Errors
    /// [`EvalError::Io`].
    pub fn session(&mut self, session: &Session) -> Result<(), EvalError> {
        let text = self.text(&Line::Session(session.clone()))?;
        self.write(text.as_bytes())?;
        self.sync()
    }

    /// Appends an answer. It is durable after the next sync, at the latest when the file is closed by [`Self::sync`].
    ///
    /// # Errors
    /// [`EvalError::Io`].
    pub fn append(&mut self, outcome: &Outcome) -> Result<(), EvalError> {
        let text = self.text(&Line::Outcome(outcome.clone()))?;
        self.write(text.as_bytes())?;
        self.unsynced += 1;
        let (answers, time) = SYNC_AFTER;
        if self.unsynced >= answers || self.synced.elapsed() >= time { self.sync() } else { Ok(()) }
    }

    /// Makes durable what was appended.
    ///
    /// # Errors
    /// [`EvalError::Io`].
    pub fn sync(&mut self) -> Result<(), EvalError> {
        self.file.sync_data().map_err(|source| EvalError::io("sync", &self.path, source))?;
        (self.unsynced, self.synced) = (0, Instant::now());
        Ok(())
    }

    fn text(&self, line: &Line) -> Result<String, EvalError> {
        let text = serde_json::to_string(line);
        text.map(|text| text + "\n").map_err(|error| EvalError::io("write", &self.path, error.into()))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), EvalError> {
        self.file.write_all(bytes).map_err(|source| EvalError::io("append to", &self.path, source))
    }
}

fn refuse_another(path: &Path, results: &Results, plan: &Plan) -> Result<(), EvalError> {
    let differences = results.plan.header.differences(&plan.header);
    if differences.is_empty() {
        return Ok(());
    }
    let file = path.display();
    let told = differences.join("; ");
    Err(EvalError::Input(format!(
        "{file} was begun with something else ({told}); give the same again, or another file with `--results`"
    )))
}

fn key(outcome: &Outcome) -> (&str, &str, &str, u32) {
    (&outcome.set, &outcome.id, &outcome.way, outcome.repeat)
}

/// What a file holds, and how many bytes of it are whole; `None` when its questions are not even there.
fn read(file: &mut File, path: &Path) -> Result<Option<(Results, u64)>, EvalError> {
    let mut bytes = Vec::new();
    let failed = |source| EvalError::io("read", path, source);
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    file.read_to_end(&mut bytes).map_err(failed)?;
    let is_ours = bytes.starts_with(BEGINNING) || BEGINNING.starts_with(&bytes);
    if !is_ours {
        let told = format!("{} is no file of results; give another file with `--results`", path.display());
        return Err(EvalError::Input(told));
    }
    // What follows the last line end was never whole.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let lines = bytes.get(..whole).unwrap_or_default();
    let parsed = parse(lines).map_err(|(line, what)| {
        let file = path.display();
        EvalError::Input(format!("{file}:{line}: {what}; the file is damaged: give another one with `--results`"))
    })?;
    Ok(parsed.map(|results| (results, u64::try_from(whole).unwrap_or(u64::MAX))))
}

fn parse(lines: &[u8]) -> Result<Option<Results>, (usize, String)> {
    let (mut header, mut questions, mut sessions, mut outcomes) = (None, Vec::new(), Vec::new(), Vec::new());
    for (number, line) in (1..).zip(lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())) {
        let line: Line = serde_json::from_slice(line).map_err(|error| (number, error.to_string()))?;
        match line {
            Line::Header(read) if header.is_none() => header = Some(checked(read).map_err(|what| (number, what))?),
            Line::Header(_) => return Err((number, "a second header".to_owned())),
            Line::Question(question) => questions.push(question),
            Line::Session(session) => sessions.push(session),
            Line::Outcome(outcome) => {
                outcomes.push((number, Outcome { session: sessions.len().checked_sub(1), ..outcome }));
            }
        }
    }
    let Some(header) = header else { return Ok(None) };
    let asked: usize = header.sets.iter().map(|set| set.questions).sum();
    match questions.len() {
        there if there == asked => {}
        there if there < asked && outcomes.is_empty() => return Ok(None),
        there => return Err((1, format!("{there} questions where the header says {asked}"))),
    }
    let plan = Plan { header, questions };
    let outcomes = known(&plan, outcomes)?;
    Ok(Some(Results { plan, sessions, outcomes }))
}

fn checked(header: Header) -> Result<Header, String> {
    match header.version {
        plan::VERSION => Ok(header),
        other => Err(format!("the format has version {other}, and this program reads {}", plan::VERSION)),
    }
}

/// The outcomes of this plan, each once.
fn known(plan: &Plan, outcomes: Vec<(usize, Outcome)>) -> Result<Vec<Outcome>, (usize, String)> {
    let places = plan::places(&plan.questions);
    let is_known = |outcome: &Outcome| {
        places.contains_key(&(outcome.set.as_str(), outcome.id.as_str()))
            && plan.header.ways.iter().any(|way| way.name == outcome.way)
            && outcome.repeat < plan.header.repeats
    };
    if let Some((number, stranger)) = outcomes.iter().find(|(_, outcome)| !is_known(outcome)) {
        let told = format!("an answer to `{}` by `{}`, which was never to be asked", stranger.id, stranger.way);
        return Err((*number, told));
    }
    let mut seen = BTreeSet::new();
    let mut first = Vec::new();
    for (_, outcome) in outcomes {
        let (set, id, way, repeat) = key(&outcome);
        if seen.insert((set.to_owned(), id.to_owned(), way.to_owned(), repeat)) {
            first.push(outcome);
        }
    }
    Ok(first)
}

#[cfg(test)]
pub(crate) mod tests;
