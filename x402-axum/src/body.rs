//! Bodies on both sides of a gate, in axum's own type. What a gate has nothing to do with is not boxed once more.

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use x402_tower::gate::{RequestBody, ResponseBody};

/// The body of a request, for whoever is inside.
pub(crate) fn inwards(body: RequestBody<Body>) -> Body {
    match body.into_untouched() {
        Ok(body) => body,
        Err(watched) => Body::new(watched),
    }
}

/// The body of an answer, for whoever is outside.
pub(crate) fn outwards<B>(body: ResponseBody<B>) -> Body
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    match body.into_unsold() {
        Ok(body) => Body::new(body),
        Err(sold) => Body::new(sold),
    }
}
