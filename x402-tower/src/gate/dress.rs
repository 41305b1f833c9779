//! What a paid answer wears: nothing that lets a shared cache give it away.

use http::header::{self, Entry};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::cors;

/// Makes an answer private, and readable for programs in pages.
pub(super) fn make_private(headers: &mut HeaderMap) {
    if headers.keys().any(is_for_shared_caches) {
        remove_for_shared_caches(headers);
    }
    headers.append(header::ACCESS_CONTROL_EXPOSE_HEADERS, cors::EXPOSED);
    match headers.entry(header::CACHE_CONTROL) {
        Entry::Vacant(none) => {
            none.insert(PRIVATE);
        }
        Entry::Occupied(mut said) => {
            let private = privately(said.iter()).unwrap_or(UNREADABLE);
            said.insert(private);
        }
    }
}

/// Whether a header is to shared caches what `Cache-Control` is to all, and comes first for them: those of RFC 9213, and what
/// there was before it.
fn is_for_shared_caches(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.ends_with("-cache-control")
        || matches!(
            name,
            "edge-control" | "surrogate-control" | "x-accel-expires"
        )
}

#[cold]
fn remove_for_shared_caches(headers: &mut HeaderMap) {
    let names: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_for_shared_caches(name))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}

const PRIVATE: HeaderValue = HeaderValue::from_static("private");
const UNREADABLE: HeaderValue = HeaderValue::from_static("private, no-store");

/// The same directives, of all lines, without those that invite shared caches; nothing if they are not text.
fn privately<'a>(values: impl Iterator<Item = &'a HeaderValue>) -> Option<HeaderValue> {
    let mut kept = vec!["private"];
    for value in values {
        let directives = directives(value.to_str().ok()?).map(str::trim);
        kept.extend(directives.filter(|directive| {
            let name = directive.split('=').next().unwrap_or_default();
            !directive.is_empty()
                && !["public", "s-maxage", "private"]
                    .iter()
                    .any(|inviting| name.trim_end().eq_ignore_ascii_case(inviting))
        }));
    }
    HeaderValue::from_str(&kept.join(", ")).ok()
}

/// Splits at commas, but not at those in quotes, where a directive lists names of headers.
fn directives(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    value.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

/// What an answer says about who may ask, and how.
pub(super) fn about_asking(headers: &HeaderMap) -> HeaderMap {
    let about = |name: &HeaderName| {
        name.as_str().starts_with("access-control-")
            || [
                header::ALLOW,
                header::CACHE_CONTROL,
                header::DATE,
                header::VARY,
            ]
            .contains(name)
    };
    headers
        .iter()
        .filter(|(name, _)| about(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The headers that belong to an answer and not to the connection or the client that it was given to.
pub(super) fn end_to_end(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    let says_more = has_rare(headers, &header::CONNECTION);
    let is_left = move |name: &HeaderName| {
        is_passing(name) || says_more && is_named_by_connection(headers, name)
    };
    headers.iter().filter(move |(name, _)| !is_left(name))
}

/// Whether there is a header that is hardly ever there: to look through the names costs less than to look it up.
pub(super) fn has_rare(headers: &HeaderMap, rare: &HeaderName) -> bool {
    headers.keys().any(|name| name == rare)
}

/// Whether a header is of the connection or of the client. Texts are told apart by their lengths, at the cost of one name.
fn is_passing(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            // Servers know it, whatever the handler has said.
            | "content-length"
            | "keep-alive"
            | "proxy-authenticate"
            | "set-cookie"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

fn is_named_by_connection(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(header::CONNECTION).iter().any(|value| {
        value.to_str().is_ok_and(|names| {
            names
                .split(',')
                .any(|named| named.trim().eq_ignore_ascii_case(name.as_str()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_shared_cache_keeps_a_paid_answer() {
        for (given, made) in [
            ("public, max-age=60", "private, max-age=60"),
            ("max-age=60, S-MaxAge=10", "private, max-age=60"),
            ("no-store", "private, no-store"),
            ("private", "private"),
            ("", "private"),
            ("private=\"a, b\", max-age=1", "private, max-age=1"),
            ("no-cache=\"a, public\"", "private, no-cache=\"a, public\""),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(given));
            make_private(&mut headers);
            assert_eq!(headers[header::CACHE_CONTROL], made);
        }
        let mut headers = HeaderMap::new();
        make_private(&mut headers);
        assert_eq!(headers[header::CACHE_CONTROL], "private");
        let mut headers = HeaderMap::new();
        headers.append(header::CACHE_CONTROL, HeaderValue::from_static("public"));
        headers.append(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        make_private(&mut headers);
        let all: Vec<_> = headers.get_all(header::CACHE_CONTROL).iter().collect();
        assert_eq!(all, ["private, no-store"]);
        // Who knows what that was to say.
        let unreadable = HeaderValue::from_bytes(b"max-age=60, \xff").unwrap();
        headers.insert(header::CACHE_CONTROL, unreadable);
        make_private(&mut headers);
        assert_eq!(headers[header::CACHE_CONTROL], "private, no-store");
        // Some have a word of their own, which counts more for them.
        let mut headers = HeaderMap::new();
        for name in [
            "cdn-cache-control",
            "cloudflare-cdn-cache-control",
            "edge-control",
            "surrogate-control",
            "x-accel-expires",
        ] {
            for value in ["max-age=60", "60"] {
                headers.append(name, HeaderValue::from_static(value));
            }
        }
        make_private(&mut headers);
        headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
        assert_eq!(
            (headers.len(), &headers[header::CACHE_CONTROL]),
            (1, &PRIVATE)
        );
    }

    #[test]
    fn a_question_is_answered_and_nothing_else() {
        let about = ["access-control-allow-origin", "allow", "date", "vary"];
        let mut headers = HeaderMap::new();
        for name in about.into_iter().chain(["location", "set-cookie", "x-own"]) {
            headers.insert(name, HeaderValue::from_static("said"));
        }
        let mut left: Vec<_> = about_asking(&headers).into_iter().collect();
        left.sort_by_key(|(name, _)| name.as_ref().map(HeaderName::to_string));
        let said = HeaderValue::from_static("said");
        let said = about.map(|name| (Some(HeaderName::from_static(name)), said.clone()));
        assert_eq!(left, said);
    }

    #[test]
    fn what_is_the_connections_is_not_kept() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, x-hop"),
            ("content-length", "3"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-authenticate", "Basic"),
            ("set-cookie", "a=b"),
            ("te", "trailers"),
            ("trailer", "x-sum"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("etag", "\"1\""),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let kept: Vec<_> = end_to_end(&headers).collect();
        assert_eq!(kept, [(&header::ETAG, &headers[header::ETAG])]);
    }
}
