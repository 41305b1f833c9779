//! The life of each payment: claimed, settled, parked or released, and never two of them at once.
//!
//! A [`Ledger`] is where that is written down. Every verb is atomic and one round trip. Whoever claims a payment gets a
//! [`Token`]; each verb that follows carries it, and one that comes with an old token changes nothing ([`Fenced::Lost`]).
//!
//! ```text
//!            claim                begin_settlement               commit
//!  (unknown) ─────▶ claimed ──────────────────────▶ settling ─────────▶ settled ──▶ delivered
//!      ▲               │                            │  ▲   │                │
//!      └───release─────┴──────release, if refused───┘  │   └─park─▶ parked  └─rerun
//!                                                      └────due─────┘  │
//!                                                                      └─give_up─▶ unresolved
//! ```
//!
//! A lease that ends while a payment is *claimed* releases it; one that ends while it is *settling* parks it, because the
//! money may have moved.
//!
//! From `begin_settlement` until it is delivered a payment is *attended*: somebody moves its money, or gives its answer. They
//! say so again and again ([`Ledger::attend`]). Once nothing was heard of them for [`ATTENDED_FOR`], they have died, and
//! the buyer is owed what they had in hand.

mod error;
mod kept;
mod memory;
mod record;
mod shared;
mod token;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::Digest;
use crate::scheme::Key;

pub use self::error::LedgerError;
pub(crate) use self::kept::Keeping;
pub use self::kept::KeptAnswer;
pub use self::memory::{MemoryLedger, MemoryLedgerBuilder};
pub use self::record::{
    BodyDigest, Delivery, Found, Handed, Intent, Parked, Receipt, Reference, Settled, Standing,
    Unresolved,
};
pub use self::shared::SharedLedger;
pub use self::token::Token;

/// Remembers every payment from its claim until nobody can use it any more.
///
/// Every verb has to end: timeouts are the ledger's own, and are a [`LedgerError`].
///
/// Implementations prove themselves with the acceptance suite of the `testing` feature.
pub trait Ledger: Send + Sync + 'static {
    /// What is known of a payment. Changes nothing.
    fn find(
        &self,
        identity: &Identity,
    ) -> impl Future<Output = Result<Option<Found>, LedgerError>> + Send;

    /// Takes a payment for oneself, unless it is known, or something older is owed to the same buyer for the same request.
    fn claim(&self, claim: &Claim) -> impl Future<Output = Result<Claimed, LedgerError>> + Send;

    /// Writes down, before anything is sent, that the money may move from now on, and all that it takes to find out whether
    /// it has if nobody comes back to tell.
    fn begin_settlement(
        &self,
        token: &Token,
        parked: &Arc<Parked>,
        lease: Duration,
    ) -> impl Future<Output = Result<Fenced, LedgerError>> + Send;

    /// Whoever has these tokens still settles, or still gives the answer. What has been abandoned, delivered or lost since
    /// then stays so.
    ///
    /// While an answer is given, the time stands still for which its payment is remembered, and owed
    /// ([`Settled::keep_until`], [`Settled::owed_until`]): by this, and by [`Ledger::deliver`], both move on by as much as has
    /// passed since its attendant was heard last. What is attended does not expire, and a buyer who loses a long answer at its
    /// end has as long as any other to come back.
    fn attend(&self, tokens: &[Token]) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Nobody waits for the outcome of a settlement any more: whatever it brings is owed.
    fn abandon(&self, token: &Token) -> impl Future<Output = Result<Fenced, LedgerError>> + Send;

    /// The money has moved. A token of [`Ledger::due`] works as well as that of the claim.
    fn commit(
        &self,
        token: &Token,
        settled: &Settled,
    ) -> impl Future<Output = Result<Fenced, LedgerError>> + Send;

    /// It is not known whether the money has moved, or it is on its way. What somebody has looked after since it was parked
    /// ([`Parked::attempts`]) keeps the answer that it had, if that is still there.
    fn park(
        &self,
        token: &Token,
        parked: &Arc<Parked>,
    ) -> impl Future<Output = Result<Fenced, LedgerError>> + Send;

    /// It is certain that the money has not moved: the payment can be used again.
    fn release(
        &self,
        token: &Token,
        release: Release,
    ) -> impl Future<Output = Result<Fenced, LedgerError>> + Send;

    /// What became of a parked payment will not be known.
    fn give_up(
        &self,
        token: &Token,
        unresolved: &Unresolved,
    ) -> impl Future<Output = Result<Fenced, LedgerError>> + Send;

    /// Takes a settled payment to answer it once more, unless somebody attends to that just now. If its answer is not kept, it
    /// is done `most` times at the most; if it was delivered, only if `delivered` is as good as not.
    fn rerun(
        &self,
        key: &Key,
        most: u8,
        delivered: bool,
    ) -> impl Future<Output = Result<Rerun, LedgerError>> + Send;

    /// How the answer to a settled payment ended. What was delivered once stays delivered, however it ends when it is given
    /// once more: it is never owed again.
    fn deliver(
        &self,
        token: &Token,
        handed: &Handed,
    ) -> impl Future<Output = Result<Fenced, LedgerError>> + Send;

    /// What somebody has to look after now; at most `most` of it, and each to one caller only. Attempts go
    /// first, and nothing waits for ever.
    ///
    /// It is what became of the settlements of one seller ([`Intent::seller`]). Another one has other facilitators, and
    /// another operator.
    fn due(
        &self,
        seller: Option<&str>,
        most: usize,
        lease: Duration,
    ) -> impl Future<Output = Result<Vec<Due>, LedgerError>> + Send;
}

/// For how long a settlement or a delivery counts as attended after it has begun, and after each [`Ledger::attend`].
pub const ATTENDED_FOR: Duration = Duration::from_secs(4);

/// What a payment is recognized by.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Identity {
    /// Which payment it is.
    pub key: Key,
    /// What was signed, and the signature.
    pub proof: Digest,
    /// Who asks for what: payer, method, URL and the headers that make a difference.
    pub request: Digest,
    /// The reference of our own challenge, if the payment came with one.
    pub reference: Option<Reference>,
}

impl Identity {
    /// A payment for a request.
    pub const fn new(
        key: Key,
        proof: Digest,
        request: Digest,
        reference: Option<Reference>,
    ) -> Self {
        Self {
            key,
            proof,
            request,
            reference,
        }
    }
}

/// What [`Ledger::claim`] is asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Claim {
    /// The payment.
    pub identity: Identity,
    /// For how long it is claimed; after that it is released by itself.
    pub lease: Duration,
    /// Until when, since 1970, anything can happen to this payment: the end of its validity, by the server's bounds.
    pub usable_until: Duration,
    /// Whether something older that is owed to the same buyer for the same request goes before, or may be owed soon.
    pub owed: bool,
    /// What does not go before, because it turned out to be for something else (another body makes another request), or to
    /// be in good hands.
    pub passed: Vec<Key>,
    /// How many runs that ended without an answer are granted: three unless said otherwise.
    pub most_aborted: u8,
}

impl Claim {
    /// A claim of this payment.
    pub const fn new(identity: Identity, lease: Duration, usable_until: Duration) -> Self {
        Self {
            identity,
            lease,
            usable_until,
            owed: true,
            passed: Vec::new(),
            most_aborted: 3,
        }
    }
}

/// What [`Ledger::claim`] answers.
#[derive(Debug)]
#[non_exhaustive]
pub enum Claimed {
    /// It was not known and is the caller's now.
    Fresh(Token),
    /// It is known.
    Known(Found),
    /// It was not known and is not claimed: something older is owed.
    Owed(Key),
    /// It was not known and is not claimed: something older of the same buyer for the same request, with this body, is
    /// settling or being delivered. If those who attend to it have died it will be owed, else this is one more purchase.
    Attended(Key, BodyDigest),
    /// Too many runs for it ended without an answer.
    Exhausted,
}

/// Whether a verb found its token still valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a verb whose token is lost has changed nothing"]
#[allow(clippy::exhaustive_enums, reason = "a token is valid or not")]
pub enum Fenced {
    /// It was, and the change is made.
    Done,
    /// Somebody else has the payment now, and nothing is changed.
    Lost,
}

/// How a claim ends without a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Release {
    /// The request was answered.
    Answered,
    /// The run ended without an answer: the client left, or the handler panicked.
    Aborted,
}

/// What [`Ledger::due`] answers.
#[derive(Debug)]
#[non_exhaustive]
pub enum Due {
    /// A payment that was parked and whose time has come, or whose settlement has outlived its lease. It is settling from
    /// now on, and the caller's.
    Attempt(Token, Arc<Parked>),
    /// A payment whose time is over, that was settled and never delivered. Its answer need not be kept so long.
    Refund(Arc<Settled>),
}

/// What [`Ledger::rerun`] answers.
#[derive(Debug)]
#[non_exhaustive]
pub enum Rerun {
    /// The caller produces the answer.
    Granted(Token),
    /// Somebody else does just now.
    Busy,
    /// It was delivered, or tried too often, or is not settled.
    Denied,
}
