use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::facilitator::PaymentCall;
use crate::ledger::{Intent, Receipt};
use crate::money::{Address, Amount, Network};
use crate::proto::{Object, SettleResponse, Version};
use crate::testing::ManualClock;

const NOW: Duration = Duration::from_secs(1_790_000_000);
const MINUTE: Duration = Duration::from_secs(60);

fn claim(key: u8, request: u8) -> Claim {
    let request = crate::Digest::from_bytes([request; 32]);
    let identity = Identity::new(Key::from_bytes([key; 32]), request, request, None);
    let mut claim = Claim::new(identity, MINUTE, NOW + MINUTE);
    claim.owed = true;
    claim
}

fn intent() -> Intent {
    let payer = Address::evm([1; 20]);
    let call = PaymentCall::new(Version::V2, "{}", "{}");
    Intent::new(call, "exact", Network::BASE, payer, Amount::ZERO, 0)
}

async fn begin(ledger: &MemoryLedger, claim: &Claim) -> Token {
    let Claimed::Fresh(token) = ledger.claim(claim).await.unwrap() else {
        panic!("not fresh")
    };
    let parked = Arc::new(Parked::new(intent(), Duration::ZERO));
    let begun = ledger.begin_settlement(&token, &parked, MINUTE).await;
    assert_eq!(begun.unwrap(), Fenced::Done);
    token
}

async fn settle(ledger: &MemoryLedger, claim: &Claim, receipt: SettleResponse) {
    let token = begin(ledger, claim).await;
    let now = ledger.clock.now();
    let mut settled = Settled::new(Receipt::new(receipt), 2_500u64.into(), now + MINUTE);
    settled.delivery = Delivery::Undelivered;
    let committed = ledger.commit(&token, &settled).await;
    assert_eq!(committed.unwrap(), Fenced::Done);
}

fn receipt() -> SettleResponse {
    SettleResponse::settled("eip155:8453", "0xAbcd", "0x00ff")
}

#[tokio::test]
async fn what_has_expired_owes_nothing_when_its_payment_comes_again() {
    let clock = Arc::new(ManualClock::new(NOW));
    let ledger = MemoryLedger::builder().clock(clock.clone()).build();
    settle(&ledger, &claim(1, 1), receipt()).await;
    assert!(matches!(
        ledger.claim(&claim(2, 1)).await.unwrap(),
        Claimed::Owed(..)
    ));
    clock.advance(MINUTE);
    settle(&ledger, &claim(1, 2), receipt()).await;
    assert!(matches!(
        ledger.claim(&claim(2, 1)).await.unwrap(),
        Claimed::Fresh(_)
    ));
    assert!(matches!(
        ledger.claim(&claim(3, 2)).await.unwrap(),
        Claimed::Owed(..)
    ));
}

/// The index of what is owed is only as large as what may be owed.
#[tokio::test]
async fn what_is_owed_to_nobody_is_in_no_index() {
    let clock = Arc::new(ManualClock::new(NOW));
    let ledger = MemoryLedger::builder().clock(clock.clone()).build();
    let mut tokens = Vec::new();
    for key in 1..=5 {
        let mut claim = claim(key, 1);
        claim.owed = false;
        let token = begin(&ledger, &claim).await;
        ledger.attend(&[token]).await.unwrap();
        tokens.push(token);
    }
    let request = claim(9, 1).identity;
    assert_eq!(ledger.owed.find(&request, &[]).len(), tokens.len());
    // Delivered, refused, never found out, and expired before or while it is handed over.
    for token in [tokens[0], tokens[3], tokens[4]] {
        let receipt = Receipt::new(receipt());
        let settled = Settled::new(receipt, Amount::ZERO, NOW + MINUTE);
        let _ = ledger.commit(&token, &settled).await.unwrap();
    }
    let handed = Handed::new(Delivery::Delivered);
    let _ = ledger.deliver(&tokens[0], &handed).await.unwrap();
    let _ = ledger.release(&tokens[1], Release::Aborted).await.unwrap();
    let unresolved = Unresolved::new(intent(), None, NOW + MINUTE);
    let _ = ledger.give_up(&tokens[2], &unresolved).await.unwrap();
    assert_eq!(
        ledger.owed.find(&request, &[]),
        [*tokens[3].key(), *tokens[4].key()]
    );
    clock.advance(MINUTE);
    let handed = Handed::new(Delivery::Undelivered);
    let _ = ledger.deliver(&tokens[4], &handed).await.unwrap();
    ledger.due(None, 10, MINUTE).await.unwrap();
    assert!(ledger.owed.is_empty());
}

#[tokio::test]
async fn what_is_parked_is_due_when_that_was_said_last() {
    let clock = Arc::new(ManualClock::new(NOW));
    let ledger = MemoryLedger::builder().clock(clock.clone()).build();
    let claim = claim(1, 1);
    let token = begin(&ledger, &claim).await;
    let parked = Arc::new(Parked::new(intent(), NOW));
    let _ = ledger.park(&token, &parked).await.unwrap();
    // Whoever looks after it takes too long.
    let due = ledger.due(None, 1, MINUTE).await.unwrap();
    let [Due::Attempt(token, _)] = &due[..] else {
        panic!("it is due")
    };
    clock.advance(MINUTE);
    let found = ledger.find(&claim.identity).await.unwrap().unwrap();
    let standing = found.standing;
    assert!(matches!(standing, crate::ledger::Standing::Parked(_)));
    for minutes in [1, 2] {
        let parked = Arc::new(Parked::new(intent(), clock.now() + MINUTE * minutes));
        let _ = ledger.park(token, &parked).await.unwrap();
    }
    clock.advance(MINUTE);
    assert!(ledger.due(None, 1, MINUTE).await.unwrap().is_empty());
    clock.advance(MINUTE);
    assert_eq!(ledger.due(None, 1, MINUTE).await.unwrap().len(), 1);
}

/// Says and does anything at any time, with whatever token there has ever been.
async fn do_anything(
    ledger: &MemoryLedger,
    tokens: &mut Vec<Token>,
    next: &mut impl FnMut(u32) -> u32,
) {
    let now = ledger.clock.now();
    let seconds = |n: u32| Duration::from_secs(n.into());
    let answer = |length: u32| {
        let headers = http::HeaderMap::new();
        let body = vec![0; length as usize * 100];
        let answer = crate::ledger::KeptAnswer::new(http::StatusCode::OK, &headers, &body, now);
        (length > 0).then_some(answer)
    };
    let token = match tokens.len() as u32 {
        0 => None,
        many => Some(tokens[next(many) as usize]),
    };
    let mut parked = Parked::new(intent(), now + seconds(next(100)));
    parked.intent.seller = SELLERS[next(3) as usize].map(Into::into);
    parked.answer = answer(next(4));
    parked.attempts = next(2);
    let parked = Arc::new(parked);
    let delivery = [
        Delivery::Running,
        Delivery::Delivered,
        Delivery::Undelivered,
    ][next(3) as usize];
    let most = next(5) as usize;
    match (next(11), token) {
        (0 | 1, _) | (_, None) => {
            let mut claim = claim(next(20) as u8, next(5) as u8);
            claim.lease = seconds(next(60));
            claim.owed = next(2) == 0;
            if let Claimed::Fresh(token) = ledger.claim(&claim).await.unwrap() {
                tokens.push(token);
            }
        }
        (2, Some(token)) => {
            let lease = seconds(next(60));
            let _ = ledger
                .begin_settlement(&token, &parked, lease)
                .await
                .unwrap();
        }
        (3, Some(token)) => {
            let mut settled = Settled::new(
                Receipt::new(receipt()),
                Amount::ZERO,
                now + seconds(next(60)),
            );
            settled.answer = answer(next(4));
            settled.delivery = delivery;
            let _ = ledger.commit(&token, &settled).await.unwrap();
        }
        (4, Some(token)) => drop(ledger.park(&token, &parked).await.unwrap()),
        (5, Some(token)) => {
            let release = [Release::Answered, Release::Aborted][next(2) as usize];
            let _ = ledger.release(&token, release).await.unwrap();
        }
        (6, Some(token)) if next(4) == 0 => {
            let unresolved = Unresolved::new(intent(), None, now + seconds(next(60)));
            let _ = ledger.give_up(&token, &unresolved).await.unwrap();
        }
        (7, Some(token)) => {
            let delivered = next(2) == 0;
            if let Rerun::Granted(token) = ledger.rerun(token.key(), 3, delivered).await.unwrap() {
                tokens.push(token);
            }
        }
        (8, Some(token)) => {
            let mut handed = Handed::new(delivery);
            handed.answer = answer(next(4));
            let _ = ledger.deliver(&token, &handed).await.unwrap();
        }
        (9, _) => {
            let due = ledger
                .due(SELLERS[next(3) as usize], most, seconds(next(60)))
                .await
                .unwrap();
            assert!(due.len() <= most);
            tokens.extend(due.iter().filter_map(|due| match due {
                Due::Attempt(token, _) => Some(*token),
                Due::Refund(_) => None,
            }));
        }
        (_, Some(token)) => match next(2) {
            0 => ledger.attend(&[token]).await.unwrap(),
            _ => drop(ledger.abandon(&token).await.unwrap()),
        },
    }
}

/// Whatever is done by several at once, the books are empty in the end: no place is lost, and no room for answers.
#[test]
fn nothing_is_left_in_the_end() {
    let clock = Arc::new(ManualClock::new(NOW));
    let ledger = MemoryLedger::builder()
        .clock(clock.clone())
        .most_answer_bytes(1000);
    let ledger = ledger.most_entries(1000).build();
    let work = |seed: u64| {
        let mut state = seed;
        let mut next = move |below: u32| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u32 % below
        };
        let mut tokens = Vec::new();
        for _ in 0..20_000 {
            if next(20) == 0 {
                clock.advance(Duration::from_millis(next(9000).into()));
            }
            if next(100) == 0 {
                tokens.clear();
            }
            now(do_anything(&ledger, &mut tokens, &mut next));
        }
    };
    std::thread::scope(|threads| {
        for seed in 1..=4 {
            threads.spawn(move || work(seed));
        }
    });
    let kept = |shard: MutexGuard<'_, Shard>| {
        let answers = shard.entries.values().map(|entry| entry.answer_bytes());
        let kept: Vec<usize> = answers.flatten().collect();
        (kept.len(), kept.iter().sum::<usize>())
    };
    let kept = ledger.shards.iter().map(lock).map(kept);
    let kept = kept.fold((0, 0), |all, some| (all.0 + some.0, all.1 + some.1));
    assert_eq!(ledger.shelf.is_full_of(), kept);
    for _ in 0..5 {
        clock.advance(MINUTE * 60);
        for seller in SELLERS {
            let due = now(ledger.due(seller, 1000, MINUTE)).unwrap();
            for due in due {
                if let Due::Attempt(token, _) = due {
                    let unresolved = Unresolved::new(intent(), None, clock.now());
                    let _ = now(ledger.give_up(&token, &unresolved)).unwrap();
                }
            }
        }
    }
    assert_eq!((ledger.len(), ledger.shelf.is_full_of()), (0, (0, 0)));
    assert!(ledger.owed.is_empty());
    assert!(
        ledger
            .shards
            .iter()
            .map(lock)
            .all(|shard| { shard.entries.is_empty() && shard.agenda.is_empty() })
    );
}

const SELLERS: [Option<&str>; 3] = [None, Some("a"), Some("b")];

/// What a ledger answers that never waits.
fn now<T>(telling: impl Future<Output = T>) -> T {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(telling).poll(&mut cx) {
        Poll::Ready(told) => told,
        Poll::Pending => panic!("it waits"),
    }
}

#[tokio::test]
async fn a_settled_payment_is_remembered_as_it_was() {
    let ledger = MemoryLedger::builder()
        .clock(Arc::new(ManualClock::new(NOW)))
        .build();
    let mut extended = receipt();
    extended.extensions = Some(Object::new().with_text("note", "thanks"));
    let refused = SettleResponse::failed("eip155:8453", Some("unconfirmed".to_owned()));
    let solana = SettleResponse::settled("solana:x", "9WzD", "5VERv8");
    let mut more = receipt();
    more.rest = Object::new().with_text("gasUsed", "21000");
    let mut receipts = vec![receipt(), extended, refused, solana, more];
    // Up to where the amount has no room beside them, and then they themselves.
    receipts.extend(
        (200..260)
            .map(|length| SettleResponse::settled("eip155:8453", "0xAbcd", "x".repeat(length))),
    );
    for (key, receipt) in (1..).zip(receipts) {
        let claim = claim(key, key);
        settle(&ledger, &claim, receipt.clone()).await;
        let found = ledger.find(&claim.identity).await.unwrap().unwrap();
        let crate::ledger::Standing::Settled(settled) = found.standing else {
            panic!("{:?}", found.standing)
        };
        assert_eq!(*settled.receipt.message(), receipt);
        assert_eq!(settled.amount, Amount::from(2_500u64));
        assert_eq!(settled.keep_until, NOW + MINUTE);
    }
}
