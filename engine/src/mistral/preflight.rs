//! Whether a configured model can be loaded, found out without loading its weights.

use std::{fs, path::Path};

use serde_json::Value;

use super::{MistralConfig, pre_tokenizer};
use crate::{ChatTemplate, GgufHeader};

/// Files that a tokenizer's folder holds.
const TOKENIZER_FILES: [&str; 2] = ["tokenizer.json", "tokenizer_config.json"];

/// What loading needs beside the weights.
pub(super) struct Plan {
    pub header: GgufHeader,
    pub template: ChatTemplate,
    /// How texts are cut before their tokens are merged, where the library would do it in another way.
    pub cut: Option<Value>,
}

/// Reads the file's header, its chat template and the tokenizer's folder, as loading does before it reads the weights.
///
/// # Errors
/// Everything that is in the way, each with the mend.
pub fn preflight(config: &MistralConfig) -> Result<(), Vec<String>> {
    plan(config).map(|_| ())
}

pub(super) fn plan(config: &MistralConfig) -> Result<Plan, Vec<String>> {
    let mut problems = config.tokenizer.as_deref().map_or_else(Vec::new, folder_problems);
    let header = match GgufHeader::read(&config.path) {
        Ok(header) => header,
        Err(error) => {
            problems.insert(0, error.to_string());
            return Err(problems);
        }
    };
    let path = config.path.display();
    let template = template(config, &header).map_err(|what| problems.push(what));
    // A tokenizer.json says itself how it cuts.
    let cut = if config.tokenizer.is_some() { Ok(None) } else { pre_tokenizer::wanted(&header) };
    let cut = cut.map_err(|name| {
        problems.push(format!(
            "{path} has a tokenizer that cuts texts as `{name}`, which is not known; set `tokenizer` to a folder with \
             the model's tokenizer.json and tokenizer_config.json"
        ));
    });
    match (template, cut) {
        (Ok(template), Ok(cut)) if problems.is_empty() => Ok(Plan { header, template, cut }),
        _ => Err(problems),
    }
}

fn folder_problems(folder: &Path) -> Vec<String> {
    let check = |name: &str| {
        let file = folder.join(name);
        match fs::read_to_string(&file) {
            Err(error) => Some(format!(
                "cannot read {} ({error}); put the model's own there, or leave `tokenizer` out",
                file.display()
            )),
            Ok(text) => serde_json::from_str::<serde_json::Map<String, Value>>(&text)
                .err()
                .map(|error| format!("{} is no JSON object ({error}); put the model's own there", file.display())),
        }
    };
    TOKENIZER_FILES.into_iter().filter_map(check).collect()
}

/// The file's own chat template, or that of the tokenizer's folder.
fn template(config: &MistralConfig, header: &GgufHeader) -> Result<ChatTemplate, String> {
    let path = config.path.display();
    let of_folder = || config.tokenizer.as_deref().and_then(folder_template);
    let source = header.chat_template.clone().or_else(of_folder).ok_or_else(|| {
        format!(
            "{path} has no chat template; take a file of an instruction-tuned model, or set `tokenizer` to a folder whose \
             tokenizer_config.json or chat_template.jinja has one"
        )
    })?;
    ChatTemplate::new(&source, header.bos.as_deref(), header.eos.as_deref())
        .map_err(|error| format!("{path} cannot be used: {error}; take another conversion of the model"))
}

/// As Hugging Face's libraries find it: a file of its own, or a field of another one.
fn folder_template(folder: &Path) -> Option<String> {
    if let Ok(source) = fs::read_to_string(folder.join("chat_template.jinja")) {
        return Some(source);
    }
    let config: Value = serde_json::from_str(&fs::read_to_string(folder.join("tokenizer_config.json")).ok()?).ok()?;
    ChatTemplate::source_in(&config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::fixture;

    const TEMPLATE: (&str, &str) = ("tokenizer.chat_template", "{{ messages[0].content }}");

    /// Looks at a model with these header fields and, when there are any, these files in its tokenizer's folder.
    fn check(fields: &[(&str, &str)], files: &[(&str, &str)], expect: &[&str]) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.gguf");
        fs::write(&path, fixture::file(fields)).unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let tokenizer = (!files.is_empty()).then(|| dir.path().to_owned());
        let problems = preflight(&MistralConfig { tokenizer, ..MistralConfig::new(path) }).err().unwrap_or_default();
        assert_eq!(problems.len(), expect.len(), "{problems:?}");
        for (problem, part) in problems.iter().zip(expect) {
            assert!(problem.contains(part), "no `{part}` in {problem}");
        }
    }

    #[test]
    fn what_can_never_load_is_told_with_the_mend() {
        check(&[TEMPLATE], &[], &[]);
        check(&[], &[], &["has no chat template; take a file of an instruction-tuned model, or set `tokenizer`"]);
        check(&[("tokenizer.chat_template", "{% if")], &[], &["chat template is wrong"]);
        let strange = [("tokenizer.ggml.model", "gpt2"), ("tokenizer.ggml.pre", "strange")];
        check(&strange, &[], &["has no chat template", "cuts texts as `strange`, which is not known"]);
        check(&[TEMPLATE, strange[0], strange[1]], &[("tokenizer.json", "{}"), ("tokenizer_config.json", "{}")], &[]);
        check(&[TEMPLATE], &[("tokenizer.json", "{}")], &["tokenizer_config.json"]);
        check(&[TEMPLATE], &[("tokenizer.json", "{"), ("tokenizer_config.json", "{}")], &["is no JSON object"]);
    }

    #[test]
    fn a_template_of_the_folder_is_found_where_the_file_has_none() {
        let with = |config: &str, expect: &[&str]| {
            check(&[], &[("tokenizer.json", "{}"), ("tokenizer_config.json", config)], expect);
        };
        with(r#"{"chat_template": "hello"}"#, &[]);
        with(r#"{"chat_template": "{% if"}"#, &["chat template is wrong"]);
        with(
            r#"{"chat_template": [{"name": "tools", "template": "{% if"}, {"name": "default", "template": "x"}]}"#,
            &[],
        );
        with(r#"{"chat_template": [{"name": "tools", "template": "x"}]}"#, &["has no chat template"]);
        let jinja = [("tokenizer.json", "{}"), ("tokenizer_config.json", "{}"), ("chat_template.jinja", "hello")];
        check(&[], &jinja, &[]);
    }
}
