//! The acceptance suite of ledgers, and what the ledger in memory promises beside.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use x402_tower::Digest;
use x402_tower::clock::Clock;
use x402_tower::facilitator::PaymentCall;
use x402_tower::ledger::{
    Claim, Claimed, Delivery, Due, Fenced, Handed, Identity, Intent, KeptAnswer, Ledger,
    MemoryLedger, Parked, Receipt, Release, Settled, SharedLedger, Standing, Token, Unresolved,
};
use x402_tower::money::{Address, Amount, Network};
use x402_tower::proto::{SettleResponse, Version};
use x402_tower::scheme::Key;
use x402_tower::testing::{self, ManualClock};

#[tokio::test]
async fn in_memory() {
    testing::ledger::acceptance(async |clock| MemoryLedger::builder().clock(clock).build()).await;
}

#[tokio::test]
async fn behind_a_pointer() {
    testing::ledger::acceptance(async |clock| {
        SharedLedger::memory(Arc::new(MemoryLedger::builder().clock(clock).build()))
    })
    .await;
    testing::ledger::acceptance(async |clock| {
        SharedLedger::new(MemoryLedger::builder().clock(clock).build())
    })
    .await;
}

fn identity(number: u64) -> Identity {
    // Spread like real keys, so that every shard gets some.
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&spread.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_be_bytes());
    let digest = Digest::from_bytes(bytes);
    Identity::new(Key::from_bytes(bytes), digest, digest, None)
}

const MINUTE: Duration = Duration::from_secs(60);

async fn claim(ledger: &MemoryLedger, number: u64, clock: &ManualClock) -> Result<Claimed, bool> {
    let claim = Claim::new(identity(number), MINUTE, clock.now() + MINUTE);
    ledger.claim(&claim).await.map_err(|error| error.is_full())
}

fn intent() -> Intent {
    let call = PaymentCall::new(Version::V2, "{}", "{}");
    let payer = Address::evm([1; 20]);
    Intent::new(call, "exact", Network::BASE, payer, Amount::ZERO, 0)
}

fn answer(length: usize, clock: &ManualClock) -> KeptAnswer {
    let body = vec![0; length];
    KeptAnswer::new(StatusCode::OK, &HeaderMap::new(), &body, clock.now())
}

async fn begin(ledger: &MemoryLedger, number: u64, clock: &ManualClock) -> Token {
    begin_with(ledger, number, clock, None).await
}

async fn begin_with(
    ledger: &MemoryLedger,
    number: u64,
    clock: &ManualClock,
    body: Option<usize>,
) -> Token {
    let Ok(Claimed::Fresh(token)) = claim(ledger, number, clock).await else {
        panic!("{number}")
    };
    let mut parked = Parked::new(intent(), Duration::ZERO);
    parked.answer = body.map(|length| answer(length, clock));
    let begun = ledger
        .begin_settlement(&token, &Arc::new(parked), MINUTE)
        .await;
    assert_eq!(begun.unwrap(), Fenced::Done);
    token
}

async fn settle(
    ledger: &MemoryLedger,
    number: u64,
    clock: &ManualClock,
    body: Option<usize>,
) -> Token {
    let token = begin(ledger, number, clock).await;
    commit(ledger, &token, clock, body).await;
    token
}

async fn commit(ledger: &MemoryLedger, token: &Token, clock: &ManualClock, body: Option<usize>) {
    let receipt = Receipt::new(SettleResponse::settled("eip155:8453", "0x1", "0x2"));
    let mut settled = Settled::new(receipt, Amount::ZERO, clock.now() + MINUTE);
    settled.answer = body.map(|length| answer(length, clock));
    let committed = ledger.commit(token, &settled).await;
    assert_eq!(committed.unwrap(), Fenced::Done);
}

async fn has_answer(ledger: &MemoryLedger, number: u64) -> bool {
    match ledger
        .find(&identity(number))
        .await
        .unwrap()
        .map(|found| found.standing)
    {
        Some(Standing::Settled(settled)) => settled.answer.is_some(),
        Some(Standing::InFlight) => false,
        other => panic!("{number}: {other:?}"),
    }
}

#[tokio::test]
async fn a_full_ledger_forgets_nothing() {
    let clock = ManualClock::shared();
    let ledger = MemoryLedger::builder()
        .clock(clock.clone())
        .most_entries(1000)
        .build();
    for number in 0..1000 {
        let token = settle(&ledger, number, &clock, None).await;
        let delivered = ledger
            .deliver(&token, &Handed::new(Delivery::Delivered))
            .await;
        assert_eq!(delivered.unwrap(), Fenced::Done);
    }
    assert!(
        claim(&ledger, 1000, &clock).await.unwrap_err(),
        "it is full"
    );
    assert_eq!(ledger.len(), 1000);
    for number in 0..1000 {
        assert!(
            matches!(claim(&ledger, number, &clock).await, Ok(Claimed::Known(_))),
            "{number}"
        );
    }
    // What has expired makes room, wherever it was.
    clock.advance(MINUTE);
    for number in 1000..2000 {
        settle(&ledger, number, &clock, None).await;
    }
    assert!(ledger.len() <= 1000);
}

#[tokio::test]
async fn released_payments_leave_nothing_behind() {
    let clock = ManualClock::shared();
    let ledger = MemoryLedger::builder().clock(clock.clone()).build();
    for number in 0..100 {
        let Ok(Claimed::Fresh(token)) = claim(&ledger, number, &clock).await else {
            panic!("{number}")
        };
        assert_eq!(ledger.len(), 1);
        let released = ledger.release(&token, Release::Answered).await;
        assert_eq!(released.unwrap(), Fenced::Done);
        assert!(ledger.is_empty());
    }
}

async fn lose(ledger: &MemoryLedger, token: &Token) {
    let handed = Handed::new(Delivery::Undelivered);
    let lost = ledger.deliver(token, &handed).await;
    assert_eq!(lost.unwrap(), Fenced::Done);
}

#[tokio::test]
async fn what_is_to_be_given_back_takes_a_place_until_it_is_told() {
    let clock = ManualClock::shared();
    let ledger = MemoryLedger::builder()
        .clock(clock.clone())
        .most_entries(100)
        .build();
    for number in 0..100 {
        let token = settle(&ledger, number, &clock, Some(100)).await;
        lose(&ledger, &token).await;
    }
    clock.advance(MINUTE);
    assert!(ledger.due(None, 0, MINUTE).await.unwrap().is_empty());
    assert!(claim(&ledger, 100, &clock).await.unwrap_err());
    // The same payment would take another.
    assert!(claim(&ledger, 0, &clock).await.unwrap_err());
    for told in [60, 40] {
        let due = ledger.due(None, 60, MINUTE).await.unwrap();
        assert_eq!(due.len(), told);
        for due in due {
            let Due::Refund(settled) = due else {
                panic!("{due:?}")
            };
            assert!(settled.answer.is_none(), "nobody comes for it any more");
        }
    }
    assert!(ledger.is_empty());
    settle(&ledger, 100, &clock, None).await;
}

#[tokio::test]
async fn what_is_due_waits_for_nothing_else_for_ever() {
    let clock = ManualClock::shared();
    let ledger = MemoryLedger::builder().clock(clock.clone()).build();
    for number in 0..64 {
        let token = begin(&ledger, number, &clock).await;
        let parked = Parked::new(intent(), clock.now());
        let parked = ledger.park(&token, &Arc::new(parked)).await;
        assert_eq!(parked.unwrap(), Fenced::Done);
    }
    let (mut attempts, mut refunds) = (BTreeSet::new(), 0);
    for minute in 1..=64 {
        for number in 0..20 {
            let token = settle(&ledger, minute * 1000 + number, &clock, None).await;
            lose(&ledger, &token).await;
        }
        clock.advance(MINUTE);
        for due in ledger.due(None, 10, MINUTE).await.unwrap() {
            let Due::Attempt(token, parked) = due else {
                refunds += 1;
                continue;
            };
            attempts.insert(*token.key().as_bytes());
            // It is due again at once.
            let mut parked = Parked::clone(&parked);
            parked.next_attempt = clock.now();
            let parked = ledger.park(&token, &Arc::new(parked)).await;
            assert_eq!(parked.unwrap(), Fenced::Done);
        }
    }
    assert_eq!((attempts.len(), refunds), (64, 64 * 2));
}

/// They cost their buyer nothing, and would fill the ledger for nothing.
#[tokio::test]
async fn runs_without_an_answer_take_no_room() {
    let clock = ManualClock::shared();
    let ledger = MemoryLedger::builder()
        .clock(clock.clone())
        .most_entries(1)
        .build();
    for number in 0..100 {
        for _ in 0..3 {
            let Ok(Claimed::Fresh(token)) = claim(&ledger, number, &clock).await else {
                panic!("{number}")
            };
            let released = ledger.release(&token, Release::Aborted).await;
            assert_eq!(released.unwrap(), Fenced::Done);
        }
        let claimed = claim(&ledger, number, &clock).await;
        assert!(matches!(claimed, Ok(Claimed::Exhausted)), "{claimed:?}");
    }
    assert!(ledger.is_empty());
    settle(&ledger, 100, &clock, None).await;
}

#[tokio::test]
async fn answers_are_bounded_in_all_and_the_oldest_go_first() {
    let clock = ManualClock::shared();
    let ledger = MemoryLedger::builder()
        .clock(clock.clone())
        .most_answer_bytes(1000)
        .build();
    for number in 0..20 {
        settle(&ledger, number, &clock, Some(100)).await;
    }
    for number in 0..20 {
        assert_eq!(has_answer(&ledger, number).await, number >= 10, "{number}");
    }
    // One that is larger than all of the room is not kept, and takes the others with it no further than it must.
    settle(&ledger, 20, &clock, Some(1001)).await;
    assert!(!has_answer(&ledger, 20).await);
}

#[tokio::test]
async fn answers_that_are_kept_later_are_bounded_as_well() {
    let clock = ManualClock::shared();
    let ledger = MemoryLedger::builder()
        .clock(clock.clone())
        .most_answer_bytes(1000)
        .build();
    for number in 0..20 {
        let token = settle(&ledger, number, &clock, None).await;
        let mut handed = Handed::new(Delivery::Delivered);
        handed.answer = Some(answer(100, &clock));
        let delivered = ledger.deliver(&token, &handed).await;
        assert_eq!(delivered.unwrap(), Fenced::Done);
    }
    for number in 0..20 {
        assert_eq!(has_answer(&ledger, number).await, number >= 10, "{number}");
    }
}

#[tokio::test]
async fn answers_that_wait_for_their_money_are_bounded_as_well() {
    let clock = ManualClock::shared();
    let ledger = MemoryLedger::builder()
        .clock(clock.clone())
        .most_answer_bytes(1000)
        .build();
    for number in 0..20 {
        let token = begin(&ledger, number, &clock).await;
        for attempts in 0..3 {
            park(&ledger, &token, &clock, attempts).await;
        }
    }
    for number in 0..20 {
        let waits = waits_with_answer(&ledger, number).await;
        assert_eq!(waits, number >= 10, "{number}");
    }
}

async fn park(ledger: &MemoryLedger, token: &Token, clock: &ManualClock, attempts: u32) {
    let mut parked = Parked::new(intent(), clock.now());
    parked.answer = Some(answer(100, clock));
    parked.attempts = attempts;
    let parked = ledger.park(token, &Arc::new(parked)).await;
    assert_eq!(parked.unwrap(), Fenced::Done);
}

async fn waits_with_answer(ledger: &MemoryLedger, number: u64) -> bool {
    let found = ledger.find(&identity(number)).await.unwrap().unwrap();
    let Standing::Parked(parked) = found.standing else {
        panic!("{number}: {found:?}")
    };
    parked.answer.is_some()
}

#[tokio::test]
async fn answers_that_have_waited_count_once() {
    let clock = ManualClock::shared();
    let ledger = MemoryLedger::builder()
        .clock(clock.clone())
        .most_answer_bytes(1000)
        .build();
    for number in 0..10 {
        let token = begin(&ledger, number, &clock).await;
        park(&ledger, &token, &clock, 0).await;
        commit(&ledger, &token, &clock, Some(100)).await;
        lose(&ledger, &token).await;
    }
    for number in 0..10 {
        assert!(has_answer(&ledger, number).await, "{number}");
    }
}

#[tokio::test]
async fn answers_that_have_waited_are_kept_as_long_as_their_payments() {
    let clock = ManualClock::shared();
    let ledger = MemoryLedger::builder().clock(clock.clone()).build();
    let token = begin(&ledger, 0, &clock).await;
    park(&ledger, &token, &clock, 0).await;
    let receipt = Receipt::new(SettleResponse::settled("eip155:8453", "0x1", "0x2"));
    let mut settled = Settled::new(receipt, Amount::ZERO, clock.now() + MINUTE * 60 * 24);
    settled.answer = Some(answer(100, &clock));
    settled.delivery = Delivery::Undelivered;
    let committed = ledger.commit(&token, &settled).await;
    assert_eq!(committed.unwrap(), Fenced::Done);
    clock.advance(MINUTE * 60 * 23);
    settle(&ledger, 1, &clock, Some(100)).await;
    assert!(has_answer(&ledger, 0).await);
}

#[tokio::test]
async fn answers_of_what_has_expired_drive_no_others_out() {
    let clock = ManualClock::shared();
    let ledger = MemoryLedger::builder()
        .clock(clock.clone())
        .most_answer_bytes(1000)
        .build();
    let token = begin(&ledger, 0, &clock).await;
    park(&ledger, &token, &clock, 0).await;
    for number in 1..20 {
        settle(&ledger, number, &clock, Some(900)).await;
        clock.advance(MINUTE);
        // Where payments are looked after, what has expired is found.
        ledger.due(None, 0, MINUTE).await.unwrap();
        assert!(waits_with_answer(&ledger, 0).await, "{number}");
    }
}

#[tokio::test]
async fn an_answer_that_had_to_go_does_not_come_back() {
    let clock = ManualClock::shared();
    let ledger = MemoryLedger::builder()
        .clock(clock.clone())
        .most_answer_bytes(1000)
        .build();
    let token = begin(&ledger, 0, &clock).await;
    park(&ledger, &token, &clock, 0).await;
    let due = ledger.due(None, 1, MINUTE).await.unwrap();
    let [Due::Attempt(token, parked)] = &due[..] else {
        panic!("{due:?}")
    };
    assert!(parked.answer.is_some());
    settle(&ledger, 1, &clock, Some(1000)).await;
    park(&ledger, token, &clock, 1).await;
    assert!(!waits_with_answer(&ledger, 0).await);
    assert!(has_answer(&ledger, 1).await);
}

/// A settlement may outlive its lease, and nobody says any more that it is parked.
#[tokio::test]
async fn answers_of_settlements_are_bounded_as_well() {
    let clock = ManualClock::shared();
    let ledger = MemoryLedger::builder()
        .clock(clock.clone())
        .most_answer_bytes(1000)
        .build();
    for number in 0..20 {
        begin_with(&ledger, number, &clock, Some(100)).await;
    }
    clock.advance(MINUTE);
    for number in 0..20 {
        let waits = waits_with_answer(&ledger, number).await;
        assert_eq!(waits, number >= 10, "{number}");
    }
}

/// And what they say beside their bodies counts.
#[tokio::test]
async fn headers_of_answers_are_bounded_as_well() {
    let clock = ManualClock::shared();
    let ledger = MemoryLedger::builder()
        .clock(clock.clone())
        .most_answer_bytes(1000)
        .build();
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_str(&"x".repeat(80)).unwrap();
    headers.insert(header::ETAG, value);
    for number in 0..20 {
        let token = settle(&ledger, number, &clock, None).await;
        let kept = KeptAnswer::new(StatusCode::OK, &headers, b"0123456789", clock.now());
        let mut handed = Handed::new(Delivery::Delivered);
        handed.answer = Some(kept);
        let delivered = ledger.deliver(&token, &handed).await;
        assert_eq!(delivered.unwrap(), Fenced::Done);
    }
    for number in 0..20 {
        assert_eq!(has_answer(&ledger, number).await, number >= 10, "{number}");
    }
}

#[tokio::test]
async fn what_has_just_expired_makes_room() {
    let clock = ManualClock::shared();
    let ledger = MemoryLedger::builder()
        .clock(clock.clone())
        .most_entries(1)
        .build();
    for seconds in 0..10 {
        // They are all in one shard, where somebody has looked only just now.
        let mut key = [0; 32];
        key[0] = seconds;
        let digest = Digest::from_bytes(key);
        let identity = Identity::new(Key::from_bytes(key), digest, digest, None);
        let lease = Duration::from_secs(1);
        let claim = Claim::new(identity, lease, clock.now() + lease);
        assert!(matches!(
            ledger.claim(&claim).await.unwrap(),
            Claimed::Fresh(_)
        ));
        clock.advance(lease);
    }
}

#[tokio::test]
async fn nothing_is_remembered_for_ever() {
    let clock = ManualClock::shared();
    let ledger = MemoryLedger::builder().clock(clock.clone()).build();
    // Claimed and abandoned, settled, and never found out.
    claim(&ledger, 1, &clock).await.unwrap();
    settle(&ledger, 2, &clock, Some(100)).await;
    let token = begin(&ledger, 3, &clock).await;
    let unresolved = Unresolved::new(intent(), None, clock.now() + MINUTE);
    let given_up = ledger.give_up(&token, &unresolved).await;
    assert_eq!(given_up.unwrap(), Fenced::Done);
    assert_eq!(ledger.len(), 3);
    clock.advance(MINUTE);
    ledger.due(None, 10, MINUTE).await.unwrap();
    assert!(ledger.is_empty(), "{ledger:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_from_many_threads_are_granted_once() {
    let clock = ManualClock::shared();
    let ledger = Arc::new(MemoryLedger::builder().clock(clock.clone()).build());
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (ledger, clock) = (Arc::clone(&ledger), Arc::clone(&clock));
            tokio::spawn(async move {
                let mut granted = 0;
                for number in 0..2000 {
                    granted += usize::from(matches!(
                        claim(&ledger, number, &clock).await,
                        Ok(Claimed::Fresh(_))
                    ));
                }
                granted
            })
        })
        .collect();
    let mut granted = 0;
    for task in tasks {
        granted += task.await.unwrap();
    }
    assert_eq!(granted, 2000);
}
