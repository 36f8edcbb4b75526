//! The proxy of the environment, chosen as curl chooses it for an https URL.

use std::net::IpAddr;

use ureq::{Proxy, ProxyProtocol};

use crate::base_url::{BaseUrl, host_and_port};
use crate::key::not_a_value;
use crate::text;

/// In the order in which they are considered. `HTTP_PROXY` is not for https.
const VARIABLES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
const EXEMPTIONS: [&str; 2] = ["no_proxy", "NO_PROXY"];
/// curl's default for a proxy that is reached by plain http.
const DEFAULT_PORT: u16 = 1080;

/// A proxy, and the variable that names it.
pub(super) struct Chosen {
    pub(super) proxy: Proxy,
    pub(super) variable: &'static str,
}

/// The proxy to use. An error if the variables name only unusable ones: a user who sets them does not want them bypassed.
pub(super) fn from_env(base_url: &BaseUrl) -> Result<Option<Chosen>, String> {
    // Plain http is for this machine, which no proxy can reach, and it would show the proxy the key.
    if base_url.is_plain() {
        return Ok(None);
    }
    choose(base_url.host(), |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
}

/// The first usable proxy; an error if there are only others.
fn choose(host: &str, value: impl Fn(&str) -> Option<String>) -> Result<Option<Chosen>, String> {
    let value = |name: &str| value(name).filter(|value| !value.is_empty());
    if EXEMPTIONS.into_iter().find_map(value).is_some_and(|list| is_exempt(host, &list)) {
        return Ok(None);
    }
    let mut first_problem = None;
    for variable in VARIABLES {
        match value(variable).map(|url| parse(&url)) {
            Some(Ok(proxy)) => return Ok(Some(Chosen { proxy, variable })),
            Some(Err(problem)) => {
                first_problem.get_or_insert_with(|| format!("{variable} {problem}"));
            }
            None => {}
        }
    }
    first_problem.map_or(Ok(None), Err)
}

/// Parses `[http[s]://][user[:password]@]host[:port][/]`. An error does not contain the value, which may have a password.
fn parse(url: &str) -> Result<Proxy, &'static str> {
    const MALFORMED: &str = "has a malformed host or port; expected http://[user:password@]host:port";
    if let Some(problem) = not_a_value(url) {
        return Err(problem);
    }
    match url.chars().find(|c| c.is_whitespace() || c.is_control()) {
        Some(' ') => return Err("contains a blank; in a user name or password, percent-encode it (%20)"),
        Some(_) => return Err("contains a tab, a line break or another control character; is the value complete?"),
        None => {}
    }
    if url.contains('\u{fffd}') {
        return Err("is not UTF-8");
    }
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let protocol = match scheme.to_ascii_lowercase().as_str() {
        "http" => ProxyProtocol::Http,
        "https" => ProxyProtocol::Https,
        scheme if scheme.starts_with("socks") => {
            return Err("is a SOCKS proxy, and only HTTP and HTTPS proxies are supported");
        }
        _ => return Err("has a scheme that is neither http nor https"),
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (credentials, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    // Otherwise a part of the password would be taken for the host.
    if path.contains('@') {
        return Err("has a /, ? or # in its user name or password; percent-encode it (%2F, %3F, %23)");
    }
    if credentials.is_some_and(|credentials| credentials.contains('@')) {
        return Err("has an @ in its user name or password; percent-encode it (%40)");
    }
    let (host, port) = host_and_port(host.strip_suffix(':').unwrap_or(host)).ok_or(MALFORMED)?;
    let default_port = if protocol == ProxyProtocol::Http { DEFAULT_PORT } else { 443 };
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let mut builder = Proxy::builder(protocol).host(&host).port(port.unwrap_or(default_port));
    if let Some(credentials) = credentials {
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        let decoded = |text| {
            let text =
                String::from_utf8(text::percent_decoded(text)).ok().filter(|text| !text.contains(char::is_control));
            text.ok_or("has a user name or password that percent-decodes to control characters or no UTF-8")
        };
        builder = builder.username(&decoded(user)?).password(&decoded(password)?);
    }
    builder.build().map_err(|_| MALFORMED)
}

/// Whether `list` exempts `host`: names with all below them, addresses, ranges of addresses, or `*` for everything.
fn is_exempt(host: &str, list: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let address = host.parse::<IpAddr>();
    let is_it = |entry: &str| match &address {
        Ok(address) => contains(entry, *address),
        Err(_) => is_at_or_below(entry, host),
    };
    list == "*" || list.split(|c: char| c == ',' || c.is_whitespace()).any(is_it)
}

fn is_at_or_below(domain: &str, host: &str) -> bool {
    let domain = domain.strip_prefix('.').unwrap_or(domain);
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let Some(start) = host.len().checked_sub(domain.len()) else { return false };
    let below = host.get(..start).unwrap_or_default();
    !domain.is_empty()
        && host.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(domain))
        && (below.is_empty() || below.ends_with('.'))
}

/// Whether `network`, an address or a range such as `10.0.0.0/8`, contains `address`.
fn contains(network: &str, address: IpAddr) -> bool {
    let (network, bits) = network.split_once('/').map_or((network, None), |(network, bits)| (network, Some(bits)));
    let (Ok(network), Ok(bits)) = (network.trim_matches(['[', ']']).parse(), bits.map(str::parse::<u32>).transpose())
    else {
        return false;
    };
    let (difference, width) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => (u128::from(network.to_bits() ^ address.to_bits()), 32),
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits() ^ address.to_bits(), 128),
        _ => return false,
    };
    let Some(variable) = u32::checked_sub(width, bits.unwrap_or(width)) else { return false };
    difference.checked_shr(variable).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let value =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        choose("h.example.com", value).map(|chosen| {
            chosen.map(|Chosen { proxy, variable }| format!("{variable} {}:{}", proxy.host(), proxy.port()))
        })
    }

    #[test]
    fn the_first_variable_with_a_usable_proxy_counts() {
        for (variables, expected) in [
            (&[("https_proxy", "a:1"), ("HTTPS_PROXY", "b:1"), ("all_proxy", "c:1")][..], Some("https_proxy a:1")),
            (&[("https_proxy", ""), ("HTTPS_PROXY", "b:1"), ("all_proxy", "c:1")], Some("HTTPS_PROXY b:1")),
            (&[("ALL_PROXY", "d:1"), ("all_proxy", "c:1")], Some("all_proxy c:1")),
            (&[("https_proxy", "socks5://a:1"), ("ALL_PROXY", "d:1")], Some("ALL_PROXY d:1")),
            (&[("https_proxy", " "), ("HTTPS_PROXY", "x y"), ("all_proxy", "c:1")], Some("all_proxy c:1")),
            (&[("HTTP_PROXY", "e:1"), ("http_proxy", "e:1")], None),
            (&[("https_proxy", "a:1"), ("NO_PROXY", "x, example.com")], None),
            (&[("https_proxy", "a:1"), ("no_proxy", "x"), ("NO_PROXY", "example.com")], Some("https_proxy a:1")),
            (&[("https_proxy", "a:1"), ("no_proxy", ""), ("NO_PROXY", "example.com")], None),
            (&[("https_proxy", "nonsense://"), ("no_proxy", "*")], None),
            (&[], None),
        ] {
            assert_eq!(chosen(variables), Ok(expected.map(str::to_owned)), "{variables:?}");
        }
        let problem = chosen(&[("HTTPS_PROXY", "socks5://a:1"), ("ALL_PROXY", "x y")]).unwrap_err();
        assert!(problem.starts_with("HTTPS_PROXY is a SOCKS proxy"), "{problem}");
    }

    #[test]
    fn a_proxy_is_parsed_as_curl_does_it() {
        for (url, host, port, user, password) in [
            ("127.0.0.1:8080/", "127.0.0.1", 8080, None, None),
            ("proxy", "proxy", 1080, None, None),
            ("http://proxy:", "proxy", 1080, None, None),
            ("HTTP://proxy:3128/x?y#z", "proxy", 3128, None, None),
            ("https://proxy", "proxy", 443, None, None),
            ("http://[::1]:9", "[::1]", 9, None, None),
            ("joe:pw@proxy:9", "proxy", 9, Some("joe"), Some("pw")),
            (r"http://CORP\joe:pw@proxy:9", "proxy", 9, Some(r"CORP\joe"), Some("pw")),
            ("http://jo%40e:p%2Fw@proxy:9", "proxy", 9, Some("jo@e"), Some("p/w")),
            ("http://joe:p[w:ü100%@proxy:9", "proxy", 9, Some("joe"), Some("p[w:ü100%")),
            ("http://joe@proxy:9", "proxy", 9, Some("joe"), Some("")),
        ] {
            let proxy = parse(url).unwrap_or_else(|problem| panic!("{url}: {problem}"));
            assert_eq!((proxy.host(), proxy.port()), (host, port), "{url}");
            assert_eq!((proxy.username(), proxy.password()), (user, password), "{url}");
        }
    }

    #[test]
    fn an_unusable_proxy_is_described_without_showing_it() {
        for (url, problem) in [
            ("http://joe:se@cret9/x@proxy:3128", "%2F"),
            ("http://joe:p?cret9@proxy:3128", "%3F"),
            ("http://joe:p#cret9@proxy:3128", "%23"),
            ("http://joe:se@cret9@proxy:3128", "%40"),
            ("http://joe:se cret9@proxy:3128", "%20"),
            ("http://joe:se\tcret9@proxy:3128", "control"),
            ("http://joe:cret9@proxy:3128\n", "newline"),
            (" http://joe:cret9@proxy:3128", "whitespace"),
            ("\"http://joe:cret9@proxy:3128\"", "quotes"),
            ("$(cret9)", "placeholder"),
            ("socks5h://joe:cret9@proxy:3128", "SOCKS"),
            ("cret9://proxy:3128", "scheme"),
            ("http://joe:cret9@proxy:99999", "port"),
            ("http://joe:cret9", "port"),
            ("http://joe:cret9@", "host"),
            ("http://", "host"),
            ("//cret9", "host"),
            ("http://joe:%ffcret9@proxy:1", "UTF-8"),
            ("http://joe:%0acret9@proxy:1", "control"),
            ("http://joe:\u{fffd}cret9@proxy:1", "UTF-8"),
        ] {
            let said = parse(url).unwrap_err();
            assert!(said.contains(problem) && !said.contains("cret9"), "{url}: {said}");
        }
    }

    #[test]
    fn a_host_is_exempt_by_its_name_its_domain_or_its_network() {
        for (host, list) in [
            ("a.test", "x, a.test"),
            ("a.test", "x a.test"),
            ("a.test", "x\ta.test"),
            ("a.test", ",,A.TEST"),
            ("a.test", ".a.test"),
            ("a.test", "a.test."),
            ("a.test.", "a.test"),
            ("b.a.test", "a.test"),
            ("b.a.test", ".a.test"),
            ("a.test", "test"),
            ("a.test", "*"),
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1", "10.0.0.0/8,127.0.0.0/9"),
            ("127.0.0.1", "127.0.0.1/32"),
            ("::1", "::1"),
            ("::1", "[::1]"),
            ("::1", "0:0::1"),
            ("fd00::1", "fd00::/8"),
        ] {
            assert!(is_exempt(host, list), "{host} {list}");
        }
        for (host, list) in [
            ("a.test", ""),
            ("a.test", "ba.test"),
            ("ba.test", "a.test"),
            ("a.test", "*.test"),
            ("a.test", "*, x"),
            ("a.test", "a.test:443"),
            ("a.test", "a.test;x"),
            ("a.test", "."),
            ("127.0.0.1", "0.0.1"),
            ("127.0.0.1", "127."),
            ("127.0.0.1", ".127.0.0.1"),
            ("127.0.0.1", "127.0.0.0/33"),
            ("127.0.0.1", "127.0.0.0/x"),
            ("127.0.0.1", "128.0.0.0/1"),
            ("127.0.0.1", "::1"),
            ("::1", "::2/127"),
        ] {
            assert!(!is_exempt(host, list), "{host} {list}");
        }
    }
}
