//! Every route of the API, in one list: what is not on it does not exist, and a test holds it against `openapi.json`.

use actix_web::{
    FromRequest, Handler, Responder, Route,
    http::Method,
    web::{self, ServiceConfig},
};

use super::{admin, completions, erasure, files, log, models, probes, records, reviews, wrong_method};

/// A method of a path, and who answers it.
pub(super) struct Endpoint {
    method: Method,
    path: &'static str,
    route: Route,
}

impl Endpoint {
    /// `GET`.
    pub(super) fn get<F, Args>(path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self::new(Method::GET, path, handler)
    }

    /// `POST`.
    pub(super) fn post<F, Args>(path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self::new(Method::POST, path, handler)
    }

    /// `PUT`.
    pub(super) fn put<F, Args>(path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self::new(Method::PUT, path, handler)
    }

    /// `DELETE`.
    pub(super) fn delete<F, Args>(path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self::new(Method::DELETE, path, handler)
    }

    fn new<F, Args>(method: Method, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self { method, path, route: web::to(handler) }
    }
}

/// All endpoints. Those of one path stand together.
fn all() -> Vec<Endpoint> {
    let mut all = vec![
        Endpoint::post("/v1/chat/completions", completions::complete),
        Endpoint::get("/v1/models", models::list),
        Endpoint::get("/v1/models/{id:.*}", models::one),
    ];
    all.extend(admin::endpoints());
    all.extend(records::endpoints());
    all.extend(log::endpoints());
    all.extend(erasure::endpoints());
    all.extend(reviews::endpoints());
    all.extend(files::endpoints());
    all.extend([
        Endpoint::get("/healthz", probes::alive),
        Endpoint::get("/readyz", probes::ready),
        Endpoint::get("/metrics", probes::metrics),
        Endpoint::get("/openapi.json", probes::openapi),
    ]);
    all
}

/// Adds all endpoints; a method that a path does not take is told so.
pub(super) fn add(app: &mut ServiceConfig) {
    let mut endpoints = all().into_iter().peekable();
    while let Some(Endpoint { method, path, route }) = endpoints.next() {
        let mut resource = web::resource(path).route(route.method(method));
        while let Some(more) = endpoints.next_if(|next| next.path == path) {
            resource = resource.route(more.route.method(more.method));
        }
        app.service(resource.default_service(web::to(wrong_method)));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        fs,
        path::{Path, PathBuf},
    };

    use serde_json::Value;

    use super::*;

    /// `{id:.*}` is written `{id}` for people.
    fn plain(path: &str) -> String {
        path.replace(":.*}", "}")
    }

    fn documented() -> BTreeSet<(String, String)> {
        let document: Value = serde_json::from_str(forethought_schemas::OPENAPI).unwrap();
        let paths = document["paths"].as_object().unwrap().iter();
        let of = |(path, methods): (&String, &Value)| {
            let methods = methods.as_object().unwrap().keys().filter(|name| *name != "parameters");
            methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
        };
        paths.flat_map(of).collect()
    }

    #[test]
    fn the_document_and_the_program_have_the_same_routes() {
        let listed: Vec<_> = all().iter().map(|one| (one.method.to_string(), plain(one.path))).collect();
        let routes: BTreeSet<_> = listed.iter().cloned().collect();
        assert_eq!(routes.len(), listed.len(), "one is listed twice");
        assert_eq!(routes, documented());
    }

    #[test]
    fn the_methods_of_a_path_stand_together() {
        let mut paths: Vec<_> = all().iter().map(|one| one.path).collect();
        paths.dedup();
        let different: BTreeSet<_> = paths.iter().collect();
        assert_eq!(different.len(), paths.len(), "the second resource of a path would never be asked");
    }

    /// Every source file below a folder, with its text.
    fn sources(folder: &Path) -> Vec<(String, String)> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let of = |path: PathBuf| {
            if path.is_dir() {
                return sources(&path);
            }
            vec![(path.display().to_string(), fs::read_to_string(&path).unwrap())]
        };
        entries.flat_map(of).collect()
    }

    #[test]
    fn nothing_is_routed_but_by_the_list() {
        let all = sources(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").as_path());
        assert!(all.len() > 50, "{}", all.len());
        // Written so that this file is not found by what it looks for.
        let others = ["resource(", "scope(", "route("].map(|word| format!("web::{word}"));
        for (file, text) in all.iter().filter(|(file, _)| !file.ends_with("http/routes.rs")) {
            for word in others.iter().map(String::as_str).chain([".service(", "#[get(", "#[post("]) {
                assert!(!text.contains(word), "{file} has `{word}`; put the endpoint on the list of http/routes.rs");
            }
        }
    }
}
