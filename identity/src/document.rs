//! What an issuer tells about itself (`OpenID` Connect Discovery 1.0, section 3).

use reqwest::Url;
use serde_json::Value;

use crate::{address, json, quote::quoted};

/// Such documents hold lists and a few objects.
const MAX_DEPTH: u8 = 32;

/// The address of an issuer's keys, as its document names it; the error is what is wrong with the document.
pub(crate) fn keys_address(text: &[u8], issuer: &str, asked: &Url) -> Result<Url, String> {
    let members =
        json::object(text, MAX_DEPTH).map_err(|error| format!("the discovery document is not sound: {error}"))?;
    let of = |name: &str| members.get(name).and_then(Value::as_str);
    // Else one issuer's document could be passed off as another's (section 4.3).
    if of("issuer") != Some(issuer) {
        let named = of("issuer").map_or_else(|| "none".to_owned(), quoted);
        return Err(format!("the discovery document is of the issuer {named}; configure that one if it is right"));
    }
    let address = of("jwks_uri").ok_or("the discovery document has no `jwks_uri`; name it with `jwks_url`")?;
    address::named_by(asked, address).map_err(|why| format!("the issuer's `jwks_uri` {} {why}", quoted(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let asked = Url::parse("https://id.example/.well-known/openid-configuration").unwrap();
        match (keys_address(text.as_bytes(), "https://id.example", &asked), expected) {
            (Ok(url), Ok(expected)) => assert_eq!(url.as_str(), expected),
            (Err(why), Err(expected)) => assert!(why.contains(expected), "{text}: {why}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }

    #[test]
    fn only_the_configured_issuer_names_its_keys() {
        let text =
            |issuer: &str, keys: &str| format!("{{\"issuer\": \"{issuer}\", \"jwks_uri\": \"{keys}\", \"a\": [1]}}");
        check(&text("https://id.example", "https://k.example/k"), Ok("https://k.example/k"));
        check(&text("https://id.example/", "https://k.example/k"), Err("of the issuer \"https://id.example/\""));
        check(&text("https://evil.example", "https://k.example/k"), Err("of the issuer"));
        check(&text("https://id.example", "http://k.example/k"), Err("neither https"));
        check(&text("https://id.example", "http://127.0.0.1/k"), Err("not https as the issuer's own"));
        check(&text("https://id.example", "file:///k"), Err("neither https"));
        check("{\"issuer\": \"https://id.example\"}", Err("no `jwks_uri`"));
        check("{\"jwks_uri\": \"https://k.example/k\"}", Err("issuer none"));
        check("{\"issuer\": \"https://id.example\", \"issuer\": \"https://id.example\"}", Err("twice"));
        check("<html>", Err("not sound"));
    }
}
