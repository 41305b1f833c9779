//! What tests need: a clock that stands still, payments out of nothing, and the acceptance suite of ledgers.

mod clock;
pub mod ledger;

pub use self::clock::ManualClock;
