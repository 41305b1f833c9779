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

/// The beginning of a text that somebody else has written, for logs. It may repeat a payment, which can be spent by whoever
/// reads it until it is settled: whatever is long enough to be a signature is left out.
pub(crate) fn excerpt(text: &str) -> String {
    let is_sign = |c: char| c.is_ascii_alphanumeric() || "+/-_=".contains(c);
    let text: String = text.chars().take(LONGEST_EXCERPT).collect();
    let words = text.split_inclusive(|c| !is_sign(c)).flat_map(|word| {
        let behind = word.trim_start_matches(is_sign);
        let signs = &word[..word.len() - behind.len()];
        let is_short = signs.len() <= LONGEST_WORD;
        [if is_short { signs } else { "…" }, behind]
    });
    words.collect()
}

const LONGEST_EXCERPT: usize = 200;

/// Addresses are shorter than this, and signatures longer.
const LONGEST_WORD: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_signature_is_not_shown() {
        let address = format!("0x{}", "a".repeat(40));
        let hex = format!("0x{}", "b".repeat(60));
        let base64 = format!("{}/+==", "c".repeat(60));
        let text = format!("from {address}: \"{hex}\" é {base64}!");
        assert_eq!(excerpt(&text), format!("from {address}: \"…\" é …!"));
        assert_eq!(excerpt(""), "");
        assert_eq!(excerpt(&hex), "…");
        assert_eq!(excerpt(&"é ".repeat(1000)), "é ".repeat(100));
    }

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
