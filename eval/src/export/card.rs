//! The data card: what the data are, where they come from, and what was left out, as the Hugging Face hub reads it.

use std::{collections::BTreeMap, fmt::Write as _};

use jiff::Timestamp;

use super::{
    Deliberation, Exported, Options, Origin,
    columns::Columns,
    folder::{PREFERENCES, SFT},
};

/// What is counted of the deliberations that were taken.
#[derive(Default)]
pub(super) struct Facts {
    models: BTreeMap<(String, String), usize>,
    strategies: BTreeMap<String, usize>,
    tenants: BTreeMap<String, usize>,
    sets: BTreeMap<String, usize>,
    /// The first and the last time of a request.
    times: Option<(String, String)>,
}

impl Facts {
    pub(super) fn note(&mut self, deliberation: &Deliberation) {
        let Deliberation { model, weights, strategy, origin, .. } = deliberation;
        *self.models.entry((model.clone(), weights.clone())).or_default() += 1;
        *self.strategies.entry(strategy.clone()).or_default() += 1;
        match origin {
            Origin::Audit { tenant, time, .. } => {
                *self.tenants.entry(tenant.clone()).or_default() += 1;
                let (first, last) = self.times.take().unwrap_or_else(|| (time.clone(), time.clone()));
                self.times = Some((first.min(time.clone()), last.max(time.clone())));
            }
            Origin::Evaluation { set, .. } => *self.sets.entry(set.clone()).or_default() += 1,
        }
    }
}

/// The whole card, its front matter first. `columns` are those of the conversations and of the pairs.
pub(super) fn card(
    options: &Options,
    exported: &Exported,
    columns: &[Columns; 2],
    facts: &Facts,
    source: &str,
) -> String {
    let parts = [
        front(exported, columns),
        format!("# Forethought export\n\nMade on {} by forethought {}.\n\n", today(), env!("CARGO_PKG_VERSION")),
        format!("{source}\n\n"),
        contents(exported),
        list(
            "Models and weights",
            facts.models.iter().map(|((model, weights), n)| (format!("{model}, weights {weights}"), *n)),
        ),
        list("Strategies", named(&facts.strategies)),
        list("Tenants, all of which consent", named(&facts.tenants)),
        list("Question sets", named(&facts.sets)),
        facts.times.as_ref().map(|(first, last)| format!("Requests from {first} to {last}.\n\n")).unwrap_or_default(),
        if exported.preferences > 0 || exported.contradictory > 0 { pairs(exported) } else { String::new() },
        filters(options),
        list("Left out", exported.left_out.iter().map(|(why, n)| (why.to_string(), *n))),
        fields(options),
    ];
    parts.concat()
}

fn named(counts: &BTreeMap<String, usize>) -> impl Iterator<Item = (String, usize)> {
    counts.iter().map(|(name, count)| (name.clone(), *count))
}

fn today() -> String {
    Timestamp::now().strftime("%Y-%m-%d").to_string()
}

/// What makes `datasets.load_dataset` find each file under its name, with the types of its columns.
fn front(exported: &Exported, [sft, preferences]: &[Columns; 2]) -> String {
    let files = [("sft", SFT, exported.sft, sft), ("preferences", PREFERENCES, exported.preferences, preferences)];
    let files = || files.into_iter().filter(|(_, _, count, _)| *count > 0);
    let mut text = String::from("---\npretty_name: Forethought export\ntask_categories:\n- text-generation\n");
    _ = writeln!(text, "tags:\n- forethought\n- synthetic\nsize_categories:\n- {}\nconfigs:", size(exported));
    for (at, (name, file, ..)) in files().enumerate() {
        _ = writeln!(text, "- config_name: {name}\n  data_files:\n  - split: train\n    path: {file}");
        if at == 0 {
            text.push_str("  default: true\n");
        }
    }
    text.push_str("dataset_info:\n");
    for (name, _, _, columns) in files() {
        _ = write!(text, "- config_name: {name}\n{}", columns.features());
    }
    text.push_str("---\n\n");
    text
}

/// The hub's names for sizes.
fn size(exported: &Exported) -> &'static str {
    match exported.sft + exported.preferences {
        0..1_000 => "n<1K",
        1_000..10_000 => "1K<n<10K",
        10_000..100_000 => "10K<n<100K",
        100_000..1_000_000 => "100K<n<1M",
        _ => "n>1M",
    }
}

fn contents(exported: &Exported) -> String {
    let mut text = String::from("## Contents\n\n| file | rows | format |\n|---|---|---|\n");
    let files = [
        (SFT, exported.sft, "`messages`: conversations to imitate (SFT)"),
        (PREFERENCES, exported.preferences, "`prompt`, `chosen`, `rejected`: preference pairs (DPO and its like)"),
    ];
    for (file, rows, what) in files.into_iter().filter(|(_, rows, _)| *rows > 0) {
        _ = writeln!(text, "| `{file}` | {rows} | {what} |");
    }
    _ = writeln!(
        text,
        "\nBoth are in the conversational format of TRL. {} deliberations were looked at.\n",
        exported.considered
    );
    text
}

fn list(title: &str, counts: impl Iterator<Item = (String, usize)>) -> String {
    let lines: Vec<String> = counts.map(|(name, count)| format!("- {}: {count}\n", plain(&name))).collect();
    let lines = lines.concat();
    if lines.is_empty() { lines } else { format!("## {title}\n\n{lines}\n") }
}

/// A name that is no Markdown.
fn plain(name: &str) -> String {
    let one_line = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let marks = |c: char| c.is_control() || "\\`*[]<>#|".contains(c);
    one_line.chars().flat_map(|c| marks(c).then_some('\\').into_iter().chain([c])).filter(|c| !c.is_control()).collect()
}

/// How pairs come about.
fn pairs(exported: &Exported) -> String {
    format!(
        "## Preference pairs\n\nThe rejected sample gives another answer than the chosen one and is worse beyond doubt: it is \
         wrong where the right answer is known; else verifiers think less of it, or, where they think the same of both, \
         fewer samples give its answer. Neither likelihoods nor confidences count, as no record holds them. There are none of \
         `single`, whose samples nothing chose between. Where two pairs of one prompt say the contrary of each other, both \
         are dropped: {} were.\n\n",
        exported.contradictory
    )
}

fn filters(options: &Options) -> String {
    let agreement = options.min_agreement.map_or_else(|| "any".to_owned(), |least| format!("at least {least}"));
    let yes = |is: bool| if is { "yes" } else { "no" };
    format!(
        "## Filters\n\n- only what a verifier passed: {}\n- agreement of the samples: {agreement}\n- duplicates kept: {}\n- \
         preference pairs of one deliberation: at most {}\n- thoughts: {}\n- never: answers that were cut off, empty, or \
         refuted by a verifier\n\n",
        yes(options.verified_only),
        yes(options.keep_duplicates),
        options.max_pairs,
        if options.thoughts { "as `reasoning_content`" } else { "left out" },
    )
}

fn fields(options: &Options) -> String {
    let thoughts = if options.thoughts { " Its thoughts are in `reasoning_content`." } else { "" };
    format!(
        "## Fields\n\nThe types of the columns stand at the beginning of this file; a column with texts that look like dates is \
         of type `json`, because the library would write them differently.\n\nBeside the texts each row says where it comes from (`source` and what follows it), `model`, `weights` \
         and `strategy`, the canonical `answer` of the chosen sample, how many `samples` came to their end, which share of \
         them gives this answer (`agreement`, none of a single one), what verifiers said (`check`), and the sample's \
         `tokens`. Preference pairs say the `rejected_answer` too.{thoughts}\n\nTexts are as they were asked and answered: \
         nothing was redacted.\n\nLoad it with `datasets.load_dataset(folder, \"sft\")` or `\"preferences\"`.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_hubs_names() {
        let check = |sft, preferences, expect: &str| {
            assert_eq!(size(&Exported { sft, preferences, ..Exported::default() }), expect);
        };
        check(1, 0, "n<1K");
        check(999, 1, "1K<n<10K");
        check(99_999, 0, "10K<n<100K");
        check(2_000_000, 0, "n>1M");
    }

    #[test]
    fn a_file_without_rows_is_not_named() {
        let front = front(&Exported { preferences: 3, ..Exported::default() }, &Default::default());
        assert!(!front.contains("sft") && front.contains("- config_name: preferences\n"), "{front}");
        assert!(
            front.contains("path: preferences.jsonl\n  default: true\ndataset_info:\n- config_name: preferences\n"),
            "{front}"
        );
    }

    #[test]
    fn names_are_no_markdown() {
        assert_eq!(plain("a\n# b | `c` <i>"), "a \\# b \\| \\`c\\` \\<i\\>");
        assert_eq!(plain("qwen3-8b_q4, weights sha256:00"), "qwen3-8b_q4, weights sha256:00");
    }
}
