//! What a request costs: from the head of a request to offers that are encoded once.

mod accept;
mod frame;
mod head;
mod list;
mod offer;
mod quote;
mod seal;
mod template;
mod terms;

pub use self::accept::Accept;
pub(crate) use self::frame::{Challenge, Measured, Why};
pub(crate) use self::head::Target;
pub use self::head::{Head, Headers, RequestHead};
pub(crate) use self::list::{PriceList, no_play_money};
pub(crate) use self::offer::{PreparedOffer, REFERENCE, Spoken};
pub(crate) use self::quote::Kind as QuoteKind;
pub use self::quote::{IntoQuote, Quote};
pub(crate) use self::seal::{Opened, Purpose, Seal};
pub(crate) use self::terms::{Listing, Pick, Prepared, Terms};
