//! What a model is told of a run.

use forethought_tools::{Limits, Reply, ToolError};

use crate::{Ending, Ran};

/// Bytes of its output that an error shows.
const SHOWN: usize = 2_000;
const MIB: u64 = 1 << 20;

/// What came of a run, in the model's words.
pub fn reply(ran: &Ran, limits: &Limits, steps: u64) -> Result<Reply, ToolError> {
    match &ran.ending {
        Ending::Exited(0) => Ok(text(ran, limits, &[])),
        Ending::Exited(code) => Ok(failed(ran, limits, &[&format!("exit code: {code}"), &asked(ran, limits)])),
        Ending::Flooded => {
            let note = format!("the code was stopped: it wrote more than {} bytes", limits.bytes);
            Ok(failed(ran, limits, &[&note]))
        }
        Ending::OutOfTime => Err(ToolError::TimedOut(limits.time_ms)),
        Ending::OutOfSteps => {
            let millions = steps / 1_000_000;
            let why =
                format!("the code was stopped after {millions} million steps: is there a loop that does not end?");
            Err(ToolError::Exhausted(with_output(&why, ran)))
        }
        Ending::TooDeep => {
            let why = "the code went too deep: is there a recursion that does not end?";
            Err(ToolError::Exhausted(with_output(why, ran)))
        }
        Ending::Trapped(_) if ran.memory_refused => Err(ToolError::Exhausted(with_output(&asked(ran, limits), ran))),
        Ending::TooLarge => {
            Err(ToolError::Exhausted(format!("the interpreter needs more than {} bytes", limits.memory)))
        }
        Ending::Trapped(why) => Err(ToolError::Failed(with_output(&format!("the code broke off: {why}"), ran))),
        Ending::Stopped => Err(ToolError::Failed("the code was stopped".to_owned())),
    }
}

fn asked(ran: &Ran, limits: &Limits) -> String {
    if ran.memory_refused {
        format!("the code asked for more than the {} MiB of memory that it may use", limits.memory / MIB)
    } else {
        String::new()
    }
}

fn with_output(why: &str, ran: &Ran) -> String {
    let written = String::from_utf8_lossy(&ran.out);
    match tail(written.trim(), SHOWN) {
        "" => why.to_owned(),
        last => format!("{why}; it wrote last: {last}"),
    }
}

fn failed(ran: &Ran, limits: &Limits, notes: &[&str]) -> Reply {
    Reply { failed: true, ..text(ran, limits, notes) }
}

/// Output, then errors, then notes. Errors have a quarter of the room, whatever the output is, and of long ones the end is kept:
/// there stands what went wrong.
fn text(ran: &Ran, limits: &Limits, notes: &[&str]) -> Reply {
    let (out, err) = (String::from_utf8_lossy(&ran.out), String::from_utf8_lossy(&ran.err));
    let last = tail(err.trim_end(), limits.bytes / 4);
    let mut behind: Vec<String> = Vec::new();
    if !last.is_empty() {
        behind.push(format!("stderr:\n{last}"));
    }
    behind.extend(notes.iter().filter(|note| !note.is_empty()).map(|note| (*note).to_owned()));
    let behind = behind.join("\n");
    let room = limits.bytes.saturating_sub(behind.len() + 1);
    let out = Reply::new(out.trim_end().to_owned(), room);
    let left_out = out.left_out + (err.trim_end().len() - last.len()) as u64;
    let whole = match (out.text.is_empty(), behind.is_empty()) {
        (true, true) => "(no output)".to_owned(),
        (false, true) => out.text,
        (true, false) => behind,
        (false, false) => format!("{}\n{behind}", out.text),
    };
    let cut = Reply::new(whole, limits.bytes);
    Reply { left_out: cut.left_out + left_out, ..cut }
}

/// The last bytes of a text, at a character's boundary.
fn tail(text: &str, bytes: usize) -> &str {
    let first = text.len().saturating_sub(bytes);
    let at = (first..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    text.get(at..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(ending: Ending, out: &[u8], err: &[u8]) -> Ran {
        let (out, err) = (out.to_vec(), err.to_vec());
        Ran { ending, out, err, steps: 1, memory: 0, memory_refused: false }
    }

    fn limits(bytes: usize) -> Limits {
        Limits { time_ms: 20, bytes, memory: 64 << 20 }
    }

    #[test]
    fn a_reply_holds_output_errors_and_the_exit_code() {
        let check = |out: &str, err: &str, code: i32, expected: &str| {
            let reply = reply(&ran(Ending::Exited(code), out.as_bytes(), err.as_bytes()), &limits(1000), 0).unwrap();
            assert_eq!((reply.text.as_str(), reply.failed, reply.left_out), (expected, code != 0, 0));
        };
        check("", "", 0, "(no output)");
        check("a\n\n", "", 0, "a");
        check("a\n", "b\n", 0, "a\nstderr:\nb");
        check("", "b", 2, "stderr:\nb\nexit code: 2");
        check("a", "", -1, "a\nexit code: -1");
    }

    #[test]
    fn nothing_is_longer_than_it_may_be_and_what_is_left_out_is_counted() {
        let (out, err) = ("é".repeat(500), "ö".repeat(500));
        for bytes in 0..2_100 {
            let reply = reply(&ran(Ending::Exited(1), out.as_bytes(), err.as_bytes()), &limits(bytes), 0).unwrap();
            assert!(reply.text.len() <= bytes, "{bytes}: {}", reply.text.len());
            let shown = reply.text.matches(['é', 'ö']).count() as u64 * 2;
            assert!(reply.left_out >= 2_000 - shown, "{bytes}: {reply:?}");
            if bytes >= 100 {
                assert!(reply.text.ends_with("ö\nexit code: 1"), "{bytes}: {reply:?}");
            }
        }
        let binary = ran(Ending::Exited(0), &[0xff, b'a', 0xc3], &[]);
        assert_eq!(reply(&binary, &limits(1000), 0).unwrap().text, "\u{fffd}a\u{fffd}");
    }

    #[test]
    fn whatever_stops_code_is_told_in_words_that_help() {
        let check = |ending: Ending, refused: bool, code: &str, part: &str| {
            let ran = Ran { memory_refused: refused, ..ran(ending, b"so far\n", b"") };
            let error = reply(&ran, &limits(1000), 5_000_000).unwrap_err();
            assert_eq!(error.code(), code);
            assert!(error.to_string().contains(part), "{error}");
        };
        check(Ending::OutOfTime, false, "timed_out", "longer than 20 ms");
        check(
            Ending::OutOfSteps,
            false,
            "exhausted",
            "after 5 million steps: is there a loop that does not end?; it wrote last: so far",
        );
        check(Ending::TooDeep, false, "exhausted", "recursion");
        check(Ending::TooLarge, false, "exhausted", "needs more than 67108864 bytes");
        check(Ending::Trapped("x".to_owned()), true, "exhausted", "64 MiB");
        check(Ending::Trapped("x".to_owned()), false, "failed", "broke off: x");
        check(Ending::Stopped, false, "failed", "stopped");
        let long = Ran { out: vec![b'x'; 1 << 20], ..ran(Ending::OutOfSteps, b"", b"") };
        assert!(reply(&long, &limits(1 << 20), 0).unwrap_err().to_string().len() < 2 * SHOWN);
    }

    #[test]
    fn a_flood_is_a_reply_that_failed() {
        let ran = ran(Ending::Flooded, &[b'x'; 200], b"");
        let reply = reply(&ran, &limits(200), 0).unwrap();
        assert!(reply.failed && reply.text.len() <= 200 && reply.left_out > 0, "{reply:?}");
        assert!(reply.text.ends_with("x\nthe code was stopped: it wrote more than 200 bytes"), "{reply:?}");
    }
}
