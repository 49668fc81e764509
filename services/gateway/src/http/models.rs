//! `GET /v1/models`: the models that the caller may use, and what their engines can do.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use forethought_authorization::Action;
use forethought_engine::MemberInfo;
use forethought_schemas::{ApiError, ErrorKind, RequestId};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use super::{Gateway, errors};

/// How long to wait for what an engine says of itself.
const INFO_WITHIN: Duration = Duration::from_millis(100);

pub(super) async fn list(gateway: Data<Gateway>, request: HttpRequest) -> HttpResponse {
    let id = RequestId::generate();
    match allowed(&gateway, &request).await {
        Ok(models) => {
            let mut response = HttpResponse::Ok();
            errors::add_headers(&mut response, &id, None);
            response.json(json!({ "object": "list", "data": models }))
        }
        Err(error) => errors::response(&error, &id, None),
    }
}

pub(super) async fn one(gateway: Data<Gateway>, request: HttpRequest, name: Path<String>) -> HttpResponse {
    let id = RequestId::generate();
    let found = allowed(&gateway, &request).await.and_then(|models| {
        let found = models.into_iter().find(|model| model.get("id").and_then(Value::as_str) == Some(name.as_str()));
        found.ok_or_else(|| {
            let message = format!("there is no model `{name}` for this key; see /v1/models");
            ApiError {
                param: Some("model".to_owned()),
                ..ApiError::new(ErrorKind::NotFound, "model_not_found", message)
            }
        })
    });
    match found {
        Ok(model) => HttpResponse::Ok().json(model),
        Err(error) => errors::response(&error, &id, None),
    }
}

/// What anybody may know of a pool: who is used. Where a member has no name of its own it is called by its place, and why
/// it is not used stands in the log: both tell how the operator's network is made.
fn shown(members: &[MemberInfo]) -> Vec<Value> {
    let name = |at: usize, name: &str| if name.contains('/') { format!("member {}", at + 1) } else { name.to_owned() };
    let member = |(at, member): (usize, &MemberInfo)| json!({ "name": name(at, &member.name), "state": member.state });
    members.iter().enumerate().map(member).collect()
}

async fn allowed(gateway: &Gateway, request: &HttpRequest) -> Result<Vec<Value>, ApiError> {
    let principal = gateway.principal(request).await?;
    gateway.desk.authorize(&principal, Action::ListModels, principal.tenant())?;
    let mut models = Vec::new();
    for (id, desk) in gateway.rooms.models() {
        if !gateway.desk.may_use_model(&principal, id) {
            continue;
        }
        let engine = desk.lease(Instant::now() + INFO_WITHIN).await.ok();
        let info = engine.as_ref().map(|engine| engine.info());
        let thinking = gateway.models.get(id).zip(info).map(|(served, info)| {
            let style = served.thinking.style(info.marks);
            served.thinking.disclosed(style.as_deref())
        });
        let members = engine.as_ref().map(|engine| shown(&engine.members())).filter(|members| !members.is_empty());
        models.push(json!({
            "id": id, "object": "model", "created": 0, "owned_by": "forethought",
            "forethought": { "ready": desk.ready(), "engine": info, "members": members, "thinking": thinking },
        }));
    }
    Ok(models)
}

#[cfg(test)]
mod tests {
    use forethought_engine::MemberState;

    use super::*;

    #[test]
    fn a_pool_shows_neither_addresses_nor_reasons() {
        let member = |name: &str, state, why: Option<&str>| MemberInfo {
            name: name.to_owned(),
            state,
            running: 3,
            failures: 1,
            why: why.map(ToOwned::to_owned),
        };
        let members = [
            member("http://10.0.0.7:8000/v1", MemberState::Away, Some("connection refused: 10.0.0.7")),
            member("/srv/models/secret.gguf", MemberState::Up, None),
            member("big one", MemberState::Up, None),
        ];
        let expected = json!([
            { "name": "member 1", "state": "away" }, { "name": "member 2", "state": "up" },
            { "name": "big one", "state": "up" },
        ]);
        assert_eq!(Value::from(shown(&members)), expected);
    }
}
