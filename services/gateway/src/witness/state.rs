//! What a witness has cosigned of each log, durable before anybody gets the cosignature.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use forethought_tlog::{CosigningKey, Hash, witness::TreeHead};

const KEY_FILE: &str = "witness.key";
const FORMAT: &str = "forethought-witness-1";

/// The folder of a witness, which one process has at a time.
pub struct State {
    folder: PathBuf,
    _lock: File,
}

impl State {
    /// Opens the folder and its key, and makes both when there are none.
    pub fn open(folder: &Path, name: &str) -> Result<(Self, CosigningKey)> {
        let at = || format!("the state in {} cannot be opened", folder.display());
        fs::create_dir_all(folder).with_context(at)?;
        let lock = OpenOptions::new().create(true).append(true).open(folder.join("LOCK")).with_context(at)?;
        if lock.try_lock().is_err() {
            bail!("the state in {} is another witness's, which runs; stop that first", folder.display());
        }
        let state = Self { folder: folder.to_owned(), _lock: lock };
        let key = state.key(name).with_context(at)?;
        Ok((state, key))
    }

    fn key(&self, name: &str) -> Result<CosigningKey> {
        let path = self.folder.join(KEY_FILE);
        let mut seed = [0; 32];
        match fs::read_to_string(&path) {
            Ok(text) => {
                let parts: Vec<&str> = text.split_whitespace().collect();
                let [format, named, digits] = parts.as_slice() else { bail!("{KEY_FILE} is not a witness's key") };
                ensure!(*format == FORMAT, "{KEY_FILE} is not a witness's key of this program");
                ensure!(*named == name, "its key is that of `{named}`, not of `{name}`: a witness keeps its name");
                hex::decode_to_slice(digits, &mut seed).context("the seed in witness.key is damaged")?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                getrandom::fill(&mut seed).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
                // A name that no key can have is told before anything is written.
                CosigningKey::from_seed(name, &seed)?;
                self.write(KEY_FILE, &format!("{FORMAT} {name} {}\n", hex::encode(seed)))?;
            }
            Err(error) => return Err(error).context("witness.key cannot be read"),
        }
        Ok(CosigningKey::from_seed(name, &seed)?)
    }

    /// The last that was cosigned of a log.
    pub fn known(&self, origin: &str) -> Result<Option<TreeHead>> {
        let name = file_of(origin);
        let text = match fs::read_to_string(self.folder.join(&name)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("{name} cannot be read")),
        };
        let mut lines = text.lines();
        let (named, size, root) = (lines.next(), lines.next(), lines.next());
        let head = || Some(TreeHead { size: size?.parse().ok()?, root: root?.parse::<Hash>().ok()? });
        let head = head().filter(|_| named == Some(origin) && text.ends_with('\n'));
        // A witness that has forgotten what it cosigned must not cosign.
        head.map(Some).with_context(|| format!("{name} is damaged: restore it, or run a new witness with another name"))
    }

    /// Keeps what is to be cosigned, durably.
    pub fn keep(&mut self, origin: &str, head: &TreeHead) -> Result<()> {
        self.write(&file_of(origin), &format!("{origin}\n{}\n{}\n", head.size, head.root))
    }

    /// Writes a file that is either whole or as it was.
    fn write(&self, name: &str, text: &str) -> Result<()> {
        let at = || format!("{name} cannot be written in {}", self.folder.display());
        let (new, path) = (self.folder.join(format!("{name}.new")), self.folder.join(name));
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&new).with_context(at)?;
        file.write_all(text.as_bytes()).with_context(at)?;
        file.sync_all().with_context(at)?;
        fs::rename(&new, &path).with_context(at)?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).with_context(at)
    }
}

/// The file of a log: no name of a log is a file name as it is.
fn file_of(origin: &str) -> String {
    format!("log-{}", forethought_tlog::leaf_hash(origin.as_bytes()).hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(size: u64) -> TreeHead {
        TreeHead { size, root: forethought_tlog::leaf_hash(&size.to_be_bytes()) }
    }

    #[test]
    fn what_was_kept_is_known_again_and_the_key_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (mut state, key) = State::open(folder.path(), "w.example/1").unwrap();
        assert_eq!(state.known("log/a").unwrap(), None);
        for size in [1, 2, 300] {
            state.keep("log/a", &head(size)).unwrap();
        }
        state.keep("log/b", &head(7)).unwrap();
        assert!(State::open(folder.path(), "w.example/1").is_err(), "one at a time");
        drop(state);
        let (state, again) = State::open(folder.path(), "w.example/1").unwrap();
        assert_eq!(again.verifier(), key.verifier());
        assert_eq!(state.known("log/a").unwrap(), Some(head(300)));
        assert_eq!(state.known("log/b").unwrap(), Some(head(7)));
    }

    #[test]
    fn a_witness_that_forgot_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let (mut state, _) = State::open(folder.path(), "w.example/1").unwrap();
        state.keep("log/a", &head(9)).unwrap();
        let path = folder.path().join(file_of("log/a"));
        let whole = fs::read_to_string(&path).unwrap();
        for len in 0..whole.len() {
            fs::write(&path, &whole[..len]).unwrap();
            assert!(state.known("log/a").is_err(), "cut at {len}");
        }
        fs::write(&path, whole.replace("log/a", "log/c")).unwrap();
        assert!(state.known("log/a").is_err());
    }

    #[test]
    fn a_name_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        drop(State::open(folder.path(), "w.example/1").unwrap());
        let error = State::open(folder.path(), "w.example/2").err().unwrap();
        assert!(format!("{error:#}").contains("keeps its name"), "{error:#}");
        let other = tempfile::tempdir().unwrap();
        assert!(State::open(other.path(), "no spaces").is_err());
        assert!(!other.path().join(KEY_FILE).exists());
    }
}
