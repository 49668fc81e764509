//! What passes a guard, by its address and by what its name leads to.

use std::sync::Mutex;

use super::*;

/// Answers in turns, and then nothing.
struct Turns(Mutex<Vec<Vec<&'static str>>>);

impl Lookup for Turns {
    fn lookup(&self, _host: String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        let mut turns = self.0.lock().unwrap();
        let turn = if turns.is_empty() { Vec::new() } else { turns.remove(0) };
        Box::pin(async move { Ok(turn.into_iter().map(|address| address.parse().unwrap()).collect()) })
    }
}

fn guard(url: &str, allowed: &[&str], turns: &[&[&'static str]]) -> Result<Guard, Refused> {
    let allowed: Vec<Range> = allowed.iter().map(|range| range.parse().unwrap()).collect();
    let lookup = Turns(Mutex::new(turns.iter().map(|turn| turn.to_vec()).collect()));
    Guard::with_lookup(&Url::parse(url).unwrap(), false, &allowed, Arc::new(lookup))
}

#[test]
fn addresses_are_judged_before_anything_is_asked() {
    let check = |url: &str, allowed: &[&str], expected: &str| match guard(url, allowed, &[]) {
        Ok(_) => assert_eq!(expected, "", "{url}"),
        Err(why) => assert!(!expected.is_empty() && why.to_string().contains(expected), "{url}: {why}"),
    };
    check("https://mcp.example/mcp", &[], "");
    check("https://8.8.8.8/", &[], "");
    check("http://mcp.example/mcp", &[], "not encrypted");
    check("ftp://mcp.example/", &[], "no address");
    check("file:///etc/passwd", &[], "no address");
    check("https://a:b@mcp.example/", &[], "password");
    // All of these are 127.0.0.1.
    for url in
        ["https://127.0.0.1/", "https://127.1/", "https://0x7f000001/", "https://2130706433/", "https://0177.0.0.1/"]
    {
        check(url, &[], "this machine itself");
        check(url, &["127.0.0.0/8"], "");
    }
    check("https://[::1]/", &[], "this machine itself");
    check("https://[::ffff:169.254.169.254]/", &[], "on this wire alone");
    check("https://169.254.169.254/latest/meta-data", &["10.0.0.0/8"], "on this wire alone");
}

#[tokio::test]
async fn names_pass_only_where_all_their_addresses_pass() {
    let check = async |allowed: &[&str], turn: &[&'static str], expected: &str| {
        let guard = guard("https://mcp.example/", allowed, &[turn]).unwrap();
        match guard.resolve("MCP.example").await {
            Ok(found) => assert!(expected.is_empty() && found.len() == turn.len(), "{turn:?}"),
            Err(why) => assert!(!expected.is_empty() && why.to_string().contains(expected), "{turn:?}: {why}"),
        }
    };
    check(&[], &["8.8.8.8", "2606:4700::1111"], "").await;
    check(&[], &["127.0.0.1"], "this machine itself").await;
    check(&[], &["8.8.8.8", "10.0.0.1"], "a private network").await;
    check(&["10.0.0.0/8"], &["8.8.8.8", "10.0.0.1"], "").await;
    check(&["10.0.0.0/8"], &["192.168.0.1"], "a private network").await;
    check(&[], &["::ffff:127.0.0.1"], "this machine itself").await;
    check(&[], &[], "0 addresses").await;
    check(&[], &["8.8.8.8"; 65], "65 addresses").await;
}

#[tokio::test]
async fn another_host_is_refused_and_each_connection_is_judged_anew() {
    let guard = guard("https://mcp.example/", &[], &[&["8.8.8.8"], &["127.0.0.1"]]).unwrap();
    assert!(matches!(guard.resolve("evil.example").await, Err(Refused::Host(_))));
    assert_eq!(guard.resolve("mcp.example").await, Ok(vec!["8.8.8.8".parse().unwrap()]));
    assert!(matches!(guard.resolve("mcp.example").await, Err(Refused::Range { why: Why::Loopback, .. })));
}
