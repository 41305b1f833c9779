use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Method, Request, Response, StatusCode, Version, header, request};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::capture::{Capture, Captured};
use super::goods::{
    Buyer, Goods, Judged, Packed, judge_paid, judge_sale, ours, ours_by, preflighted,
};
use super::reading::{ReadBody, Reading, Until};
use super::{RequestBody, ResponseBody};
use crate::checkout::{
    Admission, Asked, Compared, Paid, Paying, Payment, Reply, Sale, Seen, Tally, ask,
};
use crate::ledger::{BodyDigest, KeptAnswer};
use crate::log;
use crate::settlement::{Answered, Settling, admit, settle};

pin_project! {
    /// The answer of a [`Gate`](super::Gate), in the making.
    pub struct ResponseFuture<S, B, RB>
    where
        S: Service<Request<RequestBody<B>>>,
    {
        #[pin]
        state: State<S, B, S::Future, RB>,
        wanted: Wanted,
    }
}

/// How an answer is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Of HTTP, by which it is asked for.
    pub(super) version: Version,
    /// Without the body that servers do not leave out by themselves.
    pub(super) bare: bool,
}

impl Wanted {
    pub(super) fn by<B>(request: &Request<B>) -> Self {
        let version = request.version();
        Self {
            version,
            // Servers leave it out by HTTP/1, and not by what came after it.
            bare: request.method() == Method::HEAD && version >= Version::HTTP_2,
        }
    }

    /// An answer, as it is wanted.
    pub(super) fn given<RB: Body>(
        self,
        response: Response<ResponseBody<RB>>,
    ) -> Response<ResponseBody<RB>> {
        if self.bare {
            response_head(response)
        } else {
            response
        }
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B, F, RB> {
        /// The body has to be read before it can be decided.
        Read { to_read: Option<Box<ToRead<S, B>>> },
        /// It is being decided.
        Admit { admitting: Admitting, request: Option<Request<RequestBody<B>>>, ready: Option<S> },
        /// The handler works for nothing.
        Free { #[pin] future: F },
        /// Somebody inside answers a browser's question.
        Preflight { #[pin] future: F },
        /// The handler works, and is paid if it does well. What it has to wait for may take too long.
        Serve { #[pin] future: F, sale: Option<Sale>, seen: Seen, lapse: Option<Lapse> },
        /// The handler works, and is paid already.
        Deliver { #[pin] future: F, paid: Option<Box<Paid>>, lapse: Option<Lapse> },
        /// The answer is read before it is given out.
        Capture { capture: Capture<RB>, sold: Option<Box<(Goods, Buyer)>>, lapse: Option<Lapse> },
        /// The money moves.
        Settle { settling: Settling, packed: Option<(Packed<RB>, Seen)> },
        /// There is an answer.
        Answer { response: Option<Response<ResponseBody<RB>>> },
        Done,
    }
}

/// A decision that somebody may have to be asked about. The only box on the way of a payment.
type Admitting = Pin<Box<dyn Future<Output = Admission> + Send>>;

/// The end of the time in which a sale can be paid for, or has a place among those on their way.
type Lapse = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A request whose body is read before it is decided about.
struct ToRead<S, B> {
    reading: Reading<B>,
    parts: request::Parts,
    paying: Box<Paying>,
    ready: S,
}

impl<S, B, RB> ResponseFuture<S, B, RB>
where
    S: Service<Request<RequestBody<B>>>,
    B: Body,
    RB: Body,
{
    pub(super) fn reply(wanted: Wanted, reply: Reply) -> Self {
        Self {
            state: State::answer(ours(reply)),
            wanted,
        }
    }

    pub(super) const fn free(wanted: Wanted, future: S::Future) -> Self {
        Self {
            state: State::Free { future },
            wanted,
        }
    }

    pub(super) const fn preflight(wanted: Wanted, future: S::Future) -> Self {
        Self {
            state: State::Preflight { future },
            wanted,
        }
    }

    pub(super) fn price(
        wanted: Wanted,
        ready: S,
        request: Request<RequestBody<B>>,
        asked: Asked,
    ) -> Self {
        Self {
            state: State::admit(ready, request, Box::pin(ask(asked))),
            wanted,
        }
    }

    pub(super) fn pay(
        wanted: Wanted,
        ready: S,
        request: Request<RequestBody<B>>,
        paying: Box<Paying>,
    ) -> Self {
        match paying.binds_body() {
            Some(most) => Self {
                state: State::read(ready, request, paying, Until::End { most }),
                wanted,
            },
            None => Self {
                state: State::admit(ready, request, Box::pin(admit(paying))),
                wanted,
            },
        }
    }
}

impl<S, B, RB> State<S, B, S::Future, RB>
where
    S: Service<Request<RequestBody<B>>>,
    B: Body,
    RB: Body,
{
    fn answer(response: Response<ResponseBody<RB>>) -> Self {
        Self::Answer {
            response: Some(response),
        }
    }

    fn admit(ready: S, request: Request<RequestBody<B>>, admitting: Admitting) -> Self {
        Self::Admit {
            admitting,
            request: Some(request),
            ready: Some(ready),
        }
    }

    fn read(
        ready: S,
        request: Request<RequestBody<B>>,
        mut paying: Box<Paying>,
        until: Until,
    ) -> Self {
        if let Err(reply) = paying.is_readable().and_then(|()| paying.load()) {
            return Self::answer(ours(*reply));
        }
        let (parts, body) = request.into_parts();
        let reading = Reading::new(body, until);
        Self::Read {
            to_read: Some(Box::new(ToRead {
                reading,
                parts,
                paying,
                ready,
            })),
        }
    }

    fn after_reading(to_read: ToRead<S, B>, read: ReadBody) -> Self {
        let ToRead {
            reading,
            parts,
            mut paying,
            ready,
        } = to_read;
        match read {
            ReadBody::Broken => return Self::answer(ours(paying.body_broke())),
            ReadBody::TooLong => return Self::answer(ours(paying.body_too_long())),
            ReadBody::Whole(digest) => paying.bind_body(digest),
            ReadBody::Compared(compared) => paying.compared(compared),
        }
        if let Err(reply) = paying.take_off() {
            return Self::answer(ours(*reply));
        }
        let request = Request::from_parts(parts, reading.into_body());
        Self::admit(ready, request, Box::pin(admit(paying)))
    }

    fn after_admission(
        admission: Admission,
        request: Request<RequestBody<B>>,
        mut ready: S,
        version: Version,
    ) -> Self {
        match admission {
            Admission::Reply(reply) => Self::answer(ours_by(*reply, version)),
            Admission::Free => Self::Free {
                future: ready.call(request),
            },
            Admission::Serve(mut sale) => {
                let (request, seen) = sold(request, sale.payment());
                sale.claim.run();
                Self::Serve {
                    future: ready.call(request),
                    sale: Some(sale),
                    seen,
                    lapse: None,
                }
            }
            Admission::Deliver(mut paid) => {
                let (request, seen) = sold(request, paid.payment.clone());
                paid.handover.watch(seen);
                Self::Deliver {
                    future: ready.call(request),
                    paid: Some(paid),
                    lapse: None,
                }
            }
            Admission::CompareBody(first, mut paying) if first.length > paying.longest_body() => {
                if can_be(request.body(), first) {
                    return Self::answer(ours(paying.body_too_long()));
                }
                paying.compared(Compared {
                    first,
                    is_same: false,
                });
                Self::admit(ready, request, Box::pin(admit(paying)))
            }
            Admission::CompareBody(first, paying) => {
                Self::read(ready, request, paying, Until::Same(first))
            }
        }
    }

    fn after_answer(judged: Judged<RB>, lapse: Option<Lapse>) -> Self {
        match judged {
            Judged::Unsold(response) => Self::answer(response),
            Judged::Sold(goods, body, buyer) => match goods.capture(body) {
                Ok(capture) => Self::Capture {
                    capture,
                    sold: Some(Box::new((goods, buyer))),
                    lapse,
                },
                Err(body) => Self::deal(Packed::Stream(goods, body), buyer, None),
            },
        }
    }

    fn after_capture(captured: Option<Captured>, goods: Goods, buyer: Buyer) -> Self {
        match captured {
            Some(captured) => {
                let captured = goods.asked_for(captured);
                let kept = goods.kept(&captured);
                Self::deal(Packed::Whole(goods, captured), buyer, kept)
            }
            None => Self::answer(ours(buyer.answer_broke(goods.version()))),
        }
    }

    /// The answer against the money, if that has not moved yet.
    fn deal(packed: Packed<RB>, buyer: Buyer, kept: Option<KeptAnswer>) -> Self {
        match buyer {
            Buyer::Sale(sale, seen) => {
                let answered = Answered {
                    body: seen.digest(),
                    answer: kept,
                };
                let settling = settle(sale, Some(answered));
                Self::Settle {
                    settling,
                    packed: Some((packed, seen)),
                }
            }
            Buyer::Paid(mut handover, receipt) => {
                handover.answered();
                if let Some(kept) = kept {
                    handover.keep(kept);
                }
                Self::answer(packed.ship(handover, &receipt))
            }
        }
    }
}

/// Whether a body can be the same as an earlier one, by its length.
fn can_be(body: &impl Body, first: BodyDigest) -> bool {
    let length = body.size_hint();
    let reaches = length.upper().is_none_or(|most| most >= first.length);
    reaches && (!first.complete || length.lower() <= first.length)
}

/// A request as the handler gets it: with its payment and perhaps a meter, and watched as its body is read.
fn sold<B: Body>(
    mut request: Request<RequestBody<B>>,
    payment: Payment,
) -> (Request<RequestBody<B>>, Seen) {
    if let Some(meter) = payment.meter() {
        request.extensions_mut().insert(meter.clone());
    }
    request.extensions_mut().insert(payment);
    if request.body().is_end_stream() {
        return (request, Seen::Empty);
    }
    let tally = Tally::new();
    let seen = Seen::Tally(tally.clone());
    (request.map(|body| body.tallied(tally)), seen)
}

impl<S, B, RB> Future for ResponseFuture<S, B, RB>
where
    S: Service<Request<RequestBody<B>>, Response = Response<RB>>,
    B: Body,
    RB: Body,
{
    type Output = Result<Response<ResponseBody<RB>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut state, wanted) = (this.state, *this.wanted);
        let version = wanted.version;
        loop {
            // What a state holds is taken out only when it is left, so a missing piece means that it has been left.
            let next = match state.as_mut().project() {
                StateProjection::Read { to_read } => {
                    let read = match to_read {
                        Some(to_read) => ready!(to_read.reading.poll(cx)),
                        None => return polled_too_often(),
                    };
                    let Some(to_read) = to_read.take() else {
                        return polled_too_often();
                    };
                    State::after_reading(*to_read, read)
                }
                StateProjection::Admit {
                    admitting,
                    request,
                    ready,
                } => {
                    let admission = ready!(admitting.as_mut().poll(cx));
                    let (Some(request), Some(ready)) = (request.take(), ready.take()) else {
                        return polled_too_often();
                    };
                    State::after_admission(admission, request, ready, version)
                }
                StateProjection::Free { future } => {
                    let response = ready!(future.poll(cx))?;
                    state.set(State::Done);
                    return Poll::Ready(Ok(response.map(ResponseBody::free)));
                }
                StateProjection::Preflight { future } => {
                    let response = ready!(future.poll(cx))?;
                    State::answer(preflighted(response))
                }
                StateProjection::Serve {
                    future,
                    sale,
                    seen,
                    lapse,
                } => {
                    let mut response = future.poll(cx).map(Some);
                    if let (Poll::Pending, Some(sale)) = (&response, &sale) {
                        let lapse = lapse.get_or_insert_with(|| sale.lapse());
                        response = lapse.as_mut().poll(cx).map(|()| None);
                    }
                    let response = ready!(response);
                    let Some(sale) = sale.take() else {
                        return polled_too_often();
                    };
                    match response.transpose() {
                        Ok(None) => State::answer(ours(sale.lapsed())),
                        Ok(Some(response)) => {
                            let response = possible(response, version);
                            let judged = judge_sale(response, sale, seen.clone(), version);
                            State::after_answer(judged, lapse.take())
                        }
                        Err(error) => {
                            sale.let_go();
                            state.set(State::Done);
                            return Poll::Ready(Err(error));
                        }
                    }
                }
                StateProjection::Deliver {
                    future,
                    paid,
                    lapse,
                } => {
                    let response = future.poll(cx);
                    if let (Poll::Pending, Some(paid)) = (&response, paid.as_mut())
                        && paid.room.is_some()
                        && lapse
                            .get_or_insert_with(|| paid.lapse())
                            .as_mut()
                            .poll(cx)
                            .is_ready()
                    {
                        // It is paid, and works on; but it is in nobody's way any more.
                        paid.room = None;
                    }
                    let response = ready!(response);
                    let Some(paid) = paid.take() else {
                        return polled_too_often();
                    };
                    paid.end_meter();
                    let judged = judge_paid(possible(response?, version), *paid, version);
                    State::after_answer(judged, None)
                }
                StateProjection::Capture {
                    capture,
                    sold,
                    lapse,
                } => {
                    let mut captured = capture.poll(cx).map(Some);
                    if let (Poll::Pending, Some(Buyer::Sale(sale, _))) =
                        (&captured, sold.as_deref().map(|(_, buyer)| buyer))
                    {
                        let lapse = lapse.get_or_insert_with(|| sale.lapse());
                        captured = lapse.as_mut().poll(cx).map(|()| None);
                    }
                    let captured = ready!(captured);
                    let Some(sold) = sold.take() else {
                        return polled_too_often();
                    };
                    match (captured, *sold) {
                        (Some(captured), (goods, buyer)) => {
                            State::after_capture(captured, goods, buyer)
                        }
                        (None, (_, Buyer::Sale(sale, _))) => State::answer(ours(sale.lapsed())),
                        // What is paid already never lapses.
                        (None, (goods, buyer)) => {
                            State::answer(ours(buyer.answer_broke(goods.version())))
                        }
                    }
                }
                StateProjection::Settle { settling, packed } => {
                    let settled = ready!(Pin::new(settling).poll(cx));
                    let Some((packed, seen)) = packed.take() else {
                        return polled_too_often();
                    };
                    State::answer(match settled {
                        Ok(charged) => {
                            let (receipt, mut handover) = charged.into_parts();
                            handover.watch(seen);
                            handover.answered();
                            packed.ship(handover, &receipt)
                        }
                        Err(reply) => ours(*reply),
                    })
                }
                StateProjection::Answer { response } => {
                    let Some(response) = response.take() else {
                        return polled_too_often();
                    };
                    state.set(State::Done);
                    return Poll::Ready(Ok(wanted.given(response)));
                }
                StateProjection::Done => return polled_too_often(),
            };
            state.set(next);
        }
    }
}

/// The answer to HEAD: if it is all there, its length is said, and it is left out.
fn response_head<RB: Body>(response: Response<ResponseBody<RB>>) -> Response<ResponseBody<RB>> {
    let (mut parts, body) = response.into_parts();
    let body = match body.into_nothing() {
        Ok(length) => {
            parts.headers.insert(header::CONTENT_LENGTH, length.into());
            ResponseBody::nothing()
        }
        Err(body) => body,
    };
    Response::from_parts(parts, body)
}

/// Only HTTP/1.1 has upgrades. By another version a client that is given one takes it for nothing, if not the whole connection
/// for broken.
fn possible<RB>(mut response: Response<RB>, version: Version) -> Response<RB> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS && version != Version::HTTP_11 {
        log::error!("a handler has answered a request with an upgrade that is not one of HTTP/1.1");
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    response
}

/// A future that has answered has nothing more to say; nothing is ever given out twice.
#[track_caller]
fn polled_too_often<T>() -> Poll<T> {
    panic!("`ResponseFuture` polled after completion")
}

impl<S, B, RB> fmt::Debug for ResponseFuture<S, B, RB>
where
    S: Service<Request<RequestBody<B>>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
