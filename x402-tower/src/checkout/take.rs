//! Taking a payment out of the ledger, in a way that gives it back whoever stops waiting for the ledger's answer.

use std::future::Future;
use std::sync::Arc;

use super::guard::{Claim, Handover};
use crate::ledger::{self, Claimed, Found, Ledger as _, LedgerError, Rerun};
use crate::scheme::Key;
use crate::till::Till;

/// What became of a claim: [`Claimed`] with a guard in place of a token.
pub(super) enum Taken {
    Ours(Claim),
    Known(Found),
    Owed(Key),
    Exhausted,
}

/// Claims a payment.
pub(super) async fn claim(till: &Arc<Till>, request: &ledger::Claim) -> Result<Taken, LedgerError> {
    if till.ledger.answers_at_once() {
        return claim_here(Arc::clone(till), request).await;
    }
    let (request, at) = (request.clone(), Arc::clone(till));
    surely(till, async move { claim_here(at, &request).await }).await
}

async fn claim_here(till: Arc<Till>, request: &ledger::Claim) -> Result<Taken, LedgerError> {
    Ok(match till.ledger.claim(request).await? {
        Claimed::Fresh(token) => Taken::Ours(Claim::new(till, token)),
        Claimed::Known(found) => Taken::Known(found),
        Claimed::Owed(older, _) => Taken::Owed(older),
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
    let at = Arc::clone(till);
    surely(till, async move {
        let most = at.limits.reruns;
        Ok(match at.ledger.rerun(&key, most, delivered).await? {
            Rerun::Granted(token) => Again::Granted(Box::new(Handover::new(at, token))),
            Rerun::Busy => Again::Busy,
            Rerun::Denied => Again::Denied,
        })
    })
    .await
}

/// A ledger that is somewhere else may have done what it was asked, though nobody has heard the answer. It is heard out
/// at home then, and what it gave is dropped, which gives it back.
async fn surely<T: Send + 'static>(
    till: &Till,
    asking: impl Future<Output = T> + Send + 'static,
) -> T {
    if till.ledger.answers_at_once() {
        asking.await
    } else {
        till.home.surely(asking).await
    }
}
