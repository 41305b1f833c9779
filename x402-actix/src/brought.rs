use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest};

/// The payment headers of a request. There is no `Debug` for them: a payment can be spent by whoever reads it.
#[derive(Default)]
pub(crate) struct Brought {
    pub(crate) v2: Vec<HeaderValue>,
    pub(crate) v1: Vec<HeaderValue>,
}

const V2: HeaderName = HeaderName::from_static("payment-signature");
const V1: HeaderName = HeaderName::from_static("x-payment");

impl Brought {
    /// Those of a request that is shared, and cannot be changed: out of its headers, or where they have been left.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let left = request.extensions_mut().remove();
        left.unwrap_or_else(|| {
            let all = |name| request.headers().get_all(name).cloned().collect();
            Self {
                v2: all(V2),
                v1: all(V1),
            }
        })
    }

    /// Those of a request that nobody shares, which has them no more.
    pub(crate) fn take(request: &mut ServiceRequest) -> Self {
        let brought = Self::of(request.request());
        if !brought.is_empty() {
            request.headers_mut().remove(V2);
            request.headers_mut().remove(V1);
        }
        brought
    }

    /// Leaves them for the gate that comes next.
    pub(crate) fn leave(self, request: &ServiceRequest) {
        if !self.is_empty() {
            request.extensions_mut().insert(self);
        }
    }

    fn is_empty(&self) -> bool {
        self.v2.is_empty() && self.v1.is_empty()
    }
}
