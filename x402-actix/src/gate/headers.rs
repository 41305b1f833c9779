//! Headers in the types of the other side.

use actix_web::body::BodySize;
use actix_web::http::header as old;
use http::{HeaderName, HeaderValue, header};

/// Knows by sight what gates and handlers say again and again. `http` 0.2 reads everything else letter by letter, which is
/// most of what an answer costs, and values that are no constants are counted and freed.
macro_rules! known {
    ($type:ty, $text:expr => $($known:expr),*) => {
        match $text {
            $(text if text == $known.as_bytes() => Some(const { <$type>::from_static($known) }),)*
            text => <$type>::from_bytes(text).ok(),
        }
    };
}

/// A name in the type of either side.
macro_rules! name {
    ($type:ty, $name:expr) => {
        known! { $type, $name.as_str().as_bytes() =>
            "content-type", "cache-control", "access-control-expose-headers", "payment-required", "payment-response",
            "payment-signature", "x-payment", "authorization", "cookie", "range"
        }
    };
}

/// A value in the type of either side.
macro_rules! value {
    ($type:ty, $value:expr) => {
        known! { $type, $value.as_bytes() =>
            "application/json", "application/problem+json", "text/plain; charset=utf-8", "no-store", "private", EXPOSED
        }
    };
}

/// What browsers let pages read of the gate's own.
const EXPOSED: &str =
    "payment-required, payment-response, x-payment-response, retry-after, idempotent-replayed";

/// Headers in the types of the engine, with room for so many more. What can be said in `http` 0.2 can be said in 1.
pub(super) fn translated(headers: &old::HeaderMap, more: usize) -> http::HeaderMap {
    let mut translated = http::HeaderMap::with_capacity(headers.len() + more);
    for (name, old) in headers {
        if let (Some(name), Some(mut value)) = (name!(HeaderName, name), value!(HeaderValue, old)) {
            value.set_sensitive(old.is_sensitive());
            translated.append(name, value);
        }
    }
    translated
}

/// Puts headers of the engine in the place of all that are there, but for the length of a body that says it itself.
pub(super) fn replace(headers: &mut old::HeaderMap, new: &http::HeaderMap, body: BodySize) {
    headers.clear();
    for (name, value) in new {
        if body != BodySize::Stream && *name == header::CONTENT_LENGTH {
            continue;
        }
        if let (Some(name), Some(value)) = (old_name(name), value!(old::HeaderValue, value)) {
            headers.append(name, value);
        }
    }
}

/// A name in the type of actix.
pub(super) fn old_name(name: &HeaderName) -> Option<old::HeaderName> {
    name!(old::HeaderName, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cors;

    #[test]
    fn the_exposed_headers_are_known_by_sight() {
        let names = cors::EXPOSED_HEADERS.map(|name| name.to_string());
        assert_eq!(EXPOSED, names.join(", "));
    }
}
