//! Where events may be sent to.

use std::net::IpAddr;

use url::Url;

/// An address that events may be sent to: over https, or to this machine, or over plain http where that is allowed. The error is
/// what is wrong with it, and the mend.
///
/// # Errors
/// What is wrong, and the mend.
pub fn address(text: &str, allow_http: bool) -> Result<Url, (&'static str, &'static str)> {
    let url =
        Url::parse(text).map_err(|_| ("is no address of a web server", "write one that begins with `https://`"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err((
            "holds a user's name or password, which may get into logs",
            "remove it; the signature tells who sends",
        ));
    }
    if url.fragment().is_some() {
        return Err(("holds a `#`, which is never sent", "remove it and what follows"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if allow_http || is_here(&url) => Ok(url),
        "http" => {
            Err(("is not https", "use https, or set `allow_http: true` where everybody on the way may read along"))
        }
        _ => Err(("is neither https nor http", "write one that begins with `https://`")),
    }
}

/// Whether the host is this machine. Names that merely resolve to it do not count: whoever answers for names could lie.
#[must_use]
pub fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(url::Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_this_machine_are_taken_and_plain_http_where_it_is_allowed() {
        let check =
            |text: &str, allow_http: bool, expected: Result<(), &str>| match (address(text, allow_http), expected) {
                (Ok(_), Ok(())) => {}
                (Err((why, _)), Err(part)) => assert!(why.contains(part), "{text}: {why}"),
                (found, _) => panic!("{text}: {found:?}"),
            };
        for text in ["https://hooks.example/x?y=1", "http://127.0.0.1:1/", "http://[::1]/", "http://localhost:80/a"] {
            check(text, false, Ok(()));
        }
        check("http://hooks.example/", false, Err("not https"));
        check("http://hooks.example/", true, Ok(()));
        check("http://localhost.example/", false, Err("not https"));
        check("http://0.0.0.0/", false, Err("not https"));
        check("file:///etc/passwd", true, Err("neither"));
        check("ftp://127.0.0.1/", true, Err("neither"));
        check("https://user:secret@hooks.example/", false, Err("password"));
        check("https://hooks.example/#a", false, Err("`#`"));
        check("hooks.example", false, Err("no address"));
        check("", false, Err("no address"));
    }
}
