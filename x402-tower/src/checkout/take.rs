//! Taking a payment out of the ledger, in a way that gives it back whoever stops waiting for the ledger's answer.
//!
//! A ledger that is somewhere else may have done what it was asked, though nobody has heard the answer. It is heard out
//! at home then, and what it gave is dropped, which gives it back.

use std::sync::Arc;

use super::guard::{Claim, Handover};
use crate::ledger::{self, BodyDigest, Claimed, Found, Ledger as _, LedgerError, Rerun};
use crate::scheme::Key;
use crate::till::Till;

/// What became of a claim: [`Claimed`] with a guard in place of a token.
pub(super) enum Taken {
    Ours(Claim),
    Known(Found),
    Owed(Key),
    Attended(Key, BodyDigest),
    Exhausted,
}

/// Claims a payment.
pub(super) async fn claim(till: &Arc<Till>, request: &ledger::Claim) -> Result<Taken, LedgerError> {
    let at = Arc::clone(till);
    if till.ledger.answers_at_once() {
        return claim_for(at, request).await;
    }
    let request = request.clone();
    let asking = till
        .home
        .surely(async move { claim_for(at, &request).await });
    asking.await
}

async fn claim_for(till: Arc<Till>, request: &ledger::Claim) -> Result<Taken, LedgerError> {
    Ok(match till.ledger.claim(request).await? {
        Claimed::Fresh(token) => Taken::Ours(Claim::new(till, token)),
        Claimed::Known(found) => Taken::Known(found),
        Claimed::Owed(older) => Taken::Owed(older),
        Claimed::Attended(older, body) => Taken::Attended(older, body),
        Claimed::Exhausted => Taken::Exhausted,
    })
}

/// What became of a rerun: [`Rerun`] with a guard in place of a token.
pub(super) enum Again {
    Granted(Box<Handover>),
    Busy,
    Denied,
}

/// Takes a settled payment to answer it once more.
pub(super) async fn rerun(
    till: &Arc<Till>,
    key: Key,
    delivered: bool,
) -> Result<Again, LedgerError> {
    // If this process is at it, a ledger that says otherwise has not heard from it for a while.
    if till.attendance.has(&key, till.now()) {
        return Ok(Again::Busy);
    }
    let at = Arc::clone(till);
    if till.ledger.answers_at_once() {
        return rerun_for(at, key, delivered).await;
    }
    let asking = till.home.surely(rerun_for(at, key, delivered));
    asking.await
}

async fn rerun_for(till: Arc<Till>, key: Key, delivered: bool) -> Result<Again, LedgerError> {
    Ok(
        match till.ledger.rerun(&key, MOST_RERUNS, delivered).await? {
            Rerun::Granted(token) => {
                till.attendance.begin_to_answer(token);
                Again::Granted(Box::new(Handover::new(till, token).again()))
            }
            Rerun::Busy => Again::Busy,
            Rerun::Denied => Again::Denied,
        },
    )
}

/// How often a settled payment is answered by running the handler again.
const MOST_RERUNS: u8 = 3;
