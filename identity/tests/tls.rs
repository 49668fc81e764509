//! Keys over https: only from a server whose certificate is trusted.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic, and read better so")]

#[path = "helpers/server.rs"]
#[allow(dead_code, reason = "each test program uses another part")]
mod server;
#[path = "helpers/signer.rs"]
mod signer;

use std::{path::PathBuf, sync::Arc};

use forethought_identity::{IssuerConfig, Verifier};
use jiff::Timestamp;
use serde_json::json;
use server::{Say, Server};
use signer::{NOW, Signer, claims_but, key_set};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// A certificate for 127.0.0.1 that is its own authority, and its key, which the Python tests use as well.
fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/python/tls").join(name)
}

fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(file("certificate.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate], key).unwrap()))
}

/// An issuer over https that tells where its keys are and gives them.
async fn issuer(signer: &Signer) -> Server {
    let (server, listener) = Server::bound("https", |_| Say::ok("")).await;
    let (serving, acceptor) = (server.clone(), acceptor());
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let (serving, acceptor) = (serving.clone(), acceptor.clone());
            tokio::spawn(async move {
                // A client that does not trust us hangs up here.
                if let Ok(connection) = acceptor.accept(connection).await {
                    serving.serve(connection).await;
                }
            });
        }
    });
    let document = json!({"issuer": server.url, "jwks_uri": format!("{}/k", server.url)}).to_string();
    let keys = key_set(&[signer.jwk()]);
    server.becomes(move |path| Say::ok(if path == "/k" { keys.clone() } else { document.clone().into() }));
    server
}

#[tokio::test]
async fn a_certificate_of_our_own_authority_is_trusted() {
    let signer = Signer::es256("a");
    let server = issuer(&signer).await;
    let token = signer.token(&claims_but(&json!({"iss": server.url})));
    let now = Timestamp::from_second(NOW).unwrap();
    let config =
        IssuerConfig { ca_file: Some(file("certificate.pem")), ..IssuerConfig::new(&server.url, "forethought") };
    let verifier = Verifier::start(&config).unwrap();
    assert_eq!(verifier.verify(&token, now).await.unwrap().subject, "alice");
    assert_eq!(server.asked(), ["/.well-known/openid-configuration", "/k"]);
}

#[tokio::test]
async fn another_certificate_is_not() {
    let signer = Signer::es256("a");
    let server = issuer(&signer).await;
    let token = signer.token(&claims_but(&json!({"iss": server.url})));
    let verifier = Verifier::start(&IssuerConfig::new(&server.url, "forethought")).unwrap();
    let refused = verifier.verify(&token, Timestamp::from_second(NOW).unwrap()).await.unwrap_err();
    assert_eq!(refused.code(), "keys_away");
    let trouble = verifier.health().trouble.unwrap();
    assert!(trouble.ends_with("not trusted; name what it is signed by with `ca_file`"), "{trouble}");
    assert_eq!(server.asked(), [""; 0]);
}

#[tokio::test]
async fn a_file_without_certificates_is_refused() {
    let config =
        IssuerConfig { ca_file: Some(file("key.pem")), ..IssuerConfig::new("https://127.0.0.1:1", "forethought") };
    let error = Verifier::start(&config).unwrap_err().to_string();
    assert!(error.contains("key.pem holds no certificate"), "{error}");
}
