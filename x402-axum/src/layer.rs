use axum::Router;
use axum::extract::OriginalUri;
use axum::routing::MethodRouter;
use tower_layer::Layer;
use x402_tower::gate::{Gate, GateLayer};

use crate::PaidService;
use crate::service::Inside;

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

impl Paid {
    pub(crate) fn gate<S>(&self, inner: S) -> Gate<S> {
        self.0.layer(inner)
    }
}

impl<S> Layer<S> for Paid {
    type Service = PaidService<S>;

    fn layer(&self, inner: S) -> PaidService<S> {
        PaidService::new(self.gate(Inside::new(inner)))
    }
}

/// Prices for routers.
pub trait RouterExt: sealed::Sealed + Sized {
    /// Puts a price on all that has been routed so far: the same as `route_layer`. What is not found stays free, and so
    /// does what is added later. What is not allowed stays free if it is a [`MethodRouter`] that is paid; a [`Router`]
    /// asks for the price before it looks at methods, and charges nothing.
    ///
    /// # Panics
    ///
    /// If nothing has been routed so far. That includes [`any`](axum::routing::any), which takes what is left: put the
    /// price on its handler then, with [`Handler::layer`](axum::handler::Handler::layer).
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
