//! A file that people write: YAML, checked against a JSON Schema, with everything that is wrong told at its place.

use std::{
    fmt, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::LazyLock,
};

use forethought_schemas::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    explain::violations,
    problem::{FileError, Place, Problem},
    yaml::{self, Kind, Node, Step, path_text},
};

/// More bytes than the largest valid file needs.
const MAX_BYTES: u64 = 64 << 20;
/// Findings listed for one file; more would not be read.
const MAX_PROBLEMS: usize = 100;

/// A kind of file: how messages name it, and what it must be like.
#[derive(Clone, Copy)]
pub struct FileKind {
    /// Its name, such as `policy file`.
    pub name: &'static str,
    /// What to do when there is none.
    pub create: &'static str,
    /// The version of its format that this build reads, under the key `version`.
    pub version: i64,
    /// Its schema.
    pub schema: &'static LazyLock<JsonSchema>,
}

impl fmt::Debug for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FileKind").field(&self.name).finish()
    }
}

/// A file that is good YAML, with the place of everything in it. [`Document::read`] checks it against its schema.
#[derive(Debug)]
pub struct Document {
    file: PathBuf,
    kind: &'static FileKind,
    text: String,
    pub(crate) tree: Node,
}

impl Document {
    /// Reads a file.
    ///
    /// # Errors
    /// [`FileError`]: the file is missing, cannot be read, is too large, or is no good YAML.
    pub fn load(file: &Path, kind: &'static FileKind) -> Result<Self, FileError> {
        Self::parse(file, &read(file, kind)?, kind)
    }

    /// Reads the bytes of a file; `file` only names it in errors.
    ///
    /// # Errors
    /// As [`Document::load`].
    pub fn parse(file: &Path, bytes: &[u8], kind: &'static FileKind) -> Result<Self, FileError> {
        let text = utf8(file, bytes)?;
        let tree = yaml::parse(text).map_err(|problems| invalid(file, problems))?;
        Ok(Self { file: file.to_owned(), kind, text: text.to_owned(), tree })
    }

    /// What the file says, checked against nothing yet.
    #[must_use]
    pub fn value(&self) -> Value {
        self.tree.to_json()
    }

    /// Something that is wrong with the value at a JSON pointer (RFC 6901, names without `~` and `/`), with its place
    /// in the file.
    #[must_use]
    pub fn problem(&self, pointer: &str, message: impl Into<String>, mend: impl Into<String>) -> Problem {
        let (steps, _) = self.find(pointer);
        Problem::new(self.tree.place_of(&steps), path_text(&steps), message).mend(mend)
    }

    /// Something that is wrong within the text at a JSON pointer, at a line and a character of that text, both from 1.
    /// Where the text is a block (`|`), the place is that of the line in the file.
    #[must_use]
    pub fn problem_within(
        &self,
        pointer: &str,
        (line, column): (usize, usize),
        message: impl Into<String>,
        mend: impl Into<String>,
    ) -> Problem {
        let mut problem = self.problem(pointer, message, mend);
        match self.find(pointer).1.and_then(|node| self.block(node)) {
            Some((first, indent)) => problem.place = Place { line: first + line - 1, column: column + indent },
            None => problem.message = format!("line {line} of the text: {}", problem.message),
        }
        problem
    }

    /// The line of the file at which the text of a block begins, and how far it is indented.
    fn block(&self, node: &Node) -> Option<(usize, usize)> {
        // Depending on the block, the parser has it begin at its `|` or at its first line.
        let before = self.text.get(..node.start)?;
        let begun = before.len() - before.rsplit('\n').next()?.len();
        let header = before.get(begun..)?.trim();
        let (first, text) = match self.text.get(node.start..)?.strip_prefix('|') {
            Some(after) => (node.place.line + 1, after.split_once('\n')?.1),
            None if header.is_empty() => (node.place.line, self.text.get(begun..)?),
            None => return None,
        };
        let line = text.lines().find(|line| !line.trim().is_empty())?;
        Some((first, line.len() - line.trim_start_matches(' ').len()))
    }

    /// The steps to a JSON pointer, and what is there.
    fn find(&self, pointer: &str) -> (Vec<Step>, Option<&Node>) {
        let mut steps = Vec::new();
        let mut node = Some(&self.tree);
        for token in pointer.split('/').skip(1) {
            let (step, next) = match (node.map(|node| &node.kind), token.parse()) {
                (Some(Kind::List(items)), Ok(index)) => (Step::Index(index), items.get(index)),
                _ => (Step::Key(token.to_owned()), node.and_then(|node| node.get(token))),
            };
            steps.push(step);
            node = next;
        }
        (steps, node)
    }

    /// The file's contents as a value, if the schema and the caller find nothing wrong with it.
    ///
    /// # Errors
    /// [`FileError::Invalid`] with every violation of the schema, and `more`, which the caller has found besides.
    pub fn read<T: DeserializeOwned>(&self, more: Vec<Problem>) -> Result<T, FileError> {
        let value = self.value();
        if let Some(problem) = self.newer(&value) {
            return Err(self.refuse(vec![problem]));
        }
        let mut problems = violations(self.kind.schema, &self.tree, &value);
        problems.extend(more);
        if !problems.is_empty() {
            return Err(self.refuse(problems));
        }
        // The schema and the types are written apart; what one of them lets through, the other still refuses.
        serde_json::from_value(value).map_err(|error| {
            let told = format!("the file passes the schema but cannot be read: {error}");
            self.refuse(vec![self.problem("", told, "correct this value")])
        })
    }

    /// The error for a file with these problems.
    #[must_use]
    pub fn refuse(&self, problems: Vec<Problem>) -> FileError {
        invalid(&self.file, problems)
    }

    /// A file of a later version has keys that are not known here: one finding says more than one for each key.
    fn newer(&self, value: &Value) -> Option<Problem> {
        let known = self.kind.version;
        let version = value.get("version")?.as_i64().filter(|version| *version > known)?;
        let told = format!("version {version} was written by a newer version of forethought");
        let mend = format!("upgrade this installation, or restore the file of version {known}");
        Some(self.problem("/version", told, mend))
    }
}

/// The file's bytes, up to [`MAX_BYTES`].
pub(crate) fn read(file: &Path, kind: &FileKind) -> Result<Vec<u8>, FileError> {
    let what = kind.name;
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => FileError::Missing { file: file.to_owned(), what, create: kind.create },
        _ => FileError::Unreadable { file: file.to_owned(), what, source },
    };
    let mut bytes = Vec::new();
    let opened = fs::File::open(file).map_err(unreadable)?;
    opened.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_BYTES) {
        Ok(bytes)
    } else {
        Err(FileError::TooLarge { file: file.to_owned(), what, limit: MAX_BYTES })
    }
}

/// The text of a file, or where the first byte stands that is no UTF-8.
fn utf8<'b>(file: &Path, bytes: &'b [u8]) -> Result<&'b str, FileError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let (good, bad) = bytes.split_at(error.valid_up_to());
        let good = String::from_utf8_lossy(good);
        let last_line = good.rsplit('\n').next().unwrap_or_default();
        let place = Place { line: good.matches('\n').count() + 1, column: last_line.chars().count() + 1 };
        FileError::NotUtf8 { file: file.to_owned(), place, byte: bad.first().copied().unwrap_or_default() }
    })
}

fn invalid(file: &Path, mut problems: Vec<Problem>) -> FileError {
    problems.sort_by(|a, b| a.place.cmp(&b.place).then_with(|| a.path.cmp(&b.path)));
    problems.truncate(MAX_PROBLEMS);
    FileError::Invalid { file: file.to_owned(), problems }
}

#[cfg(test)]
mod tests {
    use forethought_schemas::POLICY_SCHEMA;

    use super::*;

    static KIND: FileKind = FileKind { name: "test file", create: "make one", version: 1, schema: &POLICY_SCHEMA };

    #[test]
    fn a_callers_findings_stand_among_the_schemas() {
        let text = "version: 1\ntenants: [{id: a}]\nzebra: 1\n";
        let document = Document::parse(Path::new("t.yaml"), text.as_bytes(), &KIND).unwrap();
        let mine = vec![document.problem("/tenants/0/id", "too short", "use more"), document.problem("/x", "gone", "")];
        let error = document.read::<Value>(mine).unwrap_err().to_string();
        let lines: Vec<_> = error.lines().collect();
        assert_eq!(lines[0], "t.yaml:1:1: x: gone");
        assert!(lines.contains(&"t.yaml:2:12: tenants[0].id: too short; use more"), "{error}");
        assert!(lines.last().unwrap().starts_with("t.yaml:3:1: zebra: unknown key"), "{error}");
    }

    #[test]
    fn a_finding_within_a_block_has_its_own_line() {
        let check = |text: &str, expected: &str| {
            let document = Document::parse(Path::new("t.yaml"), text.as_bytes(), &KIND).unwrap();
            let problem = document.problem_within("/a", (3, 2), "wrong", "mend it");
            assert_eq!(problem.to_string(), expected, "{text}");
        };
        check("a: |\n  one\n\n  three\nb: 1\n", "4:4: a: wrong; mend it");
        check("b: 1\na: |  # why\n      one\n      two\n      three\n", "5:8: a: wrong; mend it");
        check("a: \"one\\ntwo\\nthree\"\n", "1:1: a: line 3 of the text: wrong; mend it");
    }

    #[test]
    fn a_missing_file_is_told_by_the_name_of_its_kind() {
        let error = Document::load(Path::new("/nonexistent/t.yaml"), &KIND).unwrap_err();
        assert_eq!(error.to_string(), "/nonexistent/t.yaml: there is no test file here; make one");
    }
}
