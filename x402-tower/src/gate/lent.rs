//! For frameworks whose requests are not those of the `http` crate: they lend the head of a request, and keep the rest.

use std::fmt;
use std::future::Future;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, Version};
use http_body::Body;
use tower_service::Service;

use super::future::Wanted;
use super::{GateLayer, RequestBody, ResponseBody, ResponseFuture};
use crate::checkout::{Arrival, Brought, Payment, Reply, arrive};
use crate::price::{Head, Headers, RequestHead};
use crate::proto::header::{PAYMENT_SIGNATURE, X_PAYMENT};

/// A request that a gate has looked at, and has not let through yet. Made by [`GateLayer::look`], which has an example.
pub struct Visit {
    arrival: Arrival,
    version: Version,
}

impl GateLayer {
    /// Looks at a request of another framework, payment headers and all.
    ///
    /// `version` is that of HTTP. `own` is asked for the whole head if the price depends on it. If there is none, nothing is
    /// sold. Where a price may stand inside of another one, [`Head::sold`] says so.
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use http::{HeaderMap, Request, Response, StatusCode, Version};
    /// use x402_tower::X402;
    /// use x402_tower::gate::GateLayer;
    /// use x402_tower::price::Head;
    ///
    /// /// A request of a framework that has types of its own.
    /// struct Question {
    ///     target: String,
    ///     headers: HeaderMap, // or anything that is `Headers`
    ///     body: String,
    /// }
    ///
    /// async fn answer(price: &GateLayer, question: Question) -> Result<StatusCode, Infallible> {
    ///     let Question { target, headers, body } = question;
    ///     let whole = || {
    ///         let mut whole = Request::get(&*target).body(()).ok()?;
    ///         whole.headers_mut().clone_from(&headers);
    ///         Some(whole)
    ///     };
    ///     let head = Head::new("GET", &target, &headers);
    ///     let visit = price.look(&head, body.is_empty(), Version::HTTP_11, whole);
    ///     let answer = visit.go_on(body, async |payment, _body| {
    ///         let payer = payment.map(|payment| payment.payer().to_string());
    ///         Ok::<_, Infallible>(Response::new(format!("Sunny, {payer:?}.")))
    ///     });
    ///     Ok(answer.await?.status())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let x402 = X402::local().build()?;
    /// let unpaid = Question {
    ///     target: "/weather".to_owned(),
    ///     headers: HeaderMap::new(),
    ///     body: String::new(),
    /// };
    /// let status = answer(&x402.price("$0.01")?, unpaid).await?;
    /// assert_eq!(status, StatusCode::PAYMENT_REQUIRED);
    /// # Ok(())
    /// # }
    /// ```
    pub fn look(
        &self,
        head: &Head<'_>,
        body_is_empty: bool,
        version: Version,
        own: impl FnOnce() -> Option<Request<()>>,
    ) -> Visit {
        let others = Others(head.headers());
        let own = || {
            let (mut parts, ()) = own()?.into_parts();
            parts.headers.remove(PAYMENT_SIGNATURE);
            parts.headers.remove(X_PAYMENT);
            Some(RequestHead::from_parts(parts))
        };
        let head = head.with_headers(&others).by(version);
        let arrival = arrive(self.policy(), &head, others.brought(), body_is_empty, own);
        Visit { arrival, version }
    }
}

impl Visit {
    /// The answer, if the gate has one already: unpaid requests are answered at first sight, and need no future for it.
    ///
    /// ```
    /// use http::{HeaderMap, StatusCode, Version};
    /// use x402_tower::X402;
    /// use x402_tower::price::Head;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), x402_tower::ConfigError> {
    /// let price = X402::local().build()?.price("$0.01")?;
    /// let headers = HeaderMap::new();
    /// let unpaid = Head::new("GET", "/weather", &headers);
    /// let visit = price.look(&unpaid, true, Version::HTTP_11, || None);
    /// let status = visit.reply().ok().map(|answer| answer.status());
    /// assert_eq!(status, Some(StatusCode::PAYMENT_REQUIRED));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Else this visit, to [`go_on`](Self::go_on) with.
    #[allow(
        clippy::result_large_err,
        reason = "it is taken apart at once; a box would cost more"
    )]
    pub fn reply(self) -> Result<Response<Bytes>, Self> {
        match self.arrival {
            Arrival::Reply(Reply {
                status,
                headers,
                body,
                handover: None,
            }) => {
                let mut response = Response::new(body);
                *response.status_mut() = status;
                *response.headers_mut() = headers;
                Ok(response)
            }
            arrival => Err(Self { arrival, ..self }),
        }
    }

    /// Lets the request through to a function, if it comes to that.
    ///
    /// It is called at most once, with what the gate passes on of this body, and with the payment unless the request is
    /// free. The request itself it has to know, and not to pass on the payment headers.
    pub fn go_on<B, RB, E, F>(
        self,
        body: B,
        serve: impl Fn(Option<Payment>, RequestBody<B>) -> F,
    ) -> impl Future<Output = Result<Response<ResponseBody<RB>>, E>>
    where
        F: Future<Output = Result<Response<RB>, E>>,
        B: Body,
        RB: Body,
    {
        let request = Request::new(RequestBody::new(body));
        let wanted = Wanted {
            version: self.version,
            bare: false,
        };
        let mut inside = Function(serve);
        match self.arrival {
            Arrival::Free => ResponseFuture::free(wanted, inside.call(request)),
            Arrival::Preflight => ResponseFuture::preflight(wanted, inside.call(request)),
            Arrival::Reply(reply) => ResponseFuture::reply(wanted, reply),
            Arrival::Price(asked) => ResponseFuture::price(wanted, inside, request, asked),
            Arrival::Pay(paying) => ResponseFuture::pay(wanted, inside, request, paying),
        }
    }
}

/// A function as the service inside of a gate.
struct Function<F>(F);

impl<B, R, E, F, Fut> Service<Request<RequestBody<B>>> for Function<F>
where
    F: Fn(Option<Payment>, RequestBody<B>) -> Fut,
    Fut: Future<Output = Result<R, E>>,
{
    type Response = R;
    type Error = E;
    type Future = Fut;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody<B>>) -> Fut {
        let (mut parts, body) = request.into_parts();
        (self.0)(parts.extensions.remove(), body)
    }
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit").finish_non_exhaustive()
    }
}

/// The headers of a request but for its payment, which is nobody else's business.
struct Others<'a>(&'a dyn Headers);

impl Headers for Others<'_> {
    fn nth(&self, name: &HeaderName, n: usize) -> Option<&[u8]> {
        let is_payment = *name == PAYMENT_SIGNATURE || *name == X_PAYMENT;
        if is_payment {
            None
        } else {
            self.0.nth(name, n)
        }
    }
}

impl Others<'_> {
    fn brought(&self) -> Brought {
        let mut brought = Brought::default();
        brought.v2 = self.payment(&PAYMENT_SIGNATURE, &mut brought.twice);
        brought.v1 = self.payment(&X_PAYMENT, &mut brought.twice);
        brought
    }

    fn payment(&self, name: &HeaderName, twice: &mut bool) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_bytes(self.0.nth(name, 0)?).ok()?;
        value.set_sensitive(true);
        *twice |= self.0.nth(name, 1).is_some();
        Some(value)
    }
}
