//! A question in Cedar's terms.

use std::{
    collections::{HashMap, HashSet},
    str::FromStr,
};

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression as Value,
};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    ask::{Action, Ask, Circumstances, Facts, Resource, Who},
    rules::schema,
};

/// The request and the entities that it names.
pub(crate) fn of(ask: &Ask<'_>) -> Result<(Request, Entities), String> {
    let schema = schema()?;
    let principal = uid("Principal", ask.who.id)?;
    let action = uid("Action", ask.action.as_str())?;
    let (kind, name) = match ask.resource {
        Resource::Model(name) => ("Model", name),
        Resource::Tool(name) => ("Tool", name),
        Resource::Tenant(name) => ("Tenant", name),
    };
    let resource = uid(kind, name)?;
    let mut entities = entities_of(&ask.who, &principal)?;
    if !entities.iter().any(|known| known.uid() == resource) {
        entities.push(Entity::new_no_attrs(resource.clone(), HashSet::new()));
    }
    let entities = Entities::from_entities(entities, Some(schema)).map_err(|error| error.to_string())?;
    let request =
        Request::new(principal, action, resource, context(ask)?, Some(schema)).map_err(|error| error.to_string())?;
    Ok((request, entities))
}

fn uid(kind: &str, name: &str) -> Result<EntityUid, String> {
    let kind = EntityTypeName::from_str(&format!("Forethought::{kind}")).map_err(|error| error.to_string())?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(name)))
}

fn entities_of(who: &Who<'_>, principal: &EntityUid) -> Result<Vec<Entity>, String> {
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
    entities.push(Entity::new(principal.clone(), fields, parents).map_err(|error| error.to_string())?);
    Ok(entities)
}

fn context(ask: &Ask<'_>) -> Result<Context, String> {
    let mut fields = vec![("now".to_owned(), now(ask.at)?)];
    if let Some(known) = &ask.circumstances {
        fields.push(("facts".to_owned(), facts(&known.facts)?));
        if ask.action == Action::Deliberate {
            fields.extend(deliberation(known));
        }
    }
    Context::from_pairs(fields).map_err(|error| error.to_string())
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
