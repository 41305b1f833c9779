use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::capture::Captured;
use super::request_body::{behind, into_bytes};
use crate::checkout::Handover;
use crate::ledger::Keeping;

pin_project! {
    /// The body of an answer of a gate: the handler's own, or one of ours.
    pub struct ResponseBody<RB> {
        #[pin]
        inner: Inner<RB>,
    }
}

pin_project! {
    #[project = InnerProjection]
    enum Inner<RB> {
        /// An answer that is not sold.
        Free { #[pin] body: RB },
        /// A sold answer, watched until it is handed over.
        Sold { #[pin] body: RB, rest: Bytes, watch: Option<Box<Watch>> },
        /// An answer that is all there: one of ours, or one that was captured.
        Whole {
            data: Option<Bytes>,
            trailers: Option<Box<HeaderMap>>,
            handover: Option<Box<Handover>>,
            ends_by_length: bool,
        },
    }
}

/// Watches a body that is streamed, and keeps a copy while that is small.
#[derive(Debug)]
pub(super) struct Watch {
    handover: Handover,
    /// How many bytes are still to come, if that is known.
    left: Option<u64>,
    /// Whether that is all that a server asks for. Else it asks until it is told that there is no more, and not before the last
    /// piece is on its way: by HTTP/2 one can wait for as long as the client likes.
    ends_by_length: bool,
    /// Whether there was more than that for a server that does not cut it off. Clients refuse it.
    is_long: bool,
    copy: Option<Copy>,
}

/// A copy of an answer, in the making.
#[derive(Debug)]
pub(super) struct Copy {
    answer: Keeping,
    most: usize,
}

impl Copy {
    /// A copy of an answer whose body may become so long.
    pub(super) const fn new(answer: Keeping, most: usize) -> Self {
        Self { answer, most }
    }

    /// Takes in more, as long as it fits.
    fn with(mut self, data: &[u8]) -> Option<Self> {
        let fits = self.answer.body_len() + data.len() <= self.most;
        fits.then(|| {
            self.answer.push(data);
            self
        })
    }
}

impl Watch {
    pub(super) const fn new(
        handover: Handover,
        length: Option<u64>,
        ends_by_length: bool,
        copy: Option<Copy>,
    ) -> Self {
        Self {
            handover,
            left: length,
            ends_by_length,
            is_long: false,
            copy,
        }
    }

    fn pass(&mut self, frame: &Frame<Bytes>) {
        let Some(data) = frame.data_ref() else {
            // An answer with trailers is not kept without them.
            self.copy = None;
            return;
        };
        if let Some(left) = &mut self.left {
            let length = data.len() as u64;
            self.is_long |= length > *left && !self.ends_by_length;
            *left = left.saturating_sub(length);
        }
        self.copy = self.copy.take().and_then(|copy| copy.with(data));
    }

    fn is_over(&self) -> bool {
        self.ends_by_length && self.left == Some(0)
    }

    /// Whether it has another length than it said.
    fn is_off(&self) -> bool {
        self.is_long || self.left.is_some_and(|left| left > 0)
    }

    /// Whether data of this length, which comes next, may be the last for a server that asks on until it is told so.
    fn may_end_with(&self, length: usize) -> bool {
        !self.ends_by_length && self.left.is_none_or(|left| left <= length as u64)
    }

    /// Everything has been handed over.
    fn end(self: Box<Self>) {
        let mut watch = *self;
        if let Some(copy) = watch.copy {
            watch.handover.keep(copy.answer.finish());
        }
        watch.handover.delivered();
    }
}

impl<RB> ResponseBody<RB> {
    /// The handler's own body, if it is nothing else: its answer is not sold.
    ///
    /// For stacks with one type for all bodies: what is not sold needs no further box, and paid routes can stand beside
    /// free ones.
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use bytes::Bytes;
    /// use http::{Request, Response, StatusCode};
    /// use http_body_util::combinators::UnsyncBoxBody;
    /// use http_body_util::{BodyExt as _, Full};
    /// use tower::util::BoxCloneService;
    /// use tower::{ServiceBuilder, ServiceExt as _, service_fn};
    /// use x402_tower::X402;
    /// use x402_tower::gate::ResponseBody;
    ///
    /// type Body = UnsyncBoxBody<Bytes, Infallible>;
    /// type Route = BoxCloneService<Request<String>, Response<Body>, Infallible>;
    ///
    /// async fn answer<B>(_: Request<B>) -> Result<Response<Body>, Infallible> {
    ///     Ok(Response::new(Full::from("sunny").boxed_unsync()))
    /// }
    ///
    /// fn outwards(response: Response<ResponseBody<Body>>) -> Response<Body> {
    ///     response.map(|body| body.into_unsold().unwrap_or_else(|sold| sold.boxed_unsync()))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let x402 = X402::local().build()?;
    /// let free = Route::new(service_fn(answer));
    /// let paid = ServiceBuilder::new().map_response(outwards).layer(x402.price("$0.01")?);
    /// let paid = Route::new(paid.service_fn(answer));
    ///
    /// for (route, status) in [(free, StatusCode::OK), (paid, StatusCode::PAYMENT_REQUIRED)] {
    ///     assert_eq!(route.oneshot(Request::new(String::new())).await?.status(), status);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Else this one.
    pub fn into_unsold(self) -> Result<RB, Self> {
        match self.inner {
            Inner::Free { body } => Ok(body),
            inner => Err(Self { inner }),
        }
    }
}

impl<RB: Body> ResponseBody<RB> {
    pub(super) const fn free(body: RB) -> Self {
        Self {
            inner: Inner::Free { body },
        }
    }

    /// A sold answer. If there is nothing to hand over but its head, it is delivered with that: servers do not ask for
    /// the body of an answer that has none.
    pub(super) fn sold(body: RB, watch: Box<Watch>, has_body: bool) -> Self {
        let watch = if !has_body || body.is_end_stream() || watch.is_over() {
            watch.end();
            None
        } else {
            Some(watch)
        };
        Self {
            inner: Inner::Sold {
                body,
                rest: Bytes::new(),
                watch,
            },
        }
    }

    /// How long this would be, if it is all there and some of it is left: nothing of it is handed over then.
    pub(super) fn into_nothing(self) -> Result<u64, Self> {
        match &self.inner {
            Inner::Whole {
                data: Some(data), ..
            } => Ok(data.len() as u64),
            _ => Err(self),
        }
    }

    /// No body.
    pub(super) fn nothing() -> Self {
        Self::whole(Captured::default(), None, true)
    }

    pub(super) fn whole(
        captured: Captured,
        handover: Option<Box<Handover>>,
        ends_by_length: bool,
    ) -> Self {
        let Captured { data, trailers } = captured;
        let data = (!data.is_empty()).then_some(data);
        let mut handover = handover;
        if data.is_none() && trailers.is_none() {
            delivered(&mut handover);
        }
        Self {
            inner: Inner::Whole {
                data,
                trailers,
                handover,
                ends_by_length,
            },
        }
    }
}

/// The longest piece that is handed over at once. A server takes in whatever it is given; it asks for more when most of that
/// is on its way.
const PIECE: usize = 64 << 10;

/// The next piece of this, and what is left. If a server asks for what comes behind this, its last byte is a piece of its own:
/// by HTTP/2 a piece is taken in whole as soon as its client lets any of it come, and a byte has no other part that could.
fn piece(mut data: Bytes, may_end: bool) -> (Bytes, Bytes) {
    let length = match data.len() {
        length if length > PIECE => PIECE,
        length if length > 1 && may_end => length - 1,
        _ => return (data, Bytes::new()),
    };
    let rest = data.split_off(length);
    (data, rest)
}

fn delivered(handover: &mut Option<Box<Handover>>) {
    if let Some(handover) = handover.take() {
        handover.delivered();
    }
}

fn end(watch: &mut Option<Box<Watch>>) {
    if let Some(watch) = watch.take() {
        watch.end();
    }
}

impl<RB: Body> Body for ResponseBody<RB> {
    type Data = Bytes;
    type Error = RB::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RB::Error>>> {
        match self.project().inner.project() {
            InnerProjection::Free { body } => body
                .poll_frame(cx)
                .map_ok(|frame| frame.map_data(into_bytes)),
            InnerProjection::Sold {
                mut body,
                rest,
                watch,
            } => {
                let next = if rest.is_empty() {
                    let frame = ready!(body.as_mut().poll_frame(cx));
                    frame.map(|frame| frame.map(|frame| frame.map_data(into_bytes)))
                } else {
                    Some(Ok(Frame::data(std::mem::take(rest))))
                };
                let frame = next.map(|frame| {
                    frame.map(|frame| {
                        frame.map_data(|data| {
                            let may_end = watch
                                .as_ref()
                                .is_some_and(|watch| watch.may_end_with(data.len()));
                            let (piece, behind) = piece(data, may_end);
                            *rest = behind;
                            piece
                        })
                    })
                });
                match &frame {
                    Some(Ok(frame)) => {
                        if let Some(watch) = watch {
                            watch.pass(frame);
                        }
                        // A server that knows the length, or is told that this was the end, does not ask again, and nothing
                        // comes behind trailers.
                        let is_over = |watch: &Watch| {
                            let is_last = || {
                                frame.is_trailers() || watch.ends_by_length && body.is_end_stream()
                            };
                            watch.is_over() || rest.is_empty() && is_last() && !watch.is_off()
                        };
                        if watch.as_deref().is_some_and(is_over) {
                            end(watch);
                        }
                    }
                    // An answer that breaks off was not delivered, nor one of another length than it said.
                    Some(Err(_)) => drop(watch.take()),
                    None if watch.as_deref().is_some_and(Watch::is_off) => drop(watch.take()),
                    None => end(watch),
                }
                Poll::Ready(frame)
            }
            InnerProjection::Whole {
                data,
                trailers,
                handover,
                ends_by_length,
            } => {
                let frame = match data.take() {
                    Some(all) => {
                        let may_end = handover.is_some() && !*ends_by_length;
                        let (piece, rest) = piece(all, may_end);
                        *data = (!rest.is_empty()).then_some(rest);
                        Some(Frame::data(piece))
                    }
                    None => trailers.take().map(|trailers| Frame::trailers(*trailers)),
                };
                let asks_on = !*ends_by_length && frame.as_ref().is_some_and(Frame::is_data);
                if trailers.is_none() && data.is_none() && !asks_on {
                    delivered(handover);
                }
                Poll::Ready(frame.map(Ok))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Free { body } => body.is_end_stream(),
            Inner::Sold { body, rest, watch } => {
                let asks_on = watch.as_ref().is_some_and(|watch| !watch.ends_by_length);
                rest.is_empty() && body.is_end_stream() && !asks_on
            }
            Inner::Whole {
                data,
                trailers,
                handover,
                ends_by_length,
            } => {
                let asks_on = handover.is_some() && !ends_by_length;
                data.is_none() && trailers.is_none() && !asks_on
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Free { body } => body.size_hint(),
            Inner::Sold { body, rest, .. } => behind(rest.len(), body.size_hint()),
            Inner::Whole { data, .. } => {
                SizeHint::with_exact(data.as_ref().map_or(0, |data| data.len() as u64))
            }
        }
    }
}

impl<RB> fmt::Debug for ResponseBody<RB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}
