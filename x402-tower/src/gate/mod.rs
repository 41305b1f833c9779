//! The layer: HTTP in, HTTP out, and every decision made elsewhere.
//!
//! [`GateLayer`] goes around any `tower` service over `http` types, whatever its bodies and errors. All that it asks of
//! the service is `Clone`.
//!
//! A gate holds a readied inner service while a payment is checked, and with it whatever readiness stands for: a permit
//! of a concurrency limit, a place in a buffer. Put limits around the gate, or [`tower`'s `LoadShed`] inside of it, if
//! unpaid requests must not wait for busy handlers.
//!
//! [`tower`'s `LoadShed`]: https://docs.rs/tower/latest/tower/load_shed/

mod body;
mod capture;
mod dress;
mod future;
mod goods;
mod layer;
mod lent;
mod reading;
mod request_body;
mod service;

pub use self::body::ResponseBody;
pub use self::future::ResponseFuture;
pub use self::goods::misconfigured;
pub use self::layer::GateLayer;
pub use self::lent::Visit;
pub use self::request_body::RequestBody;
pub use self::service::Gate;
