//! What was paid for is remembered, and made again within bounds.

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};

use super::books::{Books, HOUR, another, answer, payment};
use crate::Digest;
use crate::ledger::{ATTENDED_FOR, BodyDigest, Delivery, Fenced, Handed, Ledger, Rerun, Standing};

pub(super) async fn a_settled_payment_is_remembered_for_as_long_as_it_says<L: Ledger>(
    books: &Books<L>,
) {
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

pub(super) async fn reruns_are_counted_and_one_at_a_time<L: Ledger>(books: &Books<L>) {
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

pub(super) async fn a_kept_answer_is_given_as_often_as_it_takes<L: Ledger>(books: &Books<L>) {
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
