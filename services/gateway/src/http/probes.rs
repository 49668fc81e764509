//! What machines ask: is it alive, is it ready, how is it doing, what does it offer.

use actix_web::{HttpResponse, web::Data};
use serde_json::{Value, json};

use super::Gateway;

pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "alive" }))
}

pub(super) async fn ready(gateway: Data<Gateway>) -> HttpResponse {
    let models: serde_json::Map<String, Value> =
        gateway.rooms.models().map(|(id, desk)| (id.to_owned(), json!(desk.ready()))).collect();
    let ready = gateway.rooms.ready();
    let body = json!({ "status": if ready { "ready" } else { "not_ready" }, "models": models });
    if ready { HttpResponse::Ok().json(body) } else { HttpResponse::ServiceUnavailable().json(body) }
}

pub(super) async fn metrics(gateway: Data<Gateway>) -> HttpResponse {
    match gateway.metrics.text() {
        Ok(text) => {
            HttpResponse::Ok().content_type("application/openmetrics-text; version=1.0.0; charset=utf-8").body(text)
        }
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

pub(super) async fn openapi() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(forethought_schemas::OPENAPI)
}
