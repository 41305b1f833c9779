use std::cell::Cell;

use actix_web::dev::ServiceRequest;
use actix_web::{Error, HttpRequest};

use super::convert::Rest;

/// What the gate has no part in while a request goes through it.
///
/// It is never a clone: actix panics if a request has more than one owner while it is routed.
#[derive(Default)]
pub(super) struct Between(Cell<Place>);

/// Where a request is.
#[derive(Default)]
pub(super) enum Place {
    /// It waits to be called for.
    Waiting(ServiceRequest),
    /// The service has it.
    #[default]
    Inside,
    /// The service has answered it.
    Answered(HttpRequest, Rest),
    /// The service has failed, with an error that is an answer like any other.
    Failed(Error, Rest),
}

impl Between {
    pub(super) fn new(request: ServiceRequest) -> Self {
        Self(Cell::new(Place::Waiting(request)))
    }

    pub(super) fn leave(&self, place: Place) {
        self.0.set(place);
    }

    pub(super) fn take(&self) -> Place {
        self.0.take()
    }
}
