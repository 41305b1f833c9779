//! What may have moved money, and what is to be given back, comes back to whoever looks after it.

use std::sync::Arc;
use std::time::Duration;

use super::books::{Books, HOUR, LEASE, another, answer, intent, payment};
use crate::ledger::{
    Claimed, Delivery, Due, Fenced, Handed, Ledger, Parked, Release, Standing, Unresolved,
};
use crate::money::Amount;

pub(super) async fn a_settlement_that_outlives_its_lease_is_parked<L: Ledger>(books: &Books<L>) {
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

pub(super) async fn a_settlement_that_outlives_its_lease_is_due_whoever_notices<L: Ledger>(
    books: &Books<L>,
) {
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
        books.release(taken, Release::Answered).await;
    }
}

pub(super) async fn a_parked_payment_is_due_once_and_on_time<L: Ledger>(books: &Books<L>) {
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
        matches!(&claimed, Claimed::Owed(key) if *key == one.key),
        "nobody waits for it, so it is owed: {claimed:?}"
    );
    // Whoever looks after it dies, and it is due again.
    books.clock.advance(LEASE);
    for left in [1, 1, 0] {
        let due = books.ledger.due(None, 1, LEASE).await.unwrap();
        assert_eq!(due.len(), left, "no more than was asked for");
    }
}

pub(super) async fn a_parked_payment_ends<L: Ledger>(books: &Books<L>) {
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
    books.release(&token, Release::Answered).await;
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

pub(super) async fn what_expires_undelivered_is_told<L: Ledger>(books: &Books<L>) {
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

pub(super) async fn what_may_have_moved_money_goes_before_refunds<L: Ledger>(books: &Books<L>) {
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

pub(super) async fn refunds_do_not_wait_for_ever<L: Ledger>(books: &Books<L>) {
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

pub(super) async fn each_seller_looks_after_their_own<L: Ledger>(books: &Books<L>) {
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
