//! The HTTP API.

mod answer;
mod completions;
mod errors;
mod metrics;
mod models;
mod plan;
mod probes;
mod screen;
mod stream;

use std::collections::BTreeMap;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::AUTHORIZATION,
    web::{self, Data, ServiceConfig},
};
use forethought_actors::Rooms;
use forethought_policies::{Policy, PolicyDesk, Principal};
use forethought_schemas::{ApiError, Effort, ErrorKind, Presets, RequestId};
use tokio::runtime::Handle;
use tracing::info;

use crate::config::ThinkingConfig;
pub use metrics::Metrics;

/// What is configured for a model.
#[derive(Clone, Debug)]
pub struct Served {
    /// For requests that set none.
    pub temperature: f32,
    /// Of all requests: the tail of a small model's distribution is noise.
    pub min_p: f32,
    /// For requests that set none.
    pub effort: Effort,
    /// What efforts mean with this model.
    pub presets: Presets,
    /// How it thinks.
    pub thinking: ThinkingConfig,
}

/// What all handlers share.
pub struct Gateway {
    rooms: Rooms,
    desk: PolicyDesk,
    models: BTreeMap<String, Served>,
    /// Where deliberations run: they outlive their connection.
    work: Handle,
    metrics: Metrics,
    max_body_bytes: usize,
}

impl Gateway {
    /// A gateway to `rooms`.
    #[must_use]
    pub fn new(
        rooms: Rooms,
        desk: PolicyDesk,
        models: BTreeMap<String, Served>,
        work: Handle,
        max_body_bytes: usize,
    ) -> Self {
        let metrics = Metrics::new(&rooms);
        Self { rooms, desk, models, work, metrics, max_body_bytes }
    }

    /// Puts another policy in force for every request from now on; what tenants have used stays counted.
    pub fn replace_policy(&self, policy: Policy) {
        self.desk.replace(policy);
    }

    fn principal(&self, request: &HttpRequest) -> Result<Principal, ApiError> {
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = header.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
        self.desk.authenticate(bearer).map_err(|denied| {
            info!(reason = ?denied.reason, key = denied.key_id.as_deref().unwrap_or("-"), "authentication refused");
            denied.into()
        })
    }
}

/// Adds all routes.
pub fn routes(app: &mut ServiceConfig, gateway: &Data<Gateway>) {
    app.app_data(gateway.clone())
        .service(
            web::resource("/v1/chat/completions")
                .route(web::post().to(completions::complete))
                .default_service(web::to(wrong_method)),
        )
        .service(web::resource("/v1/models").route(web::get().to(models::list)).default_service(web::to(wrong_method)))
        .service(web::resource("/v1/models/{id:.*}").route(web::get().to(models::one)))
        .service(web::resource("/healthz").route(web::get().to(probes::alive)))
        .service(web::resource("/readyz").route(web::get().to(probes::ready)))
        .service(web::resource("/metrics").route(web::get().to(probes::metrics)))
        .service(web::resource("/openapi.json").route(web::get().to(probes::openapi)))
        .default_service(web::to(nothing_here));
}

async fn nothing_here(request: HttpRequest) -> HttpResponse {
    let message = format!("there is no {}; see /openapi.json for what there is", request.path());
    errors::response(&ApiError::new(ErrorKind::NotFound, "unknown_path", message), &RequestId::generate(), None)
}

async fn wrong_method(request: HttpRequest) -> HttpResponse {
    let message = format!("{} does not take {}; see /openapi.json", request.path(), request.method());
    errors::method_not_allowed(
        &ApiError::new(ErrorKind::InvalidRequest, "wrong_method", message),
        &RequestId::generate(),
    )
}
