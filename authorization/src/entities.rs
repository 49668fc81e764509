//! A question in Cedar's terms.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    str::FromStr,
};

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression as Value,
};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    arguments::Arguments,
    ask::{Action, Ask, Circumstances, Facts, Resource, Who},
    rules::schema,
    tool::ToolAsk,
};

/// The request and the entities that it names.
pub(crate) fn of(ask: &Ask<'_>) -> Result<(Request, Entities), String> {
    let principal = uid("Principal", ask.who.id)?;
    let action = uid("Action", ask.action.as_str())?;
    let (kind, name) = match ask.resource {
        Resource::Model(name) => ("Model", name),
        Resource::Tool(name) => ("Tool", name),
        Resource::Tenant(name) => ("Tenant", name),
    };
    let resource = uid(kind, name)?;
    made((principal, action, resource), context(ask)?, entities_of(&ask.who)?)
}

/// A question about one call of a tool.
pub(crate) struct Probe<'a> {
    /// The call.
    pub(crate) ask: &'a ToolAsk<'a>,
    /// Its arguments.
    pub(crate) arguments: &'a Arguments,
    /// Whether it is as if somebody had approved it.
    pub(crate) approved: bool,
    /// Whether it is as if it were only told.
    pub(crate) dry_run: bool,
}

/// The request and the entities that one call of a tool names.
pub(crate) fn of_tool(probe: &Probe<'_>) -> Result<(Request, Entities), String> {
    let ask = probe.ask;
    let named = (uid("Principal", ask.who.id)?, uid("Action", Action::UseTool.as_str())?, uid("Tool", ask.tool)?);
    let mut entities = entities_of(&ask.who)?;
    let mut fields = tool(probe)?;
    for (name, entity) in tagged(probe.arguments)? {
        fields.push((name.to_owned(), Value::new_entity_uid(entity.uid())));
        entities.push(entity);
    }
    made(named, Context::from_pairs(fields).map_err(|error| error.to_string())?, entities)
}

fn made(
    (principal, action, resource): (EntityUid, EntityUid, EntityUid),
    context: Context,
    mut entities: Vec<Entity>,
) -> Result<(Request, Entities), String> {
    let schema = schema()?;
    if !entities.iter().any(|known| known.uid() == resource) {
        entities.push(Entity::new_no_attrs(resource.clone(), HashSet::new()));
    }
    let entities = Entities::from_entities(entities, Some(schema)).map_err(|error| error.to_string())?;
    let request =
        Request::new(principal, action, resource, context, Some(schema)).map_err(|error| error.to_string())?;
    Ok((request, entities))
}

fn uid(kind: &str, name: &str) -> Result<EntityUid, String> {
    let kind = EntityTypeName::from_str(&format!("Forethought::{kind}")).map_err(|error| error.to_string())?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(name)))
}

fn entities_of(who: &Who<'_>) -> Result<Vec<Entity>, String> {
    let principal = uid("Principal", who.id)?;
    let tenant = uid("Tenant", who.tenant)?;
    let mut parents = HashSet::from([tenant.clone()]);
    let mut entities = vec![Entity::new_no_attrs(tenant.clone(), HashSet::new())];
    for role in who.roles {
        let role = uid("Role", role)?;
        if parents.insert(role.clone()) {
            entities.push(Entity::new_no_attrs(role, HashSet::new()));
        }
    }
    for team in who.teams {
        let team = uid("Team", &format!("{}/{team}", who.tenant))?;
        if parents.insert(team.clone()) {
            entities.push(Entity::new_no_attrs(team, HashSet::from([tenant.clone()])));
        }
    }
    let fields = HashMap::from([
        ("tenant".to_owned(), Value::new_string(who.tenant.to_owned())),
        ("everywhere".to_owned(), Value::new_bool(who.everywhere)),
    ]);
    entities.push(Entity::new(principal, fields, parents).map_err(|error| error.to_string())?);
    Ok(entities)
}

fn context(ask: &Ask<'_>) -> Result<Context, String> {
    let mut fields = vec![("now".to_owned(), now(ask.at)?)];
    if let Some(known) = &ask.circumstances {
        fields.push(("facts".to_owned(), facts(&known.facts)?));
        fields.extend(deliberation(known));
    }
    Context::from_pairs(fields).map_err(|error| error.to_string())
}

/// What is known of a call, but for its arguments.
fn tool(probe: &Probe<'_>) -> Result<Vec<(String, Value)>, String> {
    let Probe { ask, approved, dry_run, .. } = *probe;
    let text = |name: &str, text: &str| (name.to_owned(), Value::new_string(text.to_owned()));
    let told = [text("effect", ask.effect), text("spec", ask.spec), text("server", ask.server)];
    let number = |name: &str, number: u32| (name.to_owned(), Value::new_long(number.into()));
    Ok(vec![
        ("now".to_owned(), now(ask.at)?),
        ("facts".to_owned(), facts(&ask.facts)?),
        ("tool".to_owned(), Value::new_record(told).map_err(|error| error.to_string())?),
        number("sample_calls", ask.sample_calls),
        number("calls", ask.calls),
        number("round", ask.round),
        ("approved".to_owned(), Value::new_bool(approved)),
        ("dry_run".to_owned(), Value::new_bool(dry_run)),
    ])
}

/// The arguments of a call, by the name under which rules look at them: each an entity with a tag for each value.
fn tagged(arguments: &Arguments) -> Result<[(&'static str, Entity); 8], String> {
    let Arguments { texts, paths, numbers, floors, ceilings, flags, sizes, sets } = arguments;
    let text = |text: &String| Value::new_string(text.clone());
    let number = |number: &i64| Value::new_long(*number);
    let set = |texts: &BTreeSet<String>| Value::new_set(texts.iter().map(text));
    Ok([
        tags("Texts", "texts", texts, text)?,
        tags("Texts", "paths", paths, text)?,
        tags("Numbers", "numbers", numbers, number)?,
        tags("Numbers", "floors", floors, number)?,
        tags("Numbers", "ceilings", ceilings, number)?,
        tags("Flags", "flags", flags, |flag| Value::new_bool(*flag))?,
        tags("Numbers", "sizes", sizes, number)?,
        tags("Sets", "sets", sets, set)?,
    ])
}

fn tags<T>(
    kind: &str,
    name: &'static str,
    values: &BTreeMap<String, T>,
    value: impl Fn(&T) -> Value,
) -> Result<(&'static str, Entity), String> {
    let tags = values.iter().map(|(place, found)| (place.clone(), value(found)));
    let entity = Entity::new_with_tags(uid(kind, name)?, [], [], tags).map_err(|error| error.to_string())?;
    Ok((name, entity))
}

fn deliberation(known: &Circumstances<'_>) -> Vec<(String, Value)> {
    let number = |name: &str, number: i64| (name.to_owned(), Value::new_long(number));
    let text = |name: &str, text: &str| (name.to_owned(), Value::new_string(text.to_owned()));
    let mut fields = vec![
        text("effort", known.effort),
        number("effort_rank", known.effort_rank.into()),
        text("strategy", known.strategy),
        number("samples", known.samples.into()),
        number("total_tokens", known.total_tokens.into()),
        number("deadline_ms", i64::try_from(known.deadline_ms).unwrap_or(i64::MAX)),
        ("stream".to_owned(), Value::new_bool(known.stream)),
    ];
    fields.extend(known.thinking_tokens.map(|tokens| number("thinking_tokens", tokens.into())));
    fields
}

fn facts(facts: &Facts<'_>) -> Result<Value, String> {
    let Facts { purpose, interaction, decision, sectors, regions, data_classes, grounds } = *facts;
    let words = [("purpose", purpose), ("interaction", interaction), ("decision", decision)];
    let words =
        words.into_iter().filter_map(|(name, word)| Some((name.to_owned(), Value::new_string(word?.to_owned()))));
    let lists = [("sectors", sectors), ("regions", regions), ("data_classes", data_classes), ("grounds", grounds)];
    let set = |words: &[String]| Value::new_set(words.iter().map(|word| Value::new_string(word.clone())));
    let lists = lists.into_iter().map(|(name, words)| (name.to_owned(), set(words)));
    Value::new_record(words.chain(lists)).map_err(|error| error.to_string())
}

fn now(at: Timestamp) -> Result<Value, String> {
    let zoned = at.to_zoned(TimeZone::UTC);
    let fields = [
        ("at".to_owned(), Value::new_datetime(at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())),
        ("hour".to_owned(), Value::new_long(zoned.hour().into())),
        ("weekday".to_owned(), Value::new_long(zoned.weekday().to_monday_one_offset().into())),
    ];
    Value::new_record(fields).map_err(|error| error.to_string())
}
