//! The middleware: the engine's gate around a service of actix, and every decision made elsewhere.
//!
//! actix speaks version 0.2 of `http`, and its requests belong to one worker. So the gate is lent the head of a request, and
//! gets its payload; the request itself waits beside it until it is called for.

mod answer;
mod body;
mod head;
mod headers;
mod sell;
mod service;

pub(crate) use self::answer::misconfigured;
pub(crate) use self::sell::{Selling, sell};
pub use self::service::Gate;
