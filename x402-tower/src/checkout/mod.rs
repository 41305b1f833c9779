//! The decisions: from the head of a request to admission or refusal.
//!
//! Nothing here knows an HTTP stack. The order in which a payment is looked at is that of [`admit`]; what a refusal looks
//! like is the table in [`reply`].

mod admit;
mod arrive;
mod asked;
mod bill;
mod call;
mod first;
mod flights;
mod guard;
mod identify;
mod known;
mod last_word;
mod matching;
mod meter;
mod payer;
mod payment;
mod policy;
mod quoted;
mod refusal;
mod reply;
mod seen;
mod take;
mod tender;
mod verify;
mod window;

pub(crate) use self::admit::{Admission, Good, Paid, Paying, Sale, admit};
pub(crate) use self::arrive::{Arrival, Brought, TELLING, arrive, ask};
pub(crate) use self::asked::Asked;
pub(crate) use self::bill::Bill;
pub(crate) use self::flights::{Flights, Room};
pub(crate) use self::guard::{Claim, Handover};
pub(crate) use self::known::{Compared, failed_receipt, open_receipt};
pub(crate) use self::last_word::LastWord;
pub use self::meter::{Meter, MeterError, Usage};
#[cfg(feature = "testing")]
pub(crate) use self::payment::Facts;
pub use self::payment::Payment;
pub use self::policy::{AnswerHead, Settle};
pub(crate) use self::policy::{Budgets, ChargeWhen, Dynamic, FreeWhen, Policy, Pricer, Pricing};
pub(crate) use self::refusal::Refusal;
pub(crate) use self::reply::{Reply, add_receipt};
pub(crate) use self::seen::{Seen, Tally};
pub(crate) use self::verify::Verified;
pub(crate) use self::window::can_settle;
