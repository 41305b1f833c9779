//! The middleware: the engine's gate around a service of actix, and every decision made elsewhere.
//!
//! actix speaks version 0.2 of `http`, and its services take requests that cannot be taken apart. So the gate gets the head of
//! a request, translated; what the service needs waits in between until the gate calls for it.

mod behind;
mod between;
mod body;
pub(crate) mod convert;
mod future;
mod service;

pub use self::behind::{Behind, BehindFuture};
pub(crate) use self::body::payload;
pub use self::body::{AnswerBody, GateBody, PayloadBody};
pub use self::future::ResponseFuture;
pub use self::service::Gate;
