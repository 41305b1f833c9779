//! A ledger under test, and payments to write in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::Digest;
use crate::clock::Clock as _;
use crate::facilitator::PaymentCall;
use crate::ledger::{
    Claim, Claimed, Delivery, Due, Fenced, Found, Handed, Identity, Intent, KeptAnswer, Ledger,
    Parked, Receipt, Reference, Release, Settled, Standing, Token,
};
use crate::money::{Address, Amount, Network};
use crate::proto::{SettleResponse, Version};
use crate::scheme::Key;
use crate::testing::ManualClock;

pub(super) struct Books<L> {
    pub(super) ledger: L,
    pub(super) clock: Arc<ManualClock>,
}

pub(super) const LEASE: Duration = Duration::from_secs(100);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// A payment like no other.
pub(super) fn payment() -> Identity {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    let digest = Digest::from_bytes(bytes);
    Identity::new(
        Key::from_bytes(bytes),
        digest,
        digest,
        Some(Reference::new(number.into())),
    )
}

/// Another payment by the same buyer for the same request.
pub(super) fn another(identity: &Identity) -> Identity {
    Identity {
        request: identity.request,
        ..payment()
    }
}

pub(super) fn intent() -> Intent {
    let call = PaymentCall::new(Version::V2, "{\"paid\":1}", "{\"wanted\":1}");
    let payer = Address::evm([1; 20]);
    let amount = Amount::from(7u64);
    let mut intent = Intent::new(call, "upto", Network::BASE, payer, amount, 1_790_000_300);
    intent.most = Amount::from(9u64);
    intent
}

pub(super) fn begun() -> Arc<Parked> {
    Arc::new(Parked::new(intent(), Duration::ZERO))
}

pub(super) fn receipt() -> Receipt {
    Receipt::new(SettleResponse::settled("eip155:8453", "0x01", "0xabc"))
}

pub(super) fn answer(text: &'static str) -> KeptAnswer {
    let mut headers = HeaderMap::new();
    headers.insert(header::ETAG, HeaderValue::from_static("\"1\""));
    let given_at = Duration::from_secs(5);
    KeptAnswer::new(StatusCode::CREATED, &headers, text.as_bytes(), given_at)
}

impl<L: Ledger> Books<L> {
    pub(super) fn now(&self) -> Duration {
        self.clock.now()
    }

    pub(super) fn claim_of(&self, identity: &Identity) -> Claim {
        Claim::new(identity.clone(), LEASE, self.now() + HOUR)
    }

    pub(super) async fn claim(&self, identity: &Identity) -> Claimed {
        self.ledger.claim(&self.claim_of(identity)).await.unwrap()
    }

    #[track_caller]
    pub(super) fn fresh(claimed: Claimed) -> Token {
        match claimed {
            Claimed::Fresh(token) => token,
            other => panic!("a fresh claim was to be granted: {other:?}"),
        }
    }

    pub(super) async fn claim_fresh(&self, identity: &Identity) -> Token {
        Self::fresh(self.claim(identity).await)
    }

    pub(super) async fn begin(&self, identity: &Identity) -> Token {
        self.begin_with(identity, &begun()).await
    }

    pub(super) async fn begin_with(&self, identity: &Identity, parked: &Arc<Parked>) -> Token {
        let mut claim = self.claim_of(identity);
        claim.owed = false;
        let token = Self::fresh(self.ledger.claim(&claim).await.unwrap());
        let begun = self
            .ledger
            .begin_settlement(&token, parked, LEASE)
            .await
            .unwrap();
        assert_eq!(begun, Fenced::Done);
        token
    }

    pub(super) fn settled(&self) -> Settled {
        let mut settled = Settled::new(receipt(), Amount::from(7u64), self.now() + HOUR);
        settled.answered = true;
        settled.owed_until = self.now() + HOUR / 2;
        settled
    }

    pub(super) async fn settle(&self, identity: &Identity, settled: Settled) -> Token {
        let token = self.begin(identity).await;
        assert_eq!(
            self.ledger.commit(&token, &settled).await.unwrap(),
            Fenced::Done
        );
        token
    }

    pub(super) async fn hand(&self, token: &Token, delivery: Delivery) {
        let handed = Handed::new(delivery);
        assert_eq!(
            self.ledger.deliver(token, &handed).await.unwrap(),
            Fenced::Done
        );
    }

    pub(super) async fn release(&self, token: &Token, release: Release) {
        let released = self.ledger.release(token, release).await;
        assert_eq!(released.unwrap(), Fenced::Done);
    }

    pub(super) async fn park(&self, identity: &Identity, after: Duration) -> Token {
        let token = self.begin(identity).await;
        let parked = Arc::new(Parked::new(intent(), self.now() + after));
        assert_eq!(
            self.ledger.park(&token, &parked).await.unwrap(),
            Fenced::Done
        );
        token
    }

    pub(super) async fn find(&self, identity: &Identity) -> Option<Found> {
        self.ledger.find(identity).await.unwrap()
    }

    pub(super) async fn standing(&self, identity: &Identity) -> Option<Standing> {
        self.find(identity).await.map(|found| found.standing)
    }

    pub(super) async fn is_in_flight(&self, identity: &Identity) -> bool {
        matches!(self.standing(identity).await, Some(Standing::InFlight))
    }

    pub(super) async fn is_parked(&self, identity: &Identity) -> bool {
        matches!(self.standing(identity).await, Some(Standing::Parked(_)))
    }

    pub(super) async fn due(&self) -> Vec<Due> {
        self.ledger.due(None, 100, LEASE).await.unwrap()
    }

    pub(super) async fn due_attempts(&self) -> Vec<(Token, Arc<Parked>)> {
        let attempt = |due| match due {
            Due::Attempt(token, parked) => Some((token, parked)),
            Due::Refund(_) => None,
        };
        self.due().await.into_iter().filter_map(attempt).collect()
    }
}
