use std::sync::Arc;

use http::{Extensions, Uri};
use tower_layer::Layer;

use super::Gate;
use crate::checkout::Policy;

/// Puts a price on a service. Made by [`X402::price`](crate::X402::price) and [`X402::route`](crate::X402::route).
#[derive(Clone, Debug)]
pub struct GateLayer {
    policy: Arc<Policy>,
    original_uri: OriginalUri,
}

/// Finds the URI that the client asked for among the extensions of a request.
pub(super) type OriginalUri = for<'a> fn(&'a Extensions) -> Option<&'a Uri>;

impl GateLayer {
    pub(crate) fn new(policy: Arc<Policy>) -> Self {
        Self {
            policy,
            original_uri: |_| None,
        }
    }

    /// Says where to find the URI that the client asked for, under routers that take off a prefix before they hand a
    /// request on. Without it, or where it finds nothing, the URI of the request is taken.
    #[must_use]
    pub fn original_uri(mut self, find: for<'a> fn(&'a Extensions) -> Option<&'a Uri>) -> Self {
        self.original_uri = find;
        self
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate::new(inner, Arc::clone(&self.policy), self.original_uri)
    }
}
