use actix_web::dev::Payload;
use actix_web::http::{self as old, header::HeaderMap};
use actix_web::{HttpMessage as _, HttpRequest};
use http::{HeaderName, HeaderValue, Method, Request, Uri, Version, header};
use x402_tower::Payment;
use x402_tower::gate::{GateLayer, Visit};
use x402_tower::price::{Head, Headers};
use x402_tower::proto::header::{PAYMENT_SIGNATURE, X_PAYMENT};

use super::headers::{old_name, translated};
use crate::brought::{Brought, brings};

/// Lends a gate the head of a request. The payment is in its headers, unless it has been taken out of them.
pub(crate) fn look(
    layer: &GateLayer,
    request: &HttpRequest,
    payload: &Payload,
    brought: Option<&Brought>,
) -> Visit {
    let uri = request.uri();
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let headers = request.headers();
    let lent = Lent {
        headers,
        brought,
        brings: brought.is_none() && brings(headers),
    };
    // HTTP/2 says it here instead of in `Host`.
    let authority = uri.authority().map(|authority| authority.as_str());
    let head = Head::new(request.method().as_str(), target, &lent)
        .at(authority)
        .sold(request.extensions().contains::<Payment>());
    let version = match request.version() {
        old::Version::HTTP_2 => Version::HTTP_2,
        old::Version::HTTP_10 => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    let is_empty = matches!(payload, Payload::None);
    layer.look(&head, is_empty, version, || own(&head, headers))
}

struct Lent<'a> {
    headers: &'a HeaderMap,
    brought: Option<&'a Brought>,
    /// Whether there is a payment in the headers.
    brings: bool,
}

impl Headers for Lent<'_> {
    fn nth(&self, name: &HeaderName, n: usize) -> Option<&[u8]> {
        let value = match self.brought {
            Some(brought) if *name == PAYMENT_SIGNATURE => brought.v2.get(n)?.as_ref(),
            Some(brought) if *name == X_PAYMENT => brought.v1.get(n)?.as_ref(),
            None if !self.brings && (*name == PAYMENT_SIGNATURE || *name == X_PAYMENT) => None,
            _ => self.headers.get_all(old_name(name)?).nth(n),
        };
        value.map(|value| value.as_bytes())
    }
}

/// The head for price functions, which keep it. There is none if it is no request in the eyes of `http` 1.
fn own(head: &Head<'_>, headers: &HeaderMap) -> Option<Request<()>> {
    let mut own = Request::new(());
    *own.method_mut() = Method::from_bytes(head.method().as_bytes()).ok()?;
    *own.uri_mut() = Uri::try_from(head.target()).ok()?;
    *own.headers_mut() = translated(headers, 0);
    // HTTP/2 says it elsewhere.
    if !own.headers().contains_key(header::HOST)
        && let Some(host) = head.host()
    {
        own.headers_mut()
            .insert(header::HOST, HeaderValue::from_str(host).ok()?);
    }
    Some(own)
}
