//! How often a facilitator is asked.

use std::time::Duration;

use http::StatusCode;
use x402_tests::buyer::get;
use x402_tower::local::LocalFacilitator;
use x402_tower::testing::ManualClock;

use super::oracle::{FEE_PAYER, FeesPaid, Oracle};
use super::{challenge, seller, send, settle_down};

const FRESH: Duration = Duration::from_secs(600);

fn oracle() -> Oracle {
    Oracle::new(LocalFacilitator::new())
}

#[tokio::test]
async fn what_was_heard_is_good_for_a_while() {
    let (oracle, clock) = (oracle(), ManualClock::shared());
    oracle.say("0xa");
    let x402 = seller(&oracle, &clock).build().unwrap();
    let gate = x402.price("$0.01").unwrap();
    settle_down().await;
    assert_eq!(oracle.asked(), 1, "at the start");
    for _ in 0..9 {
        challenge(&gate).await;
        settle_down().await;
    }
    clock.advance(FRESH - Duration::from_millis(1));
    challenge(&gate).await;
    settle_down().await;
    assert_eq!(oracle.asked(), 1);
    clock.advance(Duration::from_millis(1));
    settle_down().await;
    assert_eq!(oracle.asked(), 1, "nobody needs to know");
    challenge(&gate).await;
    settle_down().await;
    assert_eq!(oracle.asked(), 2);
}

#[tokio::test]
async fn one_asks_for_all_and_nobody_waits() {
    let (oracle, clock) = (oracle(), ManualClock::shared());
    oracle.hold();
    let x402 = seller(&oracle, &clock).build().unwrap();
    let gate = x402.price("$0.01").unwrap();
    settle_down().await;
    let all = (0..100).map(|_| challenge(&gate));
    let all = futures_util::future::join_all(all).await;
    assert!(all.iter().all(|challenge| challenge.v2.accepts.len() == 2));
    assert_eq!(oracle.asked(), 1);

    oracle.say("0xa");
    oracle.answer(1);
    settle_down().await;
    clock.advance(FRESH);
    let all = (0..100).map(|_| challenge(&gate));
    futures_util::future::join_all(all).await;
    settle_down().await;
    challenge(&gate).await;
    settle_down().await;
    assert_eq!(oracle.asked(), 2, "one is still asking");
}

#[tokio::test]
async fn what_was_heard_stays_good_while_nothing_else_is_heard() {
    let (oracle, clock) = (oracle(), ManualClock::shared());
    oracle.say("0xa");
    let x402 = seller(&oracle, &clock)
        .scheme(FeesPaid::default())
        .build()
        .unwrap();
    let gate = x402.price("$0.01").unwrap();
    settle_down().await;
    oracle.say_kinds(None);
    for _ in 0..20 {
        clock.advance(FRESH);
        let offer = challenge(&gate).await.v2.accepts[0].clone();
        assert_eq!(offer.extra.read(FEE_PAYER).unwrap(), Some("0xa".to_owned()));
        settle_down().await;
    }
    assert_eq!(oracle.asked(), 21);
}

/// Lets time pass in small steps, with a request at each, and says after how long each question was asked.
async fn questions_within(
    seconds: u64,
    oracle: &Oracle,
    clock: &ManualClock,
    gate: &x402_tower::gate::GateLayer,
) -> Vec<u64> {
    let mut asked = oracle.asked();
    let mut at = Vec::new();
    for second in 0..=seconds {
        send(gate, get("/goods")).await;
        settle_down().await;
        if oracle.asked() > asked {
            at.push(second);
        }
        asked = oracle.asked();
        clock.advance(Duration::from_secs(1));
    }
    at
}

#[tokio::test]
async fn whoever_does_not_answer_is_asked_less_and_less() {
    let (oracle, clock) = (oracle(), ManualClock::shared());
    let x402 = seller(&oracle, &clock).build().unwrap();
    let gate = x402.price("$0.01").unwrap();
    settle_down().await;
    assert_eq!(oracle.asked(), 1);
    assert_eq!(
        questions_within(300, &oracle, &clock, &gate).await,
        [1, 3, 7, 15, 31, 63, 123, 183, 243]
    );
    let hours = questions_within(2 * 3600, &oracle, &clock, &gate).await;
    assert_eq!(hours.len(), 2 * 60, "once a minute, for ever");

    // Once it answers, all is forgiven.
    oracle.say("0xa");
    assert_eq!(
        questions_within(700, &oracle, &clock, &gate).await,
        [1, 601]
    );
    oracle.say_kinds(None);
    let later = questions_within(520, &oracle, &clock, &gate).await;
    assert_eq!(later, [500, 501, 503, 507, 515]);
}

#[tokio::test]
async fn whoever_does_not_answer_in_time_has_not_answered() {
    let (oracle, clock) = (oracle(), ManualClock::shared());
    oracle.hold();
    let x402 = seller(&oracle, &clock).build().unwrap();
    let gate = x402.price("$0.01").unwrap();
    clock.sleeper_for(Duration::from_secs(10)).await;
    clock.advance(Duration::from_secs(10));
    settle_down().await;
    challenge(&gate).await;
    settle_down().await;
    assert_eq!(oracle.asked(), 1, "not at once");
    clock.advance(Duration::from_secs(1));
    challenge(&gate).await;
    settle_down().await;
    assert_eq!(oracle.asked(), 2);
}

#[tokio::test]
async fn a_facilitator_that_is_down_does_not_keep_a_seller_from_selling() {
    let clock = ManualClock::shared();
    let oracle = Oracle::new(LocalFacilitator::with_clock(clock.clone()));
    let x402 = seller(&oracle, &clock).build().unwrap();
    let gate = x402.price("$0.01").unwrap();
    assert_eq!(challenge(&gate).await.v2.accepts.len(), 2);
    settle_down().await;
    let buyer = x402_tests::Buyer::new(1, clock);
    assert_eq!(super::buy(&gate, &buyer).await.status, StatusCode::OK);
}

#[tokio::test]
async fn whoever_wants_to_can_wait_for_it() {
    let (oracle, clock) = (oracle(), ManualClock::shared());
    let x402 = seller(&oracle, &clock).build().unwrap();
    let within = Duration::from_secs(5);
    let wait = || {
        let x402 = x402.clone();
        tokio::spawn(async move { x402.wait_for_facilitator(within).await })
    };
    let in_vain = wait();
    clock.sleeper_for(within).await;
    clock.advance(within);
    assert!(!in_vain.await.unwrap());

    let mut waiting = wait();
    clock.sleeper_for(within).await;
    oracle.say("0xa");
    let pause = Duration::from_secs(1);
    loop {
        tokio::select! {
            heard = &mut waiting => break assert!(heard.unwrap()),
            () = clock.sleeper_for(pause) => clock.advance(pause),
        }
    }
    assert!(wait().await.unwrap(), "it was heard before");
}
