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

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::ManualClock;
use crate::Digest;
use crate::clock::Clock;
use crate::facilitator::PaymentCall;
use crate::ledger::{
    ATTENDED_FOR, BodyDigest, Claim, Claimed, Delivery, Due, Fenced, Found, Handed, Identity,
    Intent, KeptAnswer, Ledger, Parked, Receipt, Reference, Release, Rerun, Settled, Standing,
    Token, Unresolved,
};
use crate::money::{Address, Amount, Network};
use crate::proto::{SettleResponse, Version};
use crate::scheme::Key;

/// Runs the whole suite, on a new ledger for each property. `make` makes an empty ledger that goes by a clock.
///
/// # Panics
///
/// If the ledger does not do what it has to, saying what that is.
pub async fn acceptance<L: Ledger>(make: impl AsyncFn(Arc<dyn Clock>) -> L) {
    macro_rules! properties {
        ($($property:ident),* $(,)?) => {$(
            let clock = ManualClock::shared();
            let ledger = make(clock.clone()).await;
            $property(&Books { ledger, clock }).await;
        )*};
    }
    properties!(
        a_payment_is_claimed_once,
        of_many_claims_at_once_one_is_granted,
        a_released_payment_can_be_claimed_again,
        what_is_found_is_compared,
        a_claim_ends_with_its_lease,
        a_settlement_that_outlives_its_lease_is_parked,
        a_settlement_that_outlives_its_lease_is_due_whoever_notices,
        an_old_token_changes_nothing,
        a_settled_payment_is_remembered_for_as_long_as_it_says,
        a_parked_payment_is_due_once_and_on_time,
        a_parked_payment_ends,
        aborted_runs_are_counted,
        reruns_are_counted_and_one_at_a_time,
        a_kept_answer_is_given_as_often_as_it_takes,
        what_was_not_delivered_is_owed,
        what_is_owed_is_told_one_by_one,
        nothing_else_is_owed,
        what_is_attended_is_told_of_as_long_as_it_is,
        what_nobody_attends_to_is_owed,
        what_is_abandoned_is_owed_at_once,
        what_is_attended_does_not_expire,
        what_expires_undelivered_is_told,
        what_may_have_moved_money_goes_before_refunds,
        refunds_do_not_wait_for_ever,
        each_seller_looks_after_their_own,
    );
}

struct Books<L> {
    ledger: L,
    clock: Arc<ManualClock>,
}

const LEASE: Duration = Duration::from_secs(100);
const HOUR: Duration = Duration::from_secs(3600);

/// A payment like no other.
fn payment() -> Identity {
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
fn another(identity: &Identity) -> Identity {
    Identity {
        request: identity.request,
        ..payment()
    }
}

fn intent() -> Intent {
    let call = PaymentCall::new(Version::V2, "{\"paid\":1}", "{\"wanted\":1}");
    let payer = Address::evm([1; 20]);
    let amount = Amount::from(7u64);
    let mut intent = Intent::new(call, "upto", Network::BASE, payer, amount, 1_790_000_300);
    intent.most = Amount::from(9u64);
    intent
}

fn begun() -> Arc<Parked> {
    Arc::new(Parked::new(intent(), Duration::ZERO))
}

fn receipt() -> Receipt {
    Receipt::new(SettleResponse::settled("eip155:8453", "0x01", "0xabc"))
}

fn answer(text: &'static str) -> KeptAnswer {
    let mut headers = HeaderMap::new();
    headers.insert(header::ETAG, HeaderValue::from_static("\"1\""));
    let given_at = Duration::from_secs(5);
    KeptAnswer::new(StatusCode::CREATED, &headers, text.as_bytes(), given_at)
}

impl<L: Ledger> Books<L> {
    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn claim_of(&self, identity: &Identity) -> Claim {
        Claim::new(identity.clone(), LEASE, self.now() + HOUR)
    }

    async fn claim(&self, identity: &Identity) -> Claimed {
        self.ledger.claim(&self.claim_of(identity)).await.unwrap()
    }

    #[track_caller]
    fn fresh(claimed: Claimed) -> Token {
        match claimed {
            Claimed::Fresh(token) => token,
            other => panic!("a fresh claim was to be granted: {other:?}"),
        }
    }

    async fn claim_fresh(&self, identity: &Identity) -> Token {
        Self::fresh(self.claim(identity).await)
    }

    async fn begin(&self, identity: &Identity) -> Token {
        self.begin_with(identity, &begun()).await
    }

    async fn begin_with(&self, identity: &Identity, parked: &Arc<Parked>) -> Token {
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

    fn settled(&self) -> Settled {
        let mut settled = Settled::new(receipt(), Amount::from(7u64), self.now() + HOUR);
        settled.answered = true;
        settled.owed_until = self.now() + HOUR / 2;
        settled
    }

    async fn settle(&self, identity: &Identity, settled: Settled) -> Token {
        let token = self.begin(identity).await;
        assert_eq!(
            self.ledger.commit(&token, &settled).await.unwrap(),
            Fenced::Done
        );
        token
    }

    async fn hand(&self, token: &Token, delivery: Delivery) {
        let handed = Handed::new(delivery);
        assert_eq!(
            self.ledger.deliver(token, &handed).await.unwrap(),
            Fenced::Done
        );
    }

    async fn park(&self, identity: &Identity, after: Duration) -> Token {
        let token = self.begin(identity).await;
        let parked = Arc::new(Parked::new(intent(), self.now() + after));
        assert_eq!(
            self.ledger.park(&token, &parked).await.unwrap(),
            Fenced::Done
        );
        token
    }

    async fn find(&self, identity: &Identity) -> Option<Found> {
        self.ledger.find(identity).await.unwrap()
    }

    async fn standing(&self, identity: &Identity) -> Option<Standing> {
        self.find(identity).await.map(|found| found.standing)
    }

    async fn is_in_flight(&self, identity: &Identity) -> bool {
        matches!(self.standing(identity).await, Some(Standing::InFlight))
    }

    async fn is_parked(&self, identity: &Identity) -> bool {
        matches!(self.standing(identity).await, Some(Standing::Parked(_)))
    }

    async fn due(&self) -> Vec<Due> {
        self.ledger.due(None, 100, LEASE).await.unwrap()
    }

    async fn due_attempts(&self) -> Vec<(Token, Arc<Parked>)> {
        let attempt = |due| match due {
            Due::Attempt(token, parked) => Some((token, parked)),
            Due::Refund(_) => None,
        };
        self.due().await.into_iter().filter_map(attempt).collect()
    }
}

async fn a_payment_is_claimed_once<L: Ledger>(books: &Books<L>) {
    let (one, other) = (payment(), payment());
    assert!(
        books.find(&one).await.is_none(),
        "nothing is known at first"
    );
    books.claim_fresh(&one).await;
    let claimed = books.claim(&one).await;
    assert!(
        matches!(
            claimed,
            Claimed::Known(Found {
                standing: Standing::InFlight,
                ..
            })
        ),
        "{claimed:?}"
    );
    assert!(books.is_in_flight(&one).await);
    books.claim_fresh(&other).await;
    books.begin(&payment()).await;
}

async fn of_many_claims_at_once_one_is_granted<L: Ledger>(books: &Books<L>) {
    for _ in 0..10 {
        let one = payment();
        let claim = books.claim_of(&one);
        let mut claims: Vec<_> = (0..20)
            .map(|_| Box::pin(books.ledger.claim(&claim)))
            .collect();
        let mut granted = 0;
        // All are begun before any is finished.
        std::future::poll_fn(|cx| {
            claims.retain_mut(|claim| match claim.as_mut().poll(cx) {
                std::task::Poll::Ready(claimed) => {
                    granted += usize::from(matches!(claimed.unwrap(), Claimed::Fresh(_)));
                    false
                }
                std::task::Poll::Pending => true,
            });
            if claims.is_empty() {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
        assert_eq!(granted, 1);
    }
}

async fn a_released_payment_can_be_claimed_again<L: Ledger>(books: &Books<L>) {
    let one = payment();
    let token = books.claim_fresh(&one).await;
    assert_eq!(
        books
            .ledger
            .release(&token, Release::Answered)
            .await
            .unwrap(),
        Fenced::Done
    );
    assert!(books.find(&one).await.is_none());
    let token = books.begin(&one).await;
    // Refused: it is certain that nothing has moved.
    assert_eq!(
        books
            .ledger
            .release(&token, Release::Answered)
            .await
            .unwrap(),
        Fenced::Done
    );
    books.claim_fresh(&one).await;
}

async fn what_is_found_is_compared<L: Ledger>(books: &Books<L>) {
    let (one, other) = (payment(), payment());
    books.settle(&one, books.settled()).await;
    let mut asked = one.clone();
    let found = books.find(&asked).await.unwrap();
    assert!(found.same_proof && found.same_request && found.same_reference);
    asked.proof = other.proof;
    assert!(!books.find(&asked).await.unwrap().same_proof);
    asked.request = other.request;
    assert!(!books.find(&asked).await.unwrap().same_request);
    asked.reference = other.reference;
    assert!(!books.find(&asked).await.unwrap().same_reference);
    asked.reference = None;
    assert!(!books.find(&asked).await.unwrap().same_reference);
    // No reference is not the same as no reference.
    let without = Identity {
        reference: None,
        ..payment()
    };
    books.settle(&without, books.settled()).await;
    assert!(!books.find(&without).await.unwrap().same_reference);
}

async fn a_claim_ends_with_its_lease<L: Ledger>(books: &Books<L>) {
    let one = payment();
    let token = books.claim_fresh(&one).await;
    books.clock.advance(LEASE - Duration::from_secs(1));
    assert!(books.is_in_flight(&one).await);
    books.clock.advance(Duration::from_secs(1));
    assert!(
        books.find(&one).await.is_none(),
        "an abandoned claim is released"
    );
    let begun = books
        .ledger
        .begin_settlement(&token, &begun(), LEASE)
        .await
        .unwrap();
    assert_eq!(
        begun,
        Fenced::Lost,
        "a claim whose lease has ended must not settle"
    );
    let next = books.claim_fresh(&one).await;
    assert!(next.fence() > token.fence());
}

async fn a_settlement_that_outlives_its_lease_is_parked<L: Ledger>(books: &Books<L>) {
    let one = payment();
    let token = books.begin(&one).await;
    books.clock.advance(LEASE - Duration::from_secs(1));
    assert!(books.is_in_flight(&one).await);
    assert!(books.due_attempts().await.is_empty());
    books.clock.advance(Duration::from_secs(1));
    assert!(
        books.is_parked(&one).await,
        "the money may have moved, so it is not free"
    );
    assert!(matches!(books.claim(&one).await, Claimed::Known(_)));
    let [(taken, parked)] = &books.due_attempts().await[..] else {
        panic!("it is due")
    };
    assert_eq!(taken.key(), &one.key);
    assert_eq!(parked.intent.call.payload(), intent().call.payload());
    assert_eq!(parked.intent.valid_before, intent().valid_before);
    assert_eq!(
        (parked.intent.amount, parked.intent.most),
        (intent().amount, intent().most)
    );
    let commit = books.ledger.commit(&token, &books.settled()).await.unwrap();
    assert_eq!(commit, Fenced::Lost, "somebody else has it now");
    assert_eq!(
        books.ledger.commit(taken, &books.settled()).await.unwrap(),
        Fenced::Done
    );
}

async fn a_settlement_that_outlives_its_lease_is_due_whoever_notices<L: Ledger>(books: &Books<L>) {
    for notice in 0..4 {
        let one = payment();
        let token = books.begin(&one).await;
        books.clock.advance(LEASE);
        // Somebody asks about it, somebody pays with it again, or whoever had it wakes up.
        match notice {
            0 => assert!(books.is_parked(&one).await),
            1 => assert!(matches!(books.claim(&one).await, Claimed::Known(_))),
            2 => books.ledger.attend(&[token]).await.unwrap(),
            _ => {
                let _ = books.ledger.abandon(&token).await.unwrap();
            }
        }
        let [(taken, _)] = &books.due_attempts().await[..] else {
            panic!("it is due: {notice}")
        };
        assert_eq!(taken.key(), &one.key);
        let released = books.ledger.release(taken, Release::Answered).await;
        assert_eq!(released.unwrap(), Fenced::Done);
    }
}

async fn an_old_token_changes_nothing<L: Ledger>(books: &Books<L>) {
    let one = payment();
    let old = books.claim_fresh(&one).await;
    assert_eq!(
        books.ledger.release(&old, Release::Answered).await.unwrap(),
        Fenced::Done
    );
    let new = books.claim_fresh(&one).await;
    let ledger = &books.ledger;
    let parked = Arc::new(Parked::new(intent(), books.now()));
    let unresolved = Unresolved::new(intent(), None, books.now());
    assert_eq!(
        ledger
            .begin_settlement(&old, &begun(), LEASE)
            .await
            .unwrap(),
        Fenced::Lost
    );
    assert_eq!(
        ledger.commit(&old, &books.settled()).await.unwrap(),
        Fenced::Lost
    );
    assert_eq!(ledger.park(&old, &parked).await.unwrap(), Fenced::Lost);
    assert_eq!(ledger.abandon(&old).await.unwrap(), Fenced::Lost);
    assert_eq!(
        ledger.give_up(&old, &unresolved).await.unwrap(),
        Fenced::Lost
    );
    assert_eq!(
        ledger.release(&old, Release::Aborted).await.unwrap(),
        Fenced::Lost
    );
    let handed = Handed::new(Delivery::Delivered);
    assert_eq!(ledger.deliver(&old, &handed).await.unwrap(), Fenced::Lost);
    assert_eq!(
        ledger
            .begin_settlement(&new, &begun(), LEASE)
            .await
            .unwrap(),
        Fenced::Done
    );
}

async fn a_settled_payment_is_remembered_for_as_long_as_it_says<L: Ledger>(books: &Books<L>) {
    let one = payment();
    let mut settled = books.settled();
    settled.answer = Some(answer("kept"));
    settled.body = BodyDigest::new(3, true, Some(Digest::from_bytes([9; 32])));
    let token = books.settle(&one, settled.clone()).await;
    books.hand(&token, Delivery::Delivered).await;
    books.clock.advance(HOUR - Duration::from_secs(1));
    let Some(Standing::Settled(found)) = books.standing(&one).await else {
        panic!("it is settled")
    };
    assert_eq!(
        (&found.receipt, found.amount),
        (&settled.receipt, settled.amount)
    );
    assert_eq!((found.body, found.answered), (settled.body, true));
    assert_eq!(found.delivery, Delivery::Delivered);
    let kept = found.answer.as_ref().expect("its answer is kept");
    assert_eq!(
        (kept.status(), kept.body(), kept.given_at()),
        (StatusCode::CREATED, "kept".into(), Duration::from_secs(5))
    );
    let headers: Vec<_> = kept.headers().collect();
    assert_eq!(headers, [(header::ETAG, HeaderValue::from_static("\"1\""))]);
    books.clock.advance(Duration::from_secs(1));
    assert!(books.find(&one).await.is_none(), "its time is over");
}

async fn a_parked_payment_is_due_once_and_on_time<L: Ledger>(books: &Books<L>) {
    let (one, later) = (payment(), payment());
    books.park(&one, Duration::from_secs(10)).await;
    books.park(&later, Duration::from_secs(20)).await;
    assert!(books.is_parked(&one).await);
    books.clock.advance(Duration::from_secs(9));
    assert!(books.due_attempts().await.is_empty(), "it is not time yet");
    books.clock.advance(Duration::from_secs(1));
    let [(token, _)] = &books.due_attempts().await[..] else {
        panic!("one is due")
    };
    assert_eq!(token.key(), &one.key);
    assert!(
        books.due_attempts().await.is_empty(),
        "somebody looks after it"
    );
    assert!(books.is_in_flight(&one).await);
    let claimed = books.claim(&another(&one)).await;
    assert!(
        matches!(&claimed, Claimed::Owed(key, _) if *key == one.key),
        "nobody waits for it, so it is owed: {claimed:?}"
    );
    // Whoever looks after it dies, and it is due again.
    books.clock.advance(LEASE);
    for left in [1, 1, 0] {
        let due = books.ledger.due(None, 1, LEASE).await.unwrap();
        assert_eq!(due.len(), left, "no more than was asked for");
    }
}

async fn a_parked_payment_ends<L: Ledger>(books: &Books<L>) {
    let take = async || {
        let one = payment();
        let mut parked = Parked::new(intent(), books.now());
        parked.transaction = Some("0xabc".to_owned());
        parked.answer = Some(answer("waiting"));
        parked.answered = true;
        parked.attempts = 3;
        let parked = Arc::new(parked);
        let token = books.begin_with(&one, &parked).await;
        assert_eq!(
            books.ledger.park(&token, &parked).await.unwrap(),
            Fenced::Done
        );
        let [(token, found)] = &books.due_attempts().await[..] else {
            panic!("it is due")
        };
        assert_eq!(found.transaction.as_deref(), Some("0xabc"));
        assert_eq!(found.answer.as_ref().unwrap().body(), "waiting");
        assert_eq!((found.answered, found.attempts), (true, 3));
        (one, *token)
    };
    let (settled, token) = take().await;
    assert_eq!(
        books.ledger.commit(&token, &books.settled()).await.unwrap(),
        Fenced::Done
    );
    assert!(matches!(
        books.standing(&settled).await,
        Some(Standing::Settled(_) | Standing::InFlight)
    ));

    let (parked, token) = take().await;
    let again = Arc::new(Parked::new(intent(), books.now() + HOUR));
    assert_eq!(
        books.ledger.park(&token, &again).await.unwrap(),
        Fenced::Done
    );
    assert!(books.is_parked(&parked).await);

    let (refused, token) = take().await;
    assert_eq!(
        books
            .ledger
            .release(&token, Release::Answered)
            .await
            .unwrap(),
        Fenced::Done
    );
    assert!(books.find(&refused).await.is_none());

    let (unresolved, token) = take().await;
    let until = books.now() + HOUR;
    let given_up = Unresolved::new(intent(), Some("0xabc".to_owned()), until);
    assert_eq!(
        books.ledger.give_up(&token, &given_up).await.unwrap(),
        Fenced::Done
    );
    let Some(Standing::Unresolved(found)) = books.standing(&unresolved).await else {
        panic!("it is unresolved")
    };
    assert_eq!(found.transaction.as_deref(), Some("0xabc"));
    assert!(matches!(books.claim(&unresolved).await, Claimed::Known(_)));
    assert!(books.due_attempts().await.is_empty());
    books.clock.advance(HOUR);
    assert!(books.find(&unresolved).await.is_none());
}

async fn aborted_runs_are_counted<L: Ledger>(books: &Books<L>) {
    let one = payment();
    let mut claim = books.claim_of(&one);
    claim.most_aborted = 2;
    for _ in 0..2 {
        let token = Books::<L>::fresh(books.ledger.claim(&claim).await.unwrap());
        // An answer, though not one to be charged for, is no abortion.
        assert_eq!(
            books
                .ledger
                .release(&token, Release::Answered)
                .await
                .unwrap(),
            Fenced::Done
        );
        let token = Books::<L>::fresh(books.ledger.claim(&claim).await.unwrap());
        assert_eq!(
            books
                .ledger
                .release(&token, Release::Aborted)
                .await
                .unwrap(),
            Fenced::Done
        );
        assert!(books.find(&one).await.is_none());
        let again = books.ledger.release(&token, Release::Aborted).await;
        assert_eq!(again.unwrap(), Fenced::Lost, "it counts once");
    }
    assert!(matches!(
        books.ledger.claim(&claim).await.unwrap(),
        Claimed::Exhausted
    ));
    books.clock.advance(HOUR);
    Books::<L>::fresh(books.ledger.claim(&claim).await.unwrap());
}

async fn reruns_are_counted_and_one_at_a_time<L: Ledger>(books: &Books<L>) {
    let one = payment();
    let rerun = async |delivered| books.ledger.rerun(&one.key, 2, delivered).await.unwrap();
    assert!(
        matches!(rerun(false).await, Rerun::Denied),
        "it is not even known"
    );
    let token = books.settle(&one, books.settled()).await;
    assert!(books.is_in_flight(&one).await, "its answer is on its way");
    assert!(matches!(rerun(true).await, Rerun::Busy));
    books.hand(&token, Delivery::Undelivered).await;
    books.clock.advance(ATTENDED_FOR * 2);
    let Rerun::Granted(first) = rerun(false).await else {
        panic!("the first is granted")
    };
    assert!(matches!(rerun(false).await, Rerun::Busy));
    let late = Handed::new(Delivery::Delivered);
    assert_eq!(
        books.ledger.deliver(&token, &late).await.unwrap(),
        Fenced::Lost
    );
    let mut handed = Handed::new(Delivery::Delivered);
    handed.answered = true;
    handed.body = Some(BodyDigest::new(5, false, None));
    assert_eq!(
        books.ledger.deliver(&first, &handed).await.unwrap(),
        Fenced::Done
    );
    assert!(
        matches!(rerun(false).await, Rerun::Denied),
        "it was delivered"
    );
    let Some(Standing::Settled(settled)) = books.standing(&one).await else {
        panic!("it is settled")
    };
    assert_eq!(settled.body.length, 5);
    let Rerun::Granted(second) = rerun(true).await else {
        panic!("the second is granted")
    };
    assert!(matches!(rerun(true).await, Rerun::Busy));
    assert!(books.is_in_flight(&one).await, "it is on its way once more");
    books.claim_fresh(&another(&one)).await;
    books.hand(&second, Delivery::Undelivered).await;
    let Some(Standing::Settled(settled)) = books.standing(&one).await else {
        panic!("it is settled")
    };
    assert_eq!(
        (settled.body.length, settled.answered, settled.delivery),
        (5, true, Delivery::Delivered),
        "what is not said is not changed, and what was delivered stays so"
    );
    books.clock.advance(ATTENDED_FOR * 2);
    books.claim_fresh(&another(&one)).await;
    assert!(
        matches!(rerun(true).await, Rerun::Denied),
        "that was often enough"
    );
}

async fn a_kept_answer_is_given_as_often_as_it_takes<L: Ledger>(books: &Books<L>) {
    let one = payment();
    let token = books.settle(&one, books.settled()).await;
    let mut handed = Handed::new(Delivery::Undelivered);
    handed.answer = Some(answer("kept"));
    assert_eq!(
        books.ledger.deliver(&token, &handed).await.unwrap(),
        Fenced::Done
    );
    for _ in 0..5 {
        let Rerun::Granted(token) = books.ledger.rerun(&one.key, 1, false).await.unwrap() else {
            panic!("it is granted")
        };
        // It is there, so nobody has to wait for it.
        let Some(Standing::Settled(settled)) = books.standing(&one).await else {
            panic!("it is settled")
        };
        assert_eq!(settled.answer.as_ref().unwrap().body(), "kept");
        books.hand(&token, Delivery::Undelivered).await;
    }
    let Rerun::Granted(token) = books.ledger.rerun(&one.key, 1, false).await.unwrap() else {
        panic!("it is granted")
    };
    books.hand(&token, Delivery::Delivered).await;
    assert!(matches!(
        books.ledger.rerun(&one.key, 1, true).await.unwrap(),
        Rerun::Denied
    ));
}

async fn what_was_not_delivered_is_owed<L: Ledger>(books: &Books<L>) {
    let undelivered = payment();
    let token = books.settle(&undelivered, books.settled()).await;
    books.hand(&token, Delivery::Undelivered).await;
    let parked = payment();
    books.park(&parked, HOUR).await;
    for older in [&undelivered, &parked] {
        let newer = another(older);
        let claimed = books.claim(&newer).await;
        let Claimed::Owed(key, found) = claimed else {
            panic!("something is owed: {claimed:?}")
        };
        assert_eq!(key, older.key);
        assert!(found.same_request && !found.same_proof);
        assert!(
            books.find(&newer).await.is_none(),
            "the newer payment is not claimed"
        );
        // Whoever does not want it so is not asked.
        let mut claim = books.claim_of(&newer);
        claim.owed = false;
        let token = Books::<L>::fresh(books.ledger.claim(&claim).await.unwrap());
        let released = books.ledger.release(&token, Release::Answered).await;
        assert_eq!(released.unwrap(), Fenced::Done);
        assert!(
            matches!(books.claim(&newer).await, Claimed::Owed(key, _) if key == older.key),
            "that changes nothing for the older one"
        );
    }
}

async fn what_is_owed_is_told_one_by_one<L: Ledger>(books: &Books<L>) {
    let forgotten = payment();
    let mut settled = books.settled();
    settled.owed_until = books.now() + LEASE;
    let token = books.settle(&forgotten, settled).await;
    books.hand(&token, Delivery::Undelivered).await;
    books.clock.advance(LEASE);
    let older = [another(&forgotten), another(&forgotten)];
    let tokens = [
        books.settle(&older[0], books.settled()).await,
        books.settle(&older[1], books.settled()).await,
    ];
    for token in &tokens {
        books.hand(token, Delivery::Undelivered).await;
    }
    let mut claim = books.claim_of(&another(&forgotten));
    for _ in &older {
        let claimed = books.ledger.claim(&claim).await.unwrap();
        let Claimed::Owed(key, _) = claimed else {
            panic!("something is owed: {claimed:?}")
        };
        assert!(
            older.iter().any(|older| older.key == key) && !claim.passed.contains(&key),
            "what is owed, and is not passed by"
        );
        claim.passed.push(key);
    }
    Books::<L>::fresh(books.ledger.claim(&claim).await.unwrap());
}

async fn nothing_else_is_owed<L: Ledger>(books: &Books<L>) {
    // Neither what is claimed, nor what has arrived.
    let claimed = payment();
    books.claim_fresh(&claimed).await;
    let delivered = payment();
    let token = books.settle(&delivered, books.settled()).await;
    books.hand(&token, Delivery::Delivered).await;
    for older in [&claimed, &delivered] {
        books.claim_fresh(&another(older)).await;
    }
    // Nor what was owed for too long, nor what was given after all.
    let late = payment();
    let token = books.settle(&late, books.settled()).await;
    books.hand(&token, Delivery::Undelivered).await;
    let given = payment();
    let token = books.settle(&given, books.settled()).await;
    books.hand(&token, Delivery::Undelivered).await;
    let Rerun::Granted(token) = books.ledger.rerun(&given.key, 1, false).await.unwrap() else {
        panic!("it is granted")
    };
    assert!(
        matches!(books.claim(&another(&given)).await, Claimed::Attended(key, _) if key == given.key),
        "somebody answers it just now"
    );
    books.hand(&token, Delivery::Delivered).await;
    books.claim_fresh(&another(&given)).await;
    books.clock.advance(HOUR / 2);
    books.claim_fresh(&another(&late)).await;
    // A payment is never owed to itself.
    let itself = payment();
    let token = books.settle(&itself, books.settled()).await;
    books.hand(&token, Delivery::Undelivered).await;
    assert!(matches!(books.claim(&itself).await, Claimed::Known(_)));
}

/// A payment that is settling, one whose answer is on its way, and their tokens. Both were for a body of three bytes.
async fn attended<L: Ledger>(books: &Books<L>) -> [(Identity, Token); 2] {
    let body = BodyDigest::new(3, true, Some(Digest::from_bytes([9; 32])));
    let (settling, running) = (payment(), payment());
    let token = books.claim_fresh(&settling).await;
    let mut parked = Parked::new(intent(), Duration::ZERO);
    parked.body = body;
    let begun = books
        .ledger
        .begin_settlement(&token, &Arc::new(parked), LEASE)
        .await
        .unwrap();
    assert_eq!(begun, Fenced::Done);
    let mut settled = books.settled();
    settled.body = body;
    let answering = books.settle(&running, settled).await;
    [(settling, token), (running, answering)]
}

async fn what_is_attended_is_told_of_as_long_as_it_is<L: Ledger>(books: &Books<L>) {
    let all = attended(books).await;
    let tokens = [all[0].1, all[1].1];
    for _ in 0..3 {
        for (older, _) in &all {
            let claimed = books.claim(&another(older)).await;
            let Claimed::Attended(key, body) = claimed else {
                panic!("somebody attends to it: {claimed:?}")
            };
            assert_eq!((key, body.length), (older.key, 3));
            assert!(books.is_in_flight(older).await);
            let mut claim = books.claim_of(&another(older));
            claim.owed = false;
            Books::<L>::fresh(books.ledger.claim(&claim).await.unwrap());
            claim = books.claim_of(&another(older));
            claim.passed.push(older.key);
            Books::<L>::fresh(books.ledger.claim(&claim).await.unwrap());
        }
        books
            .clock
            .advance(ATTENDED_FOR - Duration::from_millis(500));
        books.ledger.attend(&tokens).await.unwrap();
    }
    // What is owed goes before what may be.
    let (older, token) = &all[1];
    books.settle(&another(older), books.settled()).await;
    books.hand(token, Delivery::Undelivered).await;
    assert!(
        matches!(books.claim(&another(older)).await, Claimed::Owed(key, _) if key == older.key)
    );
}

async fn what_nobody_attends_to_is_owed<L: Ledger>(books: &Books<L>) {
    let all = attended(books).await;
    // Somebody else has nothing to say about it.
    let strangers = all
        .iter()
        .map(|(_, token)| Token::new(*token.key(), token.fence() + 1000));
    books.clock.advance(ATTENDED_FOR / 2);
    let strangers: Vec<_> = strangers.collect();
    books.ledger.attend(&strangers).await.unwrap();
    books
        .clock
        .advance(ATTENDED_FOR / 2 + Duration::from_secs(1));
    for (older, _) in &all {
        let claimed = books.claim(&another(older)).await;
        assert!(
            matches!(&claimed, Claimed::Owed(key, _) if *key == older.key),
            "whoever attended to it has died: {claimed:?}"
        );
    }
    let [(settling, token), (running, answering)] = &all;
    assert!(books.is_in_flight(settling).await, "its lease is not over");
    assert!(matches!(
        books.ledger.rerun(&running.key, 1, false).await.unwrap(),
        Rerun::Granted(_)
    ));
    let late = Handed::new(Delivery::Delivered);
    assert_eq!(
        books.ledger.deliver(answering, &late).await.unwrap(),
        Fenced::Lost
    );
    // They were only slow, and the lease is still theirs.
    books.ledger.attend(&[*token]).await.unwrap();
    assert!(matches!(
        books.claim(&another(settling)).await,
        Claimed::Attended(..)
    ));
}

async fn what_is_abandoned_is_owed_at_once<L: Ledger>(books: &Books<L>) {
    let one = payment();
    let token = books.begin(&one).await;
    assert_eq!(books.ledger.abandon(&token).await.unwrap(), Fenced::Done);
    // That stays so, whatever was said at the same time.
    books.ledger.attend(&[token]).await.unwrap();
    let claimed = books.claim(&another(&one)).await;
    assert!(
        matches!(&claimed, Claimed::Owed(key, Found { standing: Standing::InFlight, .. }) if *key == one.key),
        "{claimed:?}"
    );
    assert_eq!(
        books.ledger.commit(&token, &books.settled()).await.unwrap(),
        Fenced::Done
    );
    let Some(Standing::Settled(settled)) = books.standing(&one).await else {
        panic!("nobody is there to be handed the answer")
    };
    assert_eq!(settled.delivery, Delivery::Undelivered);
    assert!(matches!(
        books.claim(&another(&one)).await,
        Claimed::Owed(..)
    ));
    // Too late makes no difference.
    assert_eq!(books.ledger.abandon(&token).await.unwrap(), Fenced::Done);
}

async fn what_is_attended_does_not_expire<L: Ledger>(books: &Books<L>) {
    let second = Duration::from_secs(1);
    for breaks_off in [true, false] {
        let one = payment();
        let mut settled = books.settled();
        settled.owed_until = books.now() + LEASE / 2;
        settled.keep_until = books.now() + LEASE;
        let token = books.settle(&one, settled).await;
        let end = books.now() + LEASE * 2;
        while books.now() < end {
            books.clock.advance(ATTENDED_FOR - second / 2);
            books.ledger.attend(&[token]).await.unwrap();
        }
        assert!(books.is_in_flight(&one).await);
        assert!(books.due().await.is_empty(), "it is on its way");
        let claimed = books.claim(&another(&one)).await;
        assert!(
            matches!(&claimed, Claimed::Attended(key, _) if *key == one.key),
            "{claimed:?}"
        );
        // Whoever attends to it is done, or dies without a word.
        if breaks_off {
            books.hand(&token, Delivery::Undelivered).await;
        }
        books.clock.advance(LEASE / 2 - second);
        let claimed = books.claim(&another(&one)).await;
        assert!(
            matches!(&claimed, Claimed::Owed(key, _) if *key == one.key),
            "there is as much time for it as there was at first: {claimed:?}"
        );
        books.clock.advance(second * 3);
        books.claim_fresh(&another(&one)).await;
        assert!(books.find(&one).await.is_some(), "it is remembered");
        books.clock.advance(LEASE / 2);
        assert!(books.find(&one).await.is_none());
        assert!(matches!(&books.due().await[..], [Due::Refund(_)]));
    }
}

async fn what_expires_undelivered_is_told<L: Ledger>(books: &Books<L>) {
    for delivery in [
        Delivery::Undelivered,
        Delivery::Undelivered,
        Delivery::Delivered,
    ] {
        let token = books.settle(&payment(), books.settled()).await;
        books.hand(&token, delivery).await;
    }
    assert!(books.due().await.is_empty());
    books.clock.advance(HOUR * 2);
    for _ in 0..2 {
        let due = books.ledger.due(None, 1, LEASE).await.unwrap();
        let [Due::Refund(settled)] = &due[..] else {
            panic!("one is to be refunded: {due:?}")
        };
        assert_eq!(
            (settled.receipt.transaction(), settled.amount),
            ("0xabc", Amount::from(7u64))
        );
    }
    assert!(books.due().await.is_empty(), "once is enough");
    // Nor is it forgotten if the payment comes again before anybody has looked, or its answer breaks off only then.
    for comes_again in [true, false] {
        let one = payment();
        let token = books.settle(&one, books.settled()).await;
        if comes_again {
            books.hand(&token, Delivery::Undelivered).await;
        }
        books.clock.advance(HOUR * 2);
        if comes_again {
            books.claim_fresh(&one).await;
        } else {
            let late = Handed::new(Delivery::Undelivered);
            let _ = books.ledger.deliver(&token, &late).await.unwrap();
        }
        assert!(matches!(&books.due().await[..], [Due::Refund(_)]));
    }
}

async fn what_may_have_moved_money_goes_before_refunds<L: Ledger>(books: &Books<L>) {
    for _ in 0..20 {
        let token = books.settle(&payment(), books.settled()).await;
        books.hand(&token, Delivery::Undelivered).await;
    }
    let parked = [payment(), payment(), payment()];
    for parked in &parked {
        books.park(parked, HOUR).await;
    }
    books.clock.advance(HOUR * 2);
    let mut due = Vec::new();
    while due.len() < 23 {
        let next = books.ledger.due(None, 1, LEASE).await.unwrap();
        assert!(!next.is_empty(), "all of it is due: {due:?}");
        due.extend(next);
    }
    let is_attempt = |due: &Due| matches!(due, Due::Attempt(..));
    assert!(due[..3].iter().all(is_attempt), "{due:?}");
    assert!(!due[3..].iter().any(is_attempt), "{due:?}");
}

async fn refunds_do_not_wait_for_ever<L: Ledger>(books: &Books<L>) {
    let token = books.settle(&payment(), books.settled()).await;
    books.hand(&token, Delivery::Undelivered).await;
    books.park(&payment(), HOUR).await;
    books.clock.advance(HOUR * 2);
    for _ in 0..100 {
        match &books.ledger.due(None, 1, LEASE).await.unwrap()[..] {
            // Whoever looks after it finds nothing, and it is due again at once.
            [Due::Attempt(token, parked)] => {
                let done = books.ledger.park(token, parked).await.unwrap();
                assert_eq!(done, Fenced::Done);
            }
            [Due::Refund(_)] => return,
            other => panic!("both are due: {other:?}"),
        }
    }
    panic!("nobody is told of the refund");
}

async fn each_seller_looks_after_their_own<L: Ledger>(books: &Books<L>) {
    let sellers = [
        None,
        Some("https://one.example"),
        Some("https://other.example"),
    ];
    for seller in sellers {
        let mut intent = intent();
        intent.seller = seller.map(Into::into);
        let parked = Arc::new(Parked::new(intent, books.now()));
        let token = books.begin_with(&payment(), &parked).await;
        let done = books.ledger.park(&token, &parked).await.unwrap();
        assert_eq!(done, Fenced::Done);
        let token = books.begin_with(&payment(), &parked).await;
        let done = books.ledger.commit(&token, &books.settled()).await.unwrap();
        assert_eq!(done, Fenced::Done);
        books.hand(&token, Delivery::Undelivered).await;
    }
    books.clock.advance(HOUR * 2);
    for seller in sellers {
        let due = books.ledger.due(seller, 100, LEASE).await.unwrap();
        let [Due::Attempt(_, parked), Due::Refund(_)] = &due[..] else {
            panic!("{seller:?} is to find out one thing and to give back another: {due:?}")
        };
        assert_eq!(parked.intent.seller.as_deref(), seller);
    }
}
