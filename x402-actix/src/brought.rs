use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest};

/// The payment headers of a request, taken out of it: the first two of each. There is no `Debug` for them: a payment can be
/// spent by whoever reads it.
pub(crate) struct Brought {
    pub(crate) v2: [Option<HeaderValue>; 2],
    pub(crate) v1: [Option<HeaderValue>; 2],
}

static V2: HeaderName = HeaderName::from_static("payment-signature");
static V1: HeaderName = HeaderName::from_static("x-payment");

/// Whether there is a payment among these. To look through the names costs less than to look two up that are hardly ever
/// there.
pub(crate) fn brings(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| *name == V2 || *name == V1)
}

impl Brought {
    /// Those of a request that nobody shares, which has them no more.
    pub(crate) fn take(request: &mut ServiceRequest) -> Self {
        let is_there = brings(request.headers());
        let mut take = |name| {
            let mut values = request.headers_mut().remove(name);
            [values.next(), values.next()]
        };
        let [v2, v1] = if is_there {
            [take(&V2), take(&V1)]
        } else {
            Default::default()
        };
        Self::left(request.request()).unwrap_or(Self { v2, v1 })
    }

    /// Those that have been left for this gate.
    pub(crate) fn left(request: &HttpRequest) -> Option<Self> {
        request.extensions_mut().remove()
    }

    /// Leaves them for the gate that comes next.
    pub(crate) fn leave(self, request: &ServiceRequest) {
        if self.v2[0].is_some() || self.v1[0].is_some() {
            request.extensions_mut().insert(self);
        }
    }
}
