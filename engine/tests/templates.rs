//! The published chat templates of models that think or call tools, rendered as Python's jinja2 renders them.
//!
//! The expected texts were made by jinja2 3 with the settings of Hugging Face's transformers. The templates themselves
//! are fetched by `cargo xtask test`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

use std::{fs, path::PathBuf};

use forethought_engine::{CallFormat, ChatTemplate, Conversation, Marks, Message};
use forethought_schemas::ToolCard;

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

fn conversation() -> Conversation {
    serde_json::from_str::<Vec<Message>>(include_str!("golden/conversation.json")).unwrap().into()
}

/// A conversation in which tools were called.
fn acting() -> Conversation {
    let mut parts: serde_json::Value = serde_json::from_str(include_str!("golden/acting.json")).unwrap();
    let messages = serde_json::from_value(parts["messages"].take()).unwrap();
    let tools: Vec<ToolCard> = serde_json::from_value(parts["tools"].take()).unwrap();
    Conversation { messages, tools: tools.into() }
}

fn check_acting(name: &str, bos: &str, format: CallFormat, golden: &str) {
    let template = ChatTemplate::new(&template(name), Some(bos), None).unwrap();
    assert_eq!(template.calls(), format, "{name}");
    let rendered = template.render(&acting()).unwrap();
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    assert_eq!(rendered.replace(&today, "TODAY"), golden, "{name}");
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

#[test]
fn tools_are_told_of_as_the_models_were_trained() {
    check_acting("qwen3.jinja", "", CallFormat::Hermes, include_str!("golden/qwen3_acting.txt"));
    check_acting("qwen2_5.jinja", "", CallFormat::Hermes, include_str!("golden/qwen2_5_acting.txt"));
    let bos = "<|begin_of_text|>";
    check_acting("llama3_1.jinja", bos, CallFormat::Llama, include_str!("golden/llama3_1_acting.txt"));
}

#[test]
fn a_model_whose_calls_are_not_read_is_told_of_tools_in_words() {
    for name in ["gptoss.jinja", "deepseek_r1_distill.jinja"] {
        let template = ChatTemplate::new(&template(name), Some(""), None).unwrap();
        assert_eq!(template.calls(), CallFormat::Plain, "{name}");
        let rendered = template.render(&acting()).unwrap();
        for said in ["You can call tools.", "look.up", "<tool_response>\ngreen <as> \"ever\"\n</tool_response>"] {
            assert!(rendered.contains(said), "{name} lacks {said}: {rendered}");
        }
    }
}
