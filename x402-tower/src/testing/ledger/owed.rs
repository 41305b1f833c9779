//! A buyer who has paid and got nothing is owed something.

use std::sync::Arc;
use std::time::Duration;

use super::books::{Books, HOUR, LEASE, another, intent, payment};
use crate::Digest;
use crate::ledger::{
    ATTENDED_FOR, BodyDigest, Claimed, Delivery, Due, Fenced, Handed, Identity, Ledger, Parked,
    Release, Rerun, Standing, Token,
};

pub(super) async fn what_was_not_delivered_is_owed<L: Ledger>(books: &Books<L>) {
    let undelivered = payment();
    let token = books.settle(&undelivered, books.settled()).await;
    books.hand(&token, Delivery::Undelivered).await;
    let parked = payment();
    books.park(&parked, HOUR).await;
    for older in [&undelivered, &parked] {
        let newer = another(older);
        let claimed = books.claim(&newer).await;
        let Claimed::Owed(key) = claimed else {
            panic!("something is owed: {claimed:?}")
        };
        assert_eq!(key, older.key);
        let identity = Identity {
            key,
            ..newer.clone()
        };
        let found = books.ledger.find(&identity).await.unwrap();
        assert!(found.is_some_and(|found| found.same_request && !found.same_proof));
        assert!(
            books.find(&newer).await.is_none(),
            "the newer payment is not claimed"
        );
        // Whoever does not want it so is not asked.
        let mut claim = books.claim_of(&newer);
        claim.owed = false;
        let token = Books::<L>::fresh(books.ledger.claim(&claim).await.unwrap());
        books.release(&token, Release::Answered).await;
        assert!(
            matches!(books.claim(&newer).await, Claimed::Owed(key) if key == older.key),
            "that changes nothing for the older one"
        );
    }
}

pub(super) async fn what_is_owed_is_told_one_by_one<L: Ledger>(books: &Books<L>) {
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
        let Claimed::Owed(key) = claimed else {
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

pub(super) async fn nothing_else_is_owed<L: Ledger>(books: &Books<L>) {
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

pub(super) async fn what_is_attended_is_told_of_as_long_as_it_is<L: Ledger>(books: &Books<L>) {
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
    assert!(matches!(books.claim(&another(older)).await, Claimed::Owed(key) if key == older.key));
}

pub(super) async fn what_nobody_attends_to_is_owed<L: Ledger>(books: &Books<L>) {
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
            matches!(&claimed, Claimed::Owed(key) if *key == older.key),
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

pub(super) async fn what_is_abandoned_is_owed_at_once<L: Ledger>(books: &Books<L>) {
    let one = payment();
    let token = books.begin(&one).await;
    assert_eq!(books.ledger.abandon(&token).await.unwrap(), Fenced::Done);
    // That stays so, whatever was said at the same time.
    books.ledger.attend(&[token]).await.unwrap();
    let claimed = books.claim(&another(&one)).await;
    assert!(
        matches!(&claimed, Claimed::Owed(key) if *key == one.key),
        "{claimed:?}"
    );
    assert!(books.is_in_flight(&one).await);
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

pub(super) async fn what_is_attended_does_not_expire<L: Ledger>(books: &Books<L>) {
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
            matches!(&claimed, Claimed::Owed(key) if *key == one.key),
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
