//! What tests need: a clock that stands still, payments out of nothing, and the acceptance suite of ledgers.

mod clock;
pub mod ledger;
mod payment;

pub use self::clock::ManualClock;
pub use self::payment::TestPayment;
