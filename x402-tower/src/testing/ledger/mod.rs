//! The acceptance suite of ledgers: what every implementation of [`Ledger`] has to do.
//!
//! A ledger that is to be trusted with money passes [`acceptance`], in a test of its own:
//!
//! ```
//! use x402_tower::ledger::MemoryLedger;
//! use x402_tower::testing;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! testing::ledger::acceptance(async |clock| MemoryLedger::builder().clock(clock).build()).await;
//! # }
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a suite of tests says what is wrong by panicking"
)]

mod answers;
mod books;
mod claims;
mod due;
mod owed;

use std::sync::Arc;

use self::books::Books;
use super::ManualClock;
use crate::clock::Clock;
use crate::ledger::Ledger;

/// Runs the whole suite, on a new ledger for each property. `make` makes an empty ledger that goes by a clock.
///
/// # Panics
///
/// If the ledger does not do what it has to, saying what that is.
pub async fn acceptance<L: Ledger>(make: impl AsyncFn(Arc<dyn Clock>) -> L) {
    macro_rules! properties {
        ($($property:path),* $(,)?) => {$(
            let clock = ManualClock::shared();
            let ledger = make(clock.clone()).await;
            $property(&Books { ledger, clock }).await;
        )*};
    }
    properties!(
        claims::a_payment_is_claimed_once,
        claims::of_many_claims_at_once_one_is_granted,
        claims::a_released_payment_can_be_claimed_again,
        claims::what_is_found_is_compared,
        claims::a_claim_ends_with_its_lease,
        claims::an_old_token_changes_nothing,
        claims::aborted_runs_are_counted,
        due::a_settlement_that_outlives_its_lease_is_parked,
        due::a_settlement_that_outlives_its_lease_is_due_whoever_notices,
        due::a_parked_payment_is_due_once_and_on_time,
        due::a_parked_payment_ends,
        due::what_expires_undelivered_is_told,
        due::what_may_have_moved_money_goes_before_refunds,
        due::refunds_do_not_wait_for_ever,
        due::each_seller_looks_after_their_own,
        answers::a_settled_payment_is_remembered_for_as_long_as_it_says,
        answers::reruns_are_counted_and_one_at_a_time,
        answers::a_kept_answer_is_given_as_often_as_it_takes,
        owed::what_was_not_delivered_is_owed,
        owed::what_is_owed_is_told_one_by_one,
        owed::nothing_else_is_owed,
        owed::what_is_attended_is_told_of_as_long_as_it_is,
        owed::what_nobody_attends_to_is_owed,
        owed::what_is_abandoned_is_owed_at_once,
        owed::what_is_attended_does_not_expire,
    );
}
