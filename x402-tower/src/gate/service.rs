use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::future::Wanted;
use super::goods::ours;
use super::layer::OriginalUri;
use super::{RequestBody, ResponseBody, ResponseFuture};
use crate::checkout::{Arrival, Brought, Payment, Policy, TELLING, arrive};
use crate::price::{Head, RequestHead};
use crate::proto::header::{PAYMENT_SIGNATURE, X_PAYMENT};

/// A service that is paid for per request.
///
/// See [the module](crate::gate) for what it asks of the service inside.
#[derive(Clone, Debug)]
pub struct Gate<S> {
    inner: S,
    policy: Arc<Policy>,
    original_uri: OriginalUri,
}

impl<S> Gate<S> {
    pub(super) const fn new(inner: S, policy: Arc<Policy>, original_uri: OriginalUri) -> Self {
        Self {
            inner,
            policy,
            original_uri,
        }
    }

    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, RB> Service<Request<B>> for Gate<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<RB>> + Clone,
    B: Body,
    RB: Body,
{
    type Response = Response<ResponseBody<RB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, RB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let wanted = Wanted::by(&request);
        self.go_on(self.look(&mut request), wanted, request)
    }
}

impl<S> Gate<S> {
    /// The answer, if there is one already: unpaid requests are answered at first sight, and need no future for it.
    ///
    /// For adapters that box the one, and not the other. As with [`call`](Service::call), the gate has to be ready.
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use http::{Request, Response, StatusCode};
    /// use tower::{Layer as _, service_fn};
    /// use x402_tower::X402;
    /// use x402_tower::gate::RequestBody;
    ///
    /// async fn weather(_: Request<RequestBody<String>>) -> Result<Response<String>, Infallible> {
    ///     Ok(Response::new("It is sunny.".to_owned()))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), x402_tower::ConfigError> {
    /// let price = X402::local().build()?.price("$0.01")?;
    /// let mut gate = price.layer(service_fn(weather)); // is always ready
    /// let answer = gate.answer(Request::new(String::new()));
    /// let status = answer.ok().map(|response| response.status());
    /// assert_eq!(status, Some(StatusCode::PAYMENT_REQUIRED));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Else the answer in the making.
    #[allow(
        clippy::result_large_err,
        reason = "it is taken apart at once; a box would cost more"
    )]
    pub fn answer<B, RB>(
        &mut self,
        mut request: Request<B>,
    ) -> Result<Response<ResponseBody<RB>>, ResponseFuture<S, B, RB>>
    where
        S: Service<Request<RequestBody<B>>, Response = Response<RB>> + Clone,
        B: Body,
        RB: Body,
    {
        let arrival = self.look(&mut request);
        let wanted = Wanted::by(&request);
        match arrival {
            Arrival::Reply(reply) => {
                drop(self.take_ready());
                Ok(wanted.given(ours(reply)))
            }
            arrival => Err(self.go_on(arrival, wanted, request)),
        }
    }

    fn go_on<B, RB>(
        &mut self,
        arrival: Arrival,
        wanted: Wanted,
        request: Request<B>,
    ) -> ResponseFuture<S, B, RB>
    where
        S: Service<Request<RequestBody<B>>, Response = Response<RB>> + Clone,
        B: Body,
        RB: Body,
    {
        let watched = || request.map(RequestBody::new);
        match arrival {
            Arrival::Free => ResponseFuture::free(wanted, self.inner.call(watched())),
            Arrival::Preflight => ResponseFuture::preflight(wanted, self.inner.call(watched())),
            Arrival::Reply(reply) => {
                // With every permit that its readiness stands for.
                drop(self.take_ready());
                ResponseFuture::reply(wanted, reply)
            }
            Arrival::Price(asked) => {
                ResponseFuture::price(wanted, self.take_ready(), watched(), asked)
            }
            Arrival::Pay(paying) => {
                ResponseFuture::pay(wanted, self.take_ready(), watched(), paying)
            }
        }
    }

    /// The first look at a request, from which its payment is taken.
    fn look<B: Body>(&self, request: &mut Request<B>) -> Arrival {
        let (brought, has_telling) = take_payment(request.headers_mut());
        self.arrive(request, brought, has_telling)
    }
}

impl<S: Clone> Gate<S> {
    /// The inner service that was made ready. The clone that stays behind is not.
    ///
    /// See <https://docs.rs/tower/latest/tower/trait.Service.html#be-careful-when-cloning-inner-services>.
    fn take_ready(&mut self) -> S {
        let not_ready = self.inner.clone();
        mem::replace(&mut self.inner, not_ready)
    }
}

impl<S> Gate<S> {
    fn arrive<B: Body>(
        &self,
        request: &Request<B>,
        brought: Brought,
        has_telling: bool,
    ) -> Arrival {
        let uri = (self.original_uri)(request.extensions()).unwrap_or(request.uri());
        let head = Head::new(request.method().as_str(), "/", request.headers())
            .sharing(uri.path_and_query())
            .at(uri.authority().map(Authority::as_str))
            .by(request.version())
            .with_telling(has_telling)
            .sold(request.extensions().get::<Payment>().is_some());
        let body_is_empty = request.body().is_end_stream();
        arrive(&self.policy, &head, brought, body_is_empty, || {
            Some(RequestHead::of(request, uri))
        })
    }
}

/// Takes out the payment, and says whether there is any of the headers that always tell one request from another.
fn take_payment(headers: &mut HeaderMap) -> (Brought, bool) {
    // To look through the names costs less than to look five up that are hardly ever there.
    let (mut v2, mut v1, mut has_telling) = (false, false, false);
    for name in headers.keys() {
        v2 |= *name == PAYMENT_SIGNATURE;
        v1 |= *name == X_PAYMENT;
        has_telling |= TELLING.contains(name);
    }
    let mut twice = false;
    let mut take = |name, is_there: bool| is_there.then(|| take(headers, name, &mut twice))?;
    let brought = Brought {
        v2: take(&PAYMENT_SIGNATURE, v2),
        v1: take(&X_PAYMENT, v1),
        twice,
    };
    (brought, has_telling)
}

fn take(headers: &mut HeaderMap, name: &HeaderName, twice: &mut bool) -> Option<HeaderValue> {
    let before = headers.len();
    // All values of a name go with the first.
    let mut payment = headers.remove(name)?;
    *twice |= before - headers.len() > 1;
    // Whoever prints it, does not.
    payment.set_sensitive(true);
    Some(payment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_is_taken_out_and_is_a_secret() {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("shop.example"));
        assert!(take_payment(&mut headers).0.v2.is_none());
        for name in [PAYMENT_SIGNATURE, X_PAYMENT] {
            headers.insert(name, HeaderValue::from_static("hunter2"));
        }
        let (brought, _) = take_payment(&mut headers);
        assert_eq!(headers.len(), 1);
        assert!(brought.v2.is_some() && brought.v1.is_some() && !brought.twice);
        assert!(!format!("{brought:?}").contains("hunter2"), "{brought:?}");
        for _ in 0..2 {
            headers.append(X_PAYMENT, HeaderValue::from_static("hunter2"));
        }
        assert!(take_payment(&mut headers).0.twice);
        assert_eq!(headers.len(), 1);
    }
}
