use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use x402_tower::gate::GateLayer;

/// A framework, as far as the suite is concerned.
pub trait App: 'static {
    /// Serves these routes on some port of this machine.
    fn start(routes: Vec<Route>) -> impl Future<Output = Running> + Send;
}

/// A route: everything below a path, behind a gate if there is one.
#[derive(Clone)]
pub struct Route {
    /// Where.
    pub path: &'static str,
    /// What it costs.
    pub gate: Option<GateLayer>,
    /// What it does.
    pub handler: Handler,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Route({})", self.path)
    }
}

/// What a route does with a request. An error ends the connection.
pub type Handler = Arc<
    dyn Fn(
            Request<TestBody>,
        ) -> Pin<Box<dyn Future<Output = Result<Response<TestBody>, BoxError>> + Send>>
        + Send
        + Sync,
>;

/// Any body.
pub type TestBody = UnsyncBoxBody<Bytes, BoxError>;

/// Any error.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// A handler out of an async function.
pub fn handler<F, Fut>(act: F) -> Handler
where
    F: Fn(Request<TestBody>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response<TestBody>, BoxError>> + Send + 'static,
{
    Arc::new(move |request| Box::pin(act(request)))
}

/// A body that is all there.
pub fn body(text: impl Into<Bytes>) -> TestBody {
    Full::new(text.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A body of so many bytes, in pieces, whose length is said or not.
pub fn pieces(length: usize, said: bool) -> TestBody {
    Pieces { left: length, said }.boxed_unsync()
}

struct Pieces {
    left: usize,
    said: bool,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        static PIECE: [u8; 64 << 10] = [b'x'; 64 << 10];
        let length = self.left.min(PIECE.len());
        self.left -= length;
        let piece = (length > 0).then(|| Ok(Frame::data(Bytes::from_static(&PIECE[..length]))));
        Poll::Ready(piece)
    }

    fn size_hint(&self) -> SizeHint {
        if self.said {
            SizeHint::with_exact(self.left as u64)
        } else {
            SizeHint::default()
        }
    }
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// What stops it.
    pub stop: Stop,
}

/// Stops something when it is dropped.
pub struct Stop(Option<Box<dyn FnOnce() + Send>>);

impl Stop {
    /// Stops it like this.
    pub fn new(stop: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(stop)))
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        if let Some(stop) = self.0.take() {
            stop();
        }
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stop")
    }
}
