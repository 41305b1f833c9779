//! Payments are claimed: once, and until somebody lets go of them.

use std::sync::Arc;
use std::time::Duration;

use super::books::{Books, HOUR, LEASE, begun, intent, payment};
use crate::ledger::{
    Claimed, Delivery, Fenced, Found, Handed, Identity, Ledger, Parked, Release, Standing,
    Unresolved,
};

pub(super) async fn a_payment_is_claimed_once<L: Ledger>(books: &Books<L>) {
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

pub(super) async fn of_many_claims_at_once_one_is_granted<L: Ledger>(books: &Books<L>) {
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

pub(super) async fn a_released_payment_can_be_claimed_again<L: Ledger>(books: &Books<L>) {
    let one = payment();
    let token = books.claim_fresh(&one).await;
    books.release(&token, Release::Answered).await;
    assert!(books.find(&one).await.is_none());
    let token = books.begin(&one).await;
    // Refused: it is certain that nothing has moved.
    books.release(&token, Release::Answered).await;
    books.claim_fresh(&one).await;
}

pub(super) async fn what_is_found_is_compared<L: Ledger>(books: &Books<L>) {
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

pub(super) async fn a_claim_ends_with_its_lease<L: Ledger>(books: &Books<L>) {
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

pub(super) async fn an_old_token_changes_nothing<L: Ledger>(books: &Books<L>) {
    let one = payment();
    let old = books.claim_fresh(&one).await;
    books.release(&old, Release::Answered).await;
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

pub(super) async fn aborted_runs_are_counted<L: Ledger>(books: &Books<L>) {
    let one = payment();
    let mut claim = books.claim_of(&one);
    claim.most_aborted = 2;
    for _ in 0..2 {
        let token = Books::<L>::fresh(books.ledger.claim(&claim).await.unwrap());
        // An answer, though not one to be charged for, is no abortion.
        books.release(&token, Release::Answered).await;
        let token = Books::<L>::fresh(books.ledger.claim(&claim).await.unwrap());
        books.release(&token, Release::Aborted).await;
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
