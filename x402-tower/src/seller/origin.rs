use http::Uri;

use crate::redacted::redacted;
use crate::till::Origin;

/// The public URL of a server, checked: scheme and authority, and perhaps a path that a proxy takes off.
pub(super) fn parse(url: &str) -> Result<Origin, String> {
    let wrong = |why: &str| format!("`{}` is no public URL: {why}", redacted(url));
    let uri: Uri = url.parse().map_err(|error| wrong(&format!("{error}")))?;
    match uri.scheme_str() {
        Some("https" | "http") => {}
        _ => return Err(wrong("it does not begin with `https://`")),
    }
    let Some(authority) = uri.authority() else {
        return Err(wrong("it has no host"));
    };
    if authority.as_str().contains('@') {
        return Err(wrong("it holds a user name"));
    }
    if uri.query().is_some() || url.contains('#') {
        return Err(wrong("it goes on behind the path"));
    }
    Ok(Origin::Fixed(url.trim_end_matches('/').into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_an_origin_and_perhaps_a_path() {
        for (url, origin) in [
            ("https://api.example.com", "https://api.example.com"),
            ("https://api.example.com/", "https://api.example.com"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("https://example.com/api/v1/", "https://example.com/api/v1"),
        ] {
            let Ok(Origin::Fixed(parsed)) = parse(url) else {
                panic!("{url}")
            };
            assert_eq!(&*parsed, origin);
        }
        for url in [
            "",
            "api.example.com",
            "/api",
            "ftp://example.com",
            "https://",
            "https://a b",
            "https://u:p@example.com",
            "https://example.com?a",
            "https://example.com/#a",
            "https://example.com/#",
        ] {
            assert!(parse(url).is_err(), "{url}");
        }
    }
}
