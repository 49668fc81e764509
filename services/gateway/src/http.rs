//! The HTTP API.

mod admin;
mod answer;
mod caller;
mod completions;
mod erasure;
mod errors;
mod files;
mod laws;
mod log;
mod metrics;
mod models;
mod plan;
mod probes;
mod records;
mod restore;
mod reviews;
mod routes;
mod screen;
mod stream;
mod tools;
mod whole;

use std::{collections::BTreeMap, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse,
    error::{InternalError, QueryPayloadError},
    web::{self, Data, ServiceConfig},
};
use forethought_actors::{Classifiers, Rooms};
use forethought_audit::Signer;
use forethought_identity::Issuers;
use forethought_policies::PolicyDesk;
use forethought_schemas::{ApiError, Effort, ErrorKind, Presets, RequestId};
use tokio::runtime::Handle;
use tracing::{error, info};

use crate::{
    approvals,
    config::ThinkingConfig,
    keeper::{Deed, PolicyKeeper},
    keys_copy::KeysCopy,
    tools::Tools,
    webhooks::Webhooks,
};
pub use erasure::expire;
pub use metrics::Metrics;
pub use reviews::give_up_late;

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
    desk: Arc<PolicyDesk>,
    keeper: PolicyKeeper,
    issuers: Issuers,
    webhooks: Webhooks,
    signer: Arc<Signer>,
    keys_copy: KeysCopy,
    tools: Tools,
    uploads: files::Rooms,
    downloads: files::Rooms,
    models: BTreeMap<String, Served>,
    /// Where deliberations run: they outlive their connection.
    work: Handle,
    metrics: Metrics,
    classifiers: Classifiers,
    max_body_bytes: usize,
}

/// Who may ask for what: the desk, who keeps its policy, and who vouches for callers.
pub struct Access {
    /// Decides.
    pub desk: Arc<PolicyDesk>,
    /// Puts policies in force.
    pub keeper: PolicyKeeper,
    /// Identity providers whose tokens are accepted.
    pub issuers: Issuers,
    /// Tells who is to be told.
    pub webhooks: Webhooks,
    /// Signs the audit log's checkpoints.
    pub signer: Arc<Signer>,
    /// Copies the key table.
    pub keys_copy: KeysCopy,
    /// What models may be offered.
    pub tools: Tools,
}

impl Gateway {
    /// A gateway to `rooms`.
    #[must_use]
    pub fn new(
        rooms: Rooms,
        access: Access,
        models: BTreeMap<String, Served>,
        work: Handle,
        max_body_bytes: usize,
    ) -> Self {
        let Access { desk, keeper, issuers, webhooks, signer, keys_copy, tools } = access;
        let metrics = Metrics::new(&rooms, &desk, webhooks.counters(), &tools);
        let classifiers = rooms.classifiers(metrics.on_run());
        Self {
            rooms,
            desk,
            keeper,
            issuers,
            webhooks,
            signer,
            keys_copy,
            tools,
            uploads: files::Rooms::default(),
            downloads: files::Rooms::default(),
            models,
            work,
            metrics,
            classifiers,
            max_body_bytes,
        }
    }

    /// Reads the policy file again, and puts it in force for every request from now on; what tenants have used stays
    /// counted. A file that is wrong changes nothing.
    pub async fn reread_policy(&self) {
        approvals::read_again(&self.keeper, &self.rooms.audit, self.tools.approvals()).await;
        let outcome = self.keeper.reread().await;
        self.metrics.policy_read(match &outcome {
            Ok(true) => "in_force",
            Ok(false) => "unchanged",
            Err(_) => "refused",
        });
        match outcome {
            Ok(true) => {}
            Ok(false) => info!("the policy was read again and says what it said before"),
            Err(wrong) => {
                error!(%wrong, "the policy could not be taken up; the one before stays in force");
                let code = admin::not_taken_up(&wrong).code;
                self.webhooks.policy_refused(&self.desk, Deed::found().what, None, code);
            }
        }
    }
}

/// Adds all routes.
pub fn routes(app: &mut ServiceConfig, gateway: &Data<Gateway>) {
    let queries = web::QueryConfig::default().error_handler(|error, _| wrong_query(&error));
    app.app_data(gateway.clone()).app_data(queries).configure(routes::add).default_service(web::to(nothing_here));
}

/// What is asked behind the `?` of an address, where it is not understood.
fn wrong_query(error: &QueryPayloadError) -> actix_web::Error {
    let message = format!("the query of the address is not understood ({error}); see /openapi.json for its parameters");
    let told = ApiError::invalid("query", "invalid_query", message);
    let response = errors::response(&told, &RequestId::generate(), None);
    InternalError::from_response(error.to_string(), response).into()
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
