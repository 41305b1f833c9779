//! The wire, exactly: the messages of x402 in version 1 and 2, and how they travel in headers.
//!
//! The types of [`v1`] and [`v2`] and the answers of a facilitator are for reading and writing messages at leisure:
//! null means missing, members that are not known are kept in `rest`, and nothing is lost when a message is written
//! again. A payment that arrives at a server is read in place, as [`Presented`].

mod answer;
pub(crate) mod base64;
pub mod header;
mod message;
mod object;
mod payment;
mod read;
pub(crate) mod receipt;
pub mod v1;
pub mod v2;
mod version;

pub use self::answer::{SettleResponse, SupportedKind, SupportedResponse, VerifyResponse};
pub use self::object::Object;
pub use self::payment::{Accepted, AcceptedTerms, Presented};
pub use self::read::RawJson;
pub(crate) use self::read::{ReadError, Reader};
pub use self::version::Version;
