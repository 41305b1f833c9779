use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::checkout::Tally;

pin_project! {
    /// The body of a request behind a gate: the client's own, watched as the handler reads it.
    pub struct RequestBody<B> {
        #[pin]
        inner: Inner<B>,
        tally: Option<Tally>,
    }
}

pin_project! {
    #[project = InnerProjection]
    enum Inner<B> {
        Untouched { #[pin] body: B },
        // Few are, so that takes no room in the others.
        Begun { begun: Box<Begun<B>> },
    }
}

/// A body of which the gate has read some, to compare it with an earlier request.
pub(super) struct Begun<B> {
    pub(super) read: Bytes,
    /// Nothing if there is no more.
    pub(super) rest: Option<Pin<Box<RequestBody<B>>>>,
    pub(super) trailers: Option<HeaderMap>,
}

impl<B> RequestBody<B> {
    pub(super) const fn new(body: B) -> Self {
        Self {
            inner: Inner::Untouched { body },
            tally: None,
        }
    }

    /// A body of which some has been read.
    pub(super) fn begun(begun: Begun<B>) -> Self {
        let begun = Box::new(begun);
        Self {
            inner: Inner::Begun { begun },
            tally: None,
        }
    }

    /// Tells as much as the handler reads of it.
    pub(super) fn tallied(mut self, tally: Tally) -> Self {
        self.tally = Some(tally);
        self
    }

    /// The client's own body, if it is nothing else: nobody has read of it, and nobody watches who does.
    ///
    /// For stacks with one type for all bodies: what is untouched needs no further box.
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::BodyExt as _;
    /// use http_body_util::combinators::UnsyncBoxBody;
    /// use tower::{ServiceBuilder, ServiceExt as _};
    /// use x402_tower::X402;
    /// use x402_tower::gate::RequestBody;
    ///
    /// type Body = UnsyncBoxBody<Bytes, Infallible>;
    ///
    /// fn inwards(request: Request<RequestBody<Body>>) -> Request<Body> {
    ///     request.map(|body| body.into_untouched().unwrap_or_else(|watched| watched.boxed_unsync()))
    /// }
    ///
    /// /// Knows nothing of payments.
    /// async fn upload(request: Request<Body>) -> Result<Response<String>, Infallible> {
    ///     let read = request.into_body().collect().await?.to_bytes();
    ///     Ok(Response::new(format!("{} bytes", read.len())))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let x402 = X402::local().build()?;
    /// let service = ServiceBuilder::new()
    ///     .layer(x402.route("$0.01").free_when(|head| head.path() == "/sample").build()?)
    ///     .map_request(inwards)
    ///     .service_fn(upload);
    ///
    /// let free = Request::post("/sample").body("some tea".to_owned().boxed_unsync())?;
    /// assert_eq!(service.oneshot(free).await?.into_body().collect().await?.to_bytes(), "8 bytes");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Else this one.
    pub fn into_untouched(self) -> Result<B, Self> {
        match self {
            Self {
                inner: Inner::Untouched { body },
                tally: None,
            } => Ok(body),
            other => Err(other),
        }
    }
}

impl<B: Body> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let frame = ready!(match this.inner.project() {
            InnerProjection::Untouched { body } => body
                .poll_frame(cx)
                .map_ok(|frame| frame.map_data(into_bytes)),
            InnerProjection::Begun { begun } => begun.poll_frame(cx),
        });
        if let Some(tally) = this.tally {
            match &frame {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        tally.read(data);
                    }
                }
                None => tally.end(),
                Some(Err(_)) => {}
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let ended = match &self.inner {
            Inner::Untouched { body } => body.is_end_stream(),
            Inner::Begun { begun } => begun.is_end_stream(),
        };
        if ended && let Some(tally) = &self.tally {
            // Whoever asks this knows that it has read everything.
            tally.end();
        }
        ended
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Untouched { body } => body.size_hint(),
            Inner::Begun { begun } => begun.size_hint(),
        }
    }
}

impl<B: Body> Begun<B> {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if !self.read.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(mem::take(&mut self.read)))));
        }
        match &mut self.rest {
            Some(rest) => rest.as_mut().poll_frame(cx),
            None => Poll::Ready(self.trailers.take().map(|it| Ok(Frame::trailers(it)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        let ends = |rest: &Pin<Box<RequestBody<B>>>| rest.is_end_stream();
        self.read.is_empty() && self.trailers.is_none() && self.rest.as_ref().is_none_or(ends)
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.as_ref();
        let rest = rest.map_or(SizeHint::with_exact(0), |rest| rest.size_hint());
        behind(self.read.len(), rest)
    }
}

/// How long something is of which so much comes before the rest.
pub(super) fn behind(length: usize, rest: SizeHint) -> SizeHint {
    let length = length as u64;
    let mut hint = SizeHint::new();
    hint.set_lower(rest.lower().saturating_add(length));
    if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(length)) {
        hint.set_upper(upper);
    }
    hint
}

impl<B> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody")
            .field("tally", &self.tally)
            .finish_non_exhaustive()
    }
}

pub(super) fn into_bytes(mut data: impl bytes::Buf) -> Bytes {
    data.copy_to_bytes(data.remaining())
}
