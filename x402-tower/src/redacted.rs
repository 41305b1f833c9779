/// An address without what may be a secret in it, for errors: neither name nor password nor query.
pub(crate) fn redacted(url: &str) -> String {
    let scheme = url
        .find("://")
        .filter(|&end| !url[..end].contains('@'))
        .map_or(0, |end| end + 3);
    let (scheme, rest) = url.split_at(scheme);
    // With an `@` in its query, what is shown begins in the middle of the query, and has to end there too.
    let (hidden, shown, ends) = match rest.rfind('@') {
        Some(at) => ("…", &rest[at..], &['/', '?', '#', '&'][..]),
        None => ("", rest, &['?', '#'][..]),
    };
    match shown.find(ends) {
        Some(end) => format!("{scheme}{hidden}{}…", &shown[..=end]),
        None => format!("{scheme}{hidden}{shown}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        for (url, shown) in [
            ("https://a.example/b", "https://a.example/b"),
            ("a.example", "a.example"),
            ("", ""),
            ("https://me:pass@a.example", "https://…@a.example"),
            ("https://me:p@ss@a.example/b", "https://…@a.example/…"),
            ("https://me:p?ss@a.example", "https://…@a.example"),
            ("me:pass@a.example", "…@a.example"),
            ("me@a://b", "…@a:/…"),
            ("https://a.example/b?key=1", "https://a.example/b?…"),
            ("https://a.example/b#key", "https://a.example/b#…"),
            ("https://a.example/?mail=me@b&key=1", "https://…@b&…"),
        ] {
            assert_eq!(redacted(url), shown);
        }
    }
}
