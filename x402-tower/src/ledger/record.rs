use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::KeptAnswer;
use crate::Digest;
use crate::facilitator::PaymentCall;
use crate::money::{Address, Amount, Network};
use crate::proto::SettleResponse;

/// The unguessable part of a challenge, as it came back with a payment. It never reaches a chain, so whoever knows it has
/// seen the challenge.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reference(u128);

impl Reference {
    /// The reference with this value.
    pub const fn new(value: u128) -> Self {
        Self(value)
    }

    /// The value, for a ledger to keep.
    pub const fn value(self) -> u128 {
        self.0
    }
}

impl fmt::Debug for Reference {
    /// Shows nothing: it is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reference(..)")
    }
}

/// A payment that is known, compared with the one that was asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Found {
    /// Whether the same was signed.
    pub same_proof: bool,
    /// Whether it is for the same request.
    pub same_request: bool,
    /// Whether it came with the same reference; never true if either has none.
    pub same_reference: bool,
    /// How it stands.
    pub standing: Standing,
}

impl Found {
    /// A payment that stands so, and how it compares.
    pub const fn new(
        same_proof: bool,
        same_request: bool,
        same_reference: bool,
        standing: Standing,
    ) -> Self {
        Self {
            same_proof,
            same_request,
            same_reference,
            standing,
        }
    }
}

/// How a known payment stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Standing {
    /// Somebody is working on it: it is claimed, settling, or its answer is on its way.
    InFlight,
    /// The money may have moved.
    Parked(Arc<Parked>),
    /// The money has moved.
    Settled(Arc<Settled>),
    /// What became of it will not be known.
    Unresolved(Arc<Unresolved>),
}

/// What it takes to settle a payment, by anybody and at any time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Intent {
    /// What the facilitator is asked when it is to settle: the same every time.
    pub call: PaymentCall,
    /// The name of the scheme.
    pub scheme: Arc<str>,
    /// Where.
    pub network: Network,
    /// Who pays.
    pub payer: Address,
    /// How much.
    pub amount: Amount,
    /// How much the buyer has agreed to: more than `amount` if less was used.
    pub most: Amount,
    /// Until which second since 1970 the payment can be settled; by the server's bounds where it does not say.
    pub valid_before: u64,
    /// Whose payment it is, where sellers share a ledger: the URL of the seller, if that has one.
    pub seller: Option<Arc<str>>,
}

impl Intent {
    /// The settlement of this payment.
    pub fn new(
        call: PaymentCall,
        scheme: impl Into<Arc<str>>,
        network: Network,
        payer: Address,
        amount: Amount,
        valid_before: u64,
    ) -> Self {
        Self {
            call,
            scheme: scheme.into(),
            network,
            payer,
            amount,
            most: amount,
            valid_before,
            seller: None,
        }
    }

    /// What the facilitator is asked when the payment is to be verified: about all that the buyer has agreed to.
    pub(crate) fn verification(&self) -> Result<PaymentCall, serde_json::Error> {
        if self.most == self.amount {
            return Ok(self.call.clone());
        }
        self.call.with_amount(self.most)
    }
}

/// A payment that may have moved money.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Parked {
    /// What it takes to try again.
    pub intent: Intent,
    /// The transaction, if one is known.
    pub transaction: Option<String>,
    /// The answer that waits for the money.
    pub answer: Option<KeptAnswer>,
    /// What is known of the body of the request.
    pub body: BodyDigest,
    /// Whether the handler has given an answer that is charged for.
    pub answered: bool,
    /// How often somebody has looked after it since it was parked.
    pub attempts: u32,
    /// When, since 1970, to try next.
    pub next_attempt: Duration,
    /// Whether it may be served on the belief that the money has moved.
    pub may_be_unconfirmed: bool,
}

impl Parked {
    /// The payment of this intent, of which nothing else is known.
    pub const fn new(intent: Intent, next_attempt: Duration) -> Self {
        Self {
            intent,
            transaction: None,
            answer: None,
            body: BodyDigest::UNREAD,
            answered: false,
            attempts: 0,
            next_attempt,
            may_be_unconfirmed: false,
        }
    }
}

/// A payment that has moved money.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settled {
    /// The facilitator's word for it.
    pub receipt: Receipt,
    /// How much.
    pub amount: Amount,
    /// The answer, if it is kept.
    pub answer: Option<KeptAnswer>,
    /// What is known of the body of the request.
    pub body: BodyDigest,
    /// Whether the handler has given an answer that is charged for.
    pub answered: bool,
    /// Where the answer is.
    pub delivery: Delivery,
    /// Until when, since 1970, it has to be remembered. Later, if its answer takes its time: see [`Ledger::attend`].
    ///
    /// [`Ledger::attend`]: super::Ledger::attend
    pub keep_until: Duration,
    /// Until when, since 1970, an answer that was not delivered goes before a new payment for the same request. Later as well.
    pub owed_until: Duration,
}

impl Settled {
    /// A settled payment whose answer is still to be given.
    pub const fn new(receipt: Receipt, amount: Amount, keep_until: Duration) -> Self {
        Self {
            owed_until: keep_until,
            amount,
            receipt,
            answer: None,
            body: BodyDigest::UNREAD,
            answered: false,
            delivery: Delivery::Running,
            keep_until,
        }
    }
}

/// How the answer to a settled payment ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Handed {
    /// Where the answer is.
    pub delivery: Delivery,
    /// The answer, if it is kept only now.
    pub answer: Option<KeptAnswer>,
    /// What is known of the body of the request, if the handler has run.
    pub body: Option<BodyDigest>,
    /// Whether the handler has given an answer that is charged for.
    pub answered: bool,
}

impl Handed {
    /// An answer that ended so.
    pub const fn new(delivery: Delivery) -> Self {
        Self {
            delivery,
            answer: None,
            body: None,
            answered: false,
        }
    }
}

/// A payment of which it will not be known what became of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Unresolved {
    /// The payment.
    pub intent: Intent,
    /// The transaction, if one is known.
    pub transaction: Option<String>,
    /// Until when, since 1970, it has to be remembered.
    pub keep_until: Duration,
}

impl Unresolved {
    /// The payment of this intent.
    pub const fn new(intent: Intent, transaction: Option<String>, keep_until: Duration) -> Self {
        Self {
            intent,
            transaction,
            keep_until,
        }
    }
}

/// Where the answer to a settled payment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// Being produced or handed over.
    Running,
    /// Handed over to the connection completely.
    Delivered,
    /// Not, or not completely.
    Undelivered,
}

/// The facilitator's word that a payment has moved money. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt(Arc<SettleResponse>);

impl Receipt {
    /// The receipt that this answer is.
    pub fn new(answer: SettleResponse) -> Self {
        Self(Arc::new(answer))
    }

    /// What moved the money; empty for schemes without transactions.
    pub fn transaction(&self) -> &str {
        &self.0.transaction
    }

    /// The whole message.
    pub fn message(&self) -> &SettleResponse {
        &self.0
    }
}

/// What is known of the body of a request: as much of it as the handler has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyDigest {
    /// How many bytes were read.
    pub length: u64,
    /// Whether these were all.
    pub complete: bool,
    /// The digest of what was read.
    pub digest: Option<Digest>,
}

impl BodyDigest {
    /// Nothing was read.
    pub const UNREAD: Self = Self {
        length: 0,
        complete: false,
        digest: None,
    };

    /// So many bytes with this digest were read.
    pub const fn new(length: u64, complete: bool, digest: Option<Digest>) -> Self {
        Self {
            length,
            complete,
            digest,
        }
    }
}
