use axum::Router;
use axum::extract::OriginalUri;
use axum::routing::MethodRouter;
use tower_layer::Layer;
use x402_tower::gate::{Gate, GateLayer};

/// Puts a price on a handler, a method router or a router. Made by [`X402::price`](crate::X402::price) and
/// [`X402::route`](crate::X402::route).
#[derive(Clone, Debug)]
pub struct Paid(GateLayer);

impl From<GateLayer> for Paid {
    fn from(layer: GateLayer) -> Self {
        // Routers take off the prefixes that they are nested under.
        Self(layer.original_uri(|extensions| extensions.get().map(|OriginalUri(uri)| uri)))
    }
}

impl<S> Layer<S> for Paid {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        self.0.layer(inner)
    }
}

/// Prices for routers.
pub trait RouterExt: sealed::Sealed + Sized {
    /// Puts a price on all that has been routed so far. What is not found, or not allowed, stays free, and so does
    /// what is added later.
    ///
    /// # Panics
    ///
    /// If nothing has been routed so far.
    #[must_use]
    fn paid(self, paid: Paid) -> Self;
}

impl<S: Clone + Send + Sync + 'static> RouterExt for Router<S> {
    #[track_caller]
    fn paid(self, paid: Paid) -> Self {
        self.route_layer(paid)
    }
}

impl<S: Clone + Send + Sync + 'static> RouterExt for MethodRouter<S> {
    #[track_caller]
    fn paid(self, paid: Paid) -> Self {
        self.route_layer(paid)
    }
}

mod sealed {
    #[allow(unnameable_types, reason = "that is the point")]
    pub trait Sealed {}

    impl<S> Sealed for axum::Router<S> {}
    impl<S> Sealed for axum::routing::MethodRouter<S> {}
}
