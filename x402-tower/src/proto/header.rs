//! Messages in header fields: base64 of JSON, bounded before anything is decoded.

use std::borrow::Cow;
use std::fmt;
use std::str::Utf8Error;

use http::HeaderName;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::base64;
use super::read::{ReadError, is_plain};

/// What a server asks for, in version 2.
pub const PAYMENT_REQUIRED: HeaderName = HeaderName::from_static("payment-required");
/// A payment of version 2.
pub const PAYMENT_SIGNATURE: HeaderName = HeaderName::from_static("payment-signature");
/// The receipt of a payment of version 2.
pub const PAYMENT_RESPONSE: HeaderName = HeaderName::from_static("payment-response");
/// A payment of version 1.
pub const X_PAYMENT: HeaderName = HeaderName::from_static("x-payment");
/// The receipt of a payment of version 1.
pub const X_PAYMENT_RESPONSE: HeaderName = HeaderName::from_static("x-payment-response");

/// How many bytes of a payment header are read at the most, unless a seller says otherwise.
pub const DEFAULT_LIMIT: usize = 16 * 1024;

/// How deeply the JSON of a message may be nested.
pub const MOST_DEPTH: usize = 32;

/// The message as the value of a header: standard base64 with padding.
///
/// ```
/// use x402_tower::proto::header;
///
/// let value = header::encode(&serde_json::json!({ "x402Version": 2 }))?;
/// assert_eq!(value, "eyJ4NDAyVmVyc2lvbiI6Mn0=");
/// # Ok::<_, serde_json::Error>(())
/// ```
pub fn encode(message: &impl Serialize) -> Result<String, serde_json::Error> {
    let json = serde_json::to_vec(message)?;
    let mut value = Vec::new();
    base64::encode(&mut value, &json);
    Ok(String::from_utf8_lossy(&value).into_owned())
}

/// The message in the value of a header: base64 of either alphabet, with or without padding.
///
/// ```
/// use x402_tower::proto::{SettleResponse, header};
///
/// let receipt: SettleResponse = header::decode(b"eyJzdWNjZXNzIjp0cnVlfQ", header::DEFAULT_LIMIT)?;
/// assert!(receipt.success);
/// # Ok::<_, header::HeaderError>(())
/// ```
pub fn decode<T: DeserializeOwned>(value: &[u8], limit: usize) -> Result<T, HeaderError> {
    let json = decode_json(value, limit)?;
    serde_json::from_slice(&json).map_err(HeaderError::json)
}

/// What is in the value of a header, if that is within the limit.
pub(crate) fn decode_bytes(value: &[u8], limit: usize) -> Result<Vec<u8>, HeaderError> {
    if value.len() > limit {
        return Err(HeaderError(Kind::TooLarge { limit }));
    }
    base64::decode(value).ok_or(HeaderError(Kind::Base64))
}

/// The JSON in the value of a header: not too deep for any parser, but not read yet.
fn decode_json(value: &[u8], limit: usize) -> Result<Vec<u8>, HeaderError> {
    let json = decode_bytes(value, limit)?;
    if is_deeper_than(&json, MOST_DEPTH) {
        return Err(HeaderError(Kind::Depth));
    }
    Ok(json)
}

/// Text as it stands inside of a JSON string.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    // Without a way out before the end, compilers make vector instructions of this.
    if text.bytes().fold(true, |all, byte| all & is_plain(byte)) {
        return Cow::Borrowed(text);
    }
    // Text always has a spelling in JSON.
    let mut quoted = serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned());
    quoted.pop();
    quoted.remove(0);
    Cow::Owned(quoted)
}

/// Whether brackets nest deeper than this, outside of strings.
pub(crate) fn is_deeper_than(json: &[u8], most: usize) -> bool {
    // Nearly always there are not even that many brackets, and counting them is far cheaper than following them.
    if count_brackets(json) <= most {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in json {
        match (in_string, escaped, byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (true, false, b'"') => in_string = false,
            (true, false, _) => {}
            (false, _, b'"') => in_string = true,
            (false, _, b'{' | b'[') => {
                depth += 1;
                if depth > most {
                    return true;
                }
            }
            (false, _, b'}' | b']') => depth = depth.saturating_sub(1),
            (false, _, _) => {}
        }
    }
    false
}

fn count_brackets(json: &[u8]) -> usize {
    // In chunks whose counts fit a byte, which compilers turn into vector instructions.
    let chunks = json.chunks(usize::from(u8::MAX));
    chunks
        .map(|chunk| {
            let brackets = chunk.iter().map(|byte| u8::from(byte | 0x20 == b'{'));
            usize::from(brackets.sum::<u8>())
        })
        .sum()
}

/// Why the value of a header is not a message.
#[derive(Debug)]
pub struct HeaderError(Kind);

#[derive(Debug)]
enum Kind {
    TooLarge { limit: usize },
    Base64,
    Depth,
    Json(serde_json::Error),
    Unread(ReadError),
    Text(Utf8Error),
}

impl HeaderError {
    /// Whether the value is longer than what is read.
    pub const fn is_too_large(&self) -> bool {
        matches!(self.0, Kind::TooLarge { .. })
    }

    const fn json(error: serde_json::Error) -> Self {
        Self(Kind::Json(error))
    }

    pub(crate) fn unread(error: ReadError) -> Self {
        if error.is_too_deep() {
            return Self(Kind::Depth);
        }
        Self(Kind::Unread(error))
    }

    pub(crate) const fn text(error: Utf8Error) -> Self {
        Self(Kind::Text(error))
    }

    /// What is wrong, in words that hold nothing of the value itself.
    pub(crate) const fn summary(&self) -> &'static str {
        match self.0 {
            Kind::TooLarge { .. } => "the payment header is too large",
            Kind::Base64 => "the payment header is not base64",
            Kind::Depth => "the JSON in the payment header is nested too deeply",
            Kind::Json(_) | Kind::Unread(_) | Kind::Text(_) => {
                "the payment header does not hold the JSON of a payment"
            }
        }
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::TooLarge { limit } => {
                write!(f, "the payment header is longer than {limit} bytes")
            }
            _ => f.write_str(self.summary()),
        }
    }
}

impl std::error::Error for HeaderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Kind::Json(error) => Some(error),
            Kind::Unread(error) => Some(error),
            Kind::Text(error) => Some(error),
            Kind::TooLarge { .. } | Kind::Base64 | Kind::Depth => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use ::base64::Engine as _;
    use ::base64::prelude::BASE64_STANDARD as STANDARD;

    use super::*;

    #[test]
    fn all_spellings_of_base64_are_read() {
        let json = br#"{"a":"???>>>"}"#;
        let standard = STANDARD.encode(json);
        assert!(
            standard.contains(['+', '/']) && standard.ends_with('='),
            "{standard}"
        );
        let url_safe = standard.replace('+', "-").replace('/', "_");
        for value in [
            &standard,
            &url_safe,
            standard.trim_end_matches('='),
            url_safe.trim_end_matches('='),
        ] {
            assert_eq!(decode_json(value.as_bytes(), 100).unwrap(), json, "{value}");
        }
        let mixed = standard.replacen('/', "_", 1);
        for value in [
            mixed.as_str(),
            "e",
            "e===",
            "eyJ9 ",
            "eyJ9\n",
            "é",
            "e30=e30=",
        ] {
            assert!(
                matches!(
                    decode_json(value.as_bytes(), 100).unwrap_err().0,
                    Kind::Base64
                ),
                "{value}"
            );
        }
    }

    #[test]
    fn the_limit_is_looked_at_before_anything_else() {
        let error = decode_json(&[b'!'; 101], 100).unwrap_err();
        assert!(error.is_too_large());
    }

    #[test]
    fn depth_is_that_of_brackets_outside_strings() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(!is_deeper_than(nested(32).as_bytes(), 32));
        assert!(is_deeper_than(nested(33).as_bytes(), 32));
        let text = format!(r#"{{"a\"":"{}"}}"#, "[".repeat(99));
        assert!(!is_deeper_than(text.as_bytes(), 32));
        let wide = format!("[{}]", vec!["[]"; 999].join(","));
        assert!(!is_deeper_than(wide.as_bytes(), 32));
    }

    #[test]
    fn pieces_of_three_join_without_a_seam() {
        let mut pieces = Vec::new();
        for piece in [&b"abcdef"[..], b"ghi", b"jk"] {
            base64::encode(&mut pieces, piece);
        }
        assert_eq!(pieces, STANDARD.encode(b"abcdefghijk").as_bytes());
    }

    #[test]
    fn text_is_escaped_only_where_it_must() {
        for text in ["/a?b=c", "/a\"b", "/a\\b", "/é", "/\u{1}"] {
            let quoted = format!("\"{}\"", escaped(text));
            assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
        }
    }
}
