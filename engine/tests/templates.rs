//! The published chat templates of models that think, rendered as Python's jinja2 renders them.
//!
//! The expected texts were made by jinja2 3 with the settings of Hugging Face's transformers. The templates themselves
//! are fetched by `cargo xtask test`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::{fs, path::PathBuf};

use forethought_engine::{ChatTemplate, Marks, Message};

fn template(name: &str) -> String {
    let cache = || {
        let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME")).join(".cache");
        std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join("forethought/templates")
    };
    let folder = std::env::var_os("FORETHOUGHT_TEMPLATES").map_or_else(cache, PathBuf::from);
    let path = folder.join(name);
    fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; fetch it with `cargo xtask test`", path.display()))
}

fn conversation() -> Vec<Message> {
    serde_json::from_str(include_str!("golden/conversation.json")).unwrap()
}

fn check(name: &str, bos: &str, marks: Marks, golden: &str, end: &str) {
    let template = ChatTemplate::new(&template(name), Some(bos), None).unwrap();
    assert_eq!(template.marks(), Some(marks), "{name}");
    let rendered = template.render(&conversation()).unwrap();
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    assert_eq!(rendered.replace(&today, "TODAY"), golden, "{name}");
    assert!(rendered.ends_with(end), "{rendered}");
}

#[test]
fn deepseek_r1_distills_open_the_thought_themselves() {
    let golden = include_str!("golden/deepseek_r1_distill.txt");
    let bos = "<｜begin▁of▁sentence｜>";
    check("deepseek_r1_distill.jinja", bos, Marks::Think, golden, "<｜Assistant｜><think>\n");
}

#[test]
fn qwen_3_leaves_the_thought_to_the_model() {
    check("qwen3.jinja", "", Marks::Think, include_str!("golden/qwen3.txt"), "<|im_start|>assistant\n");
}

#[test]
fn gpt_oss_speaks_in_channels() {
    check("gptoss.jinja", "", Marks::Harmony, include_str!("golden/gptoss.txt"), "<|start|>assistant");
}
