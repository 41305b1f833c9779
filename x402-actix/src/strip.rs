use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;

use crate::brought::Brought;

/// A middleware that takes the payment out of the headers of a request, for the gate that comes after it.
///
/// A handler has to share its request with actix, so its headers cannot be changed there any more.
pub async fn strip(
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    Brought::take(&mut request).leave(&request);
    next.call(request).await
}
