//! `forethought audit show`: one request, from question to answer.

use std::fmt::Write as _;

use forethought_audit::{AuditReader, Shown, Story};

use super::{ShowArgs, paint};
use crate::{
    cli::{
        Usage,
        output::{self, Style, tame},
    },
    shown::shown_json,
};

pub fn run(args: &ShowArgs) -> anyhow::Result<()> {
    let dir = args.place.dir()?;
    let reader = AuditReader::open(&dir)?;
    let shown = reader.show(&args.id, args.contents)?.ok_or_else(|| {
        let id = tame(&args.id);
        Usage(format!("there is no request or record `{id}` in {}; `forethought audit list` shows them", dir.display()))
    })?;
    if args.json {
        return Ok(output::print_json(&shown_json(&shown))?);
    }
    Ok(output::print(&text(&shown, reader.in_use(), Style::of_stdout()))?)
}

fn text(shown: &Shown, in_use: bool, style: Style) -> String {
    let head = style.paint(paint(shown.status), &shown.status.to_string().to_uppercase());
    let open = match (&shown.end, in_use) {
        (None, false) => "\nNo server is running; the next start closes it as interrupted.\n",
        _ => "",
    };
    format!("{head}\n\n{}{open}{}", Story::of(shown), said(shown))
}

/// Everything that each sample said, its thoughts and what was said for it included; nothing where no contents were asked for.
fn said(shown: &Shown) -> String {
    let mut text = String::new();
    for content in &shown.contents {
        let (Some(index), Ok(bytes)) = (content.name.strip_prefix("sample/"), &content.content) else { continue };
        _ = writeln!(text, "\nAll that sample {} said", tame(index));
        for line in tame(&String::from_utf8_lossy(bytes)).lines() {
            _ = writeln!(text, "  | {line}");
        }
    }
    text
}
