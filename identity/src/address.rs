//! Where keys may come from: over https, or from this machine.

use std::net::IpAddr;

use reqwest::Url;

/// An address from which keys may be fetched; the error is what is wrong with it, and the mend.
pub(crate) fn trusted(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is no address of a web server; write one that begins with `https://`")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user's name or password, which may get into logs; remove it");
    }
    if url.fragment().is_some() {
        return Err("holds a `#`; remove it and what follows");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here(&url) => Ok(url),
        _ => Err("is neither https nor on this machine (http://127.0.0.1, http://[::1], http://localhost); use https"),
    }
}

/// Whether the host is this machine. Names that merely resolve to it do not count: whoever answers for names could lie.
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Where an issuer tells about itself (`OpenID` Connect Discovery 1.0, section 4).
pub(crate) fn discovery(issuer: &str) -> Result<Url, &'static str> {
    let url = trusted(issuer)?;
    if url.query().is_some() {
        return Err("holds a `?`, so it tells no address of its keys; name it with `jwks_url`");
    }
    trusted(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))
}

/// The address of keys that an issuer names. An issuer that is asked over https cannot send us to this machine by http.
pub(crate) fn named_by(issuer: &Url, text: &str) -> Result<Url, &'static str> {
    let url = trusted(text)?;
    if issuer.scheme() == "https" && url.scheme() != "https" {
        return Err("is not https as the issuer's own; name it with `jwks_url` if it is right");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        match (trusted(text), expected) {
            (Ok(url), Ok(expected)) => assert_eq!(url.as_str(), expected),
            (Err(why), Err(expected)) => assert!(why.contains(expected), "{text}: {why}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }

    #[test]
    fn https_and_this_machine_are_trusted() {
        check("https://id.example/keys?v=1", Ok("https://id.example/keys?v=1"));
        for here in ["http://127.0.0.1:80/", "http://127.9.9.9/", "http://[::1]:9/", "http://localhost:8080/"] {
            check(here, Ok(Url::parse(here).unwrap().as_str()));
        }
    }

    #[test]
    fn all_else_is_not() {
        for text in ["http://id.example/", "http://127.0.0.1.example/", "http://localhost.example/", "http://10.0.0.1/"]
        {
            check(text, Err("neither https"));
        }
        for text in ["http://0.0.0.0/", "http://[::]/", "ftp://127.0.0.1/", "file:///etc/passwd", "http://localhost./"]
        {
            check(text, Err("neither https"));
        }
        check("https://user:secret@id.example/", Err("password"));
        check("https://127.0.0.1@id.example/", Err("password"));
        check("https://id.example/#a", Err("`#`"));
        check("id.example", Err("no address"));
    }

    #[test]
    fn an_issuer_tells_at_the_address_of_the_standard() {
        let of = |issuer| discovery(issuer).map(String::from);
        assert_eq!(of("https://id.example"), Ok("https://id.example/.well-known/openid-configuration".to_owned()));
        assert_eq!(of("https://id.example/a/"), Ok("https://id.example/a/.well-known/openid-configuration".to_owned()));
        assert!(of("https://id.example/?a=b").is_err());
    }

    #[test]
    fn https_does_not_lead_to_http() {
        let (far, here) = (Url::parse("https://id.example").unwrap(), Url::parse("http://127.0.0.1:1").unwrap());
        assert!(named_by(&far, "http://127.0.0.1:2/keys").is_err());
        assert!(named_by(&here, "http://127.0.0.1:2/keys").is_ok());
        assert!(named_by(&here, "http://id.example/keys").is_err());
        assert!(named_by(&far, "https://keys.example/keys").is_ok());
    }
}
