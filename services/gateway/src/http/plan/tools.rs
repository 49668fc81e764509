//! What a request's samples may do with tools.

use std::sync::Arc;

use forethought_engine::CallFormat;
use forethought_reasoning::{CallStyle, ToolLimits, ToolUse};
use forethought_schemas::{ApiError, ChatRequest, Runs, StrategyName, ToolCard, ToolChoice, unknown_choice};

use super::Mind;

/// The tools of the service, for whoever asks.
pub(in crate::http) trait Shelf {
    /// What a model is told of a tool that the caller may use.
    fn card(&self, name: &str) -> Option<ToolCard>;

    /// The names of all that the caller may use.
    fn usable(&self) -> Vec<String>;

    /// The names of those that are offered to the model although the request names none.
    fn offered(&self) -> Vec<String>;

    /// The most that a sample may do.
    fn limits(&self) -> ToolLimits;
}

/// What its samples may do with tools; nothing where there are none, or none may be called.
pub(super) fn plan(
    request: &ChatRequest,
    shelf: &dyn Shelf,
    mind: Option<&Mind>,
    warnings: &mut Vec<String>,
) -> Result<Option<Arc<ToolUse>>, ApiError> {
    let mut tools = of_service(request, shelf)?;
    for tool in &request.tools.own {
        if tools.iter().any(|other| other.name == tool.name) {
            let message = format!("the tool `{}` is one of this service, too; give yours another name", tool.name);
            return Err(ApiError::invalid("tools", "invalid_value", message));
        }
        tools.push(tool.clone());
    }
    let choice = request.tools.choice.clone().unwrap_or_default();
    if tools.is_empty() || choice == ToolChoice::None {
        return Ok(None);
    }
    if let ToolChoice::Named(name) = &choice
        && !tools.iter().any(|tool| tool.name == *name)
    {
        return Err(unknown_choice(name, tools.iter().map(|tool| tool.name.as_str())));
    }
    let format = mind.map_or(CallFormat::Plain, |mind| mind.calls);
    let firm = mind.is_none_or(Mind::draws_calls);
    if !firm && choice != ToolChoice::Auto {
        warnings.push(
            "this model's engine cannot have an answer begin with a call; the model is only offered its tools"
                .to_owned(),
        );
    }
    if !firm {
        warnings.push("this model's engine cannot draw only what is a call, so calls may be malformed".to_owned());
    }
    Ok(Some(Arc::new(ToolUse {
        style: style(format),
        // A small model that is only told of tools in words goes on with calls that nobody needs.
        parallel: request.tools.parallel.unwrap_or(format != CallFormat::Plain),
        tools,
        choice,
        limits: limits(request, shelf.limits()),
        firm,
    })))
}

fn of_service(request: &ChatRequest, shelf: &dyn Shelf) -> Result<Vec<ToolCard>, ApiError> {
    let Some(named) = &request.deliberation.tools else {
        // Steps of a search are thrown away; what nobody asked for must not make a request fail.
        let searches = request.deliberation.strategy == Some(StrategyName::BeamSearch);
        let offered = if searches { Vec::new() } else { shelf.offered() };
        return Ok(offered.iter().filter_map(|name| shelf.card(name)).collect());
    };
    let mut cards: Vec<ToolCard> = Vec::new();
    for (at, name) in named.iter().enumerate() {
        let Some(card) = shelf.card(name) else { return Err(unknown(at, name, &shelf.usable())) };
        if !cards.iter().any(|other| other.name == card.name) {
            cards.push(ToolCard { runs: Runs::Server, ..card });
        }
    }
    Ok(cards)
}

fn unknown(at: usize, name: &str, usable: &[String]) -> ApiError {
    let path = format!("deliberation.tools[{at}]");
    let mend = match usable {
        [] => "this key may use none; ask the policy owner".to_owned(),
        usable => format!("use one of: {}", usable.join(", ")),
    };
    ApiError::invalid(
        &path,
        "unknown_tool",
        format!("`{path}` is `{name}`, which is no tool that this key may use; {mend}"),
    )
}

fn style(format: CallFormat) -> CallStyle {
    match format {
        CallFormat::Llama => CallStyle::llama(),
        CallFormat::Plain | CallFormat::Hermes => CallStyle::hermes(),
    }
}

fn limits(request: &ChatRequest, most: ToolLimits) -> ToolLimits {
    let ask = &request.deliberation;
    ToolLimits {
        rounds: ask.tool_rounds.unwrap_or(most.rounds).min(most.rounds),
        calls: ask.tool_calls.unwrap_or(most.calls).min(most.calls),
        ..most
    }
}
