//! Facilitators that misbehave, in the process and behind HTTP.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Method, StatusCode};
use tokio::net::TcpListener;
use x402_tower::clock::Clock as _;
use x402_tower::facilitator::{Endpoint, HttpFacilitator};
use x402_tower::ledger::Intent;
use x402_tower::local::Fault;
use x402_tower::money::{Address, Amount, Asset, Money, Network, Registry, Transfer};
use x402_tower::proto::header::{PAYMENT_REQUIRED, PAYMENT_RESPONSE};
use x402_tower::settlement::{Testimony, Witness};

use crate::buyer::{get, paying, request};
use crate::{Answer, App, BoxError, Challenge, Kitchen, Shop, ShopBuilder, Verb, Wire};

async fn shop(kitchen: &Kitchen, wire: Wire) -> ShopBuilder {
    Shop::builder()
        .over(wire)
        .await
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
        .sell("/dear", |x402| x402.route("$5"), kitchen.handler())
}

#[track_caller]
fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
    assert_eq!(answer.problem(), "payment_unavailable");
    assert!(answer.header(RETRY_AFTER).is_some());
    assert_eq!(
        (
            answer.header(PAYMENT_REQUIRED),
            answer.header(PAYMENT_RESPONSE)
        ),
        (None, None)
    );
}

#[track_caller]
fn assert_parked(answer: &Answer, reason: &str) {
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
    assert_eq!(answer.problem(), reason);
    assert!(answer.header(RETRY_AFTER).is_some());
    assert_eq!(answer.header(PAYMENT_REQUIRED), None);
    let receipt = answer.receipt();
    assert_eq!(
        (receipt.success, receipt.error_reason.as_deref()),
        (false, Some(reason))
    );
    assert_eq!(
        receipt.transaction.is_empty(),
        reason == "settlement_unknown"
    );
}

/// A payment that cannot be checked is neither served nor refused, and costs nothing.
pub async fn at_verification_cost_nothing<A: App>() {
    for wire in Wire::ALL {
        let kitchen = Kitchen::open();
        let shop = shop(&kitchen, wire).await.open::<A>().await;
        let payment = shop.pay(&shop.buyer(1), "/goods").await;
        for fault in [
            Fault::LoseAnswer,
            Fault::LoseRequest,
            Fault::Unreachable,
            Fault::Garbage,
            Fault::Html,
            Fault::Refuse("unexpected_verify_error".to_owned()),
            Fault::Refuse("unexpected_error".to_owned()),
        ] {
            shop.facilitator.on(Endpoint::Verify, [fault]);
            assert_unavailable(&shop.send(paying(get("/goods"), &payment)).await);
        }
        shop.facilitator.on(Endpoint::Verify, [Fault::Hang]);
        let hanging = tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment)));
        // Seven faults so far, and this one has to have got there before time passes.
        shop.facilitator.called(Endpoint::Verify, 8).await;
        shop.clock.sleeper_for(Duration::from_secs(10)).await;
        shop.clock.advance(Duration::from_secs(10));
        assert_unavailable(&hanging.await.unwrap());
        assert_eq!((kitchen.started(), shop.facilitator.calls().settle), (0, 0));

        shop.facilitator.on(
            Endpoint::Verify,
            [Fault::Refuse(
                "invalid_exact_evm_insufficient_balance".to_owned(),
            )],
        );
        let answer = shop.send(paying(get("/goods"), &payment)).await;
        assert_eq!(
            Challenge::of(&answer).error(),
            "invalid_exact_evm_insufficient_balance"
        );
        assert_eq!(kitchen.started(), 0);
        // All of that was no fault of the payment.
        assert_eq!(
            shop.send(paying(get("/goods"), &payment)).await.status,
            StatusCode::OK
        );
        shop.assert_charges(1);
    }
}

/// A facilitator that is slow is waited for.
pub async fn may_just_be_delays<A: App>() {
    for wire in Wire::ALL {
        let kitchen = Kitchen::open();
        let shop = shop(&kitchen, wire).await.open::<A>().await;
        let payment = shop.pay(&shop.buyer(1), "/goods").await;
        let delay = Duration::from_secs(3);
        shop.facilitator.on(Endpoint::Verify, [Fault::Delay(delay)]);
        shop.facilitator.on(Endpoint::Settle, [Fault::Delay(delay)]);
        let sending = tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment)));
        for _ in 0..2 {
            shop.clock.sleeper_for(delay).await;
            shop.clock.advance(delay);
        }
        assert_eq!(sending.await.unwrap().status, StatusCode::OK);
        shop.assert_charges(1);
    }
}

/// A settlement that never got there is tried again, and happens once.
pub async fn that_lose_requests_are_asked_again<A: App>() {
    for wire in Wire::ALL {
        let kitchen = Kitchen::open();
        let shop = shop(&kitchen, wire).await.open::<A>().await;
        let buyer = shop.buyer(1);
        for (i, verified_first) in [false, true].into_iter().enumerate() {
            shop.facilitator.want_verification(verified_first);
            shop.facilitator
                .on(Endpoint::Settle, [Fault::LoseRequest, Fault::LoseRequest]);
            let payment = shop.pay(&buyer, "/goods").await;
            let answer = shop.send_and_wait(paying(get("/goods"), &payment)).await;
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            assert!(answer.receipt().success);
            shop.assert_charges(i + 1);
        }
        assert_eq!(kitchen.started(), 2);
    }
}

/// Money that has moved without a word about it is believed in, up to a dollar and once for each payer.
pub async fn that_lose_answers_are_believed_once<A: App>() {
    for wire in Wire::ALL {
        for fault in [
            Fault::LoseAnswer,
            Fault::FailAfterBroadcast,
            Fault::WrongNetwork,
            Fault::Garbage,
            Fault::Html,
        ] {
            let kitchen = Kitchen::open();
            let shop = shop(&kitchen, wire).await.open::<A>().await;
            let buyer = shop.buyer(1);
            shop.facilitator.want_verification(fault == Fault::Html);
            shop.facilitator.on(Endpoint::Settle, [fault.clone()]);
            let payment = shop.pay(&buyer, "/goods").await;
            let answer = shop.send_and_wait(paying(get("/goods"), &payment)).await;
            assert_eq!(
                (answer.status, answer.text()),
                (StatusCode::OK, "the goods, run 1"),
                "{wire:?} {fault:?}"
            );
            let receipt = answer.receipt();
            assert_eq!(
                receipt.error_reason.as_deref(),
                Some("settlement_unconfirmed")
            );
            assert!(!receipt.success);
            shop.assert_charges(1);
            assert_eq!(shop.events(), ["unconfirmed", "settled"]);

            // Not a second time on the same day, and not for so much.
            shop.facilitator.on(Endpoint::Settle, [fault.clone()]);
            let payment = shop.pay(&buyer, "/goods?again").await;
            let answer = shop
                .send_and_wait(paying(get("/goods?again"), &payment))
                .await;
            assert_parked(&answer, "settlement_unknown");
            let other = shop.buyer(2);
            shop.facilitator.on(Endpoint::Settle, [fault.clone()]);
            let payment = shop.pay(&other, "/dear").await;
            let answer = shop.send_and_wait(paying(get("/dear"), &payment)).await;
            assert_parked(&answer, "settlement_unknown");
            shop.assert_charges(3);
        }
    }
}

/// Where somebody looks at the chain, nothing has to be believed.
pub async fn that_lose_answers_are_caught_by_a_witness<A: App>() {
    for fault in [
        Fault::LoseAnswer,
        Fault::FailAfterBroadcast,
        Fault::WrongNetwork,
        Fault::Pending(99),
    ] {
        let kitchen = Kitchen::open();
        let shop = shop(&kitchen, Wire::Process)
            .await
            .seller_with(|builder, facilitator| builder.witness(facilitator.clone()))
            .open::<A>()
            .await;
        let buyer = shop.buyer(1);
        for times in 1..=2 {
            shop.facilitator.on(Endpoint::Settle, [fault.clone()]);
            let path = format!("/dear?{times}");
            let payment = shop.pay(&buyer, &path).await;
            let answer = shop.send_and_wait(paying(get(&path), &payment)).await;
            assert_eq!(answer.status, StatusCode::OK, "{fault:?}: {answer:?}");
            let receipt = answer.receipt();
            assert!(receipt.success);
            assert_eq!(receipt.transaction, shop.transfers()[times - 1].transaction);
        }
        shop.assert_charges(2);
    }
}

/// A witness that never answers holds nothing up.
pub async fn may_have_a_witness_that_says_nothing<A: App>() {
    struct Speechless;

    impl Witness for Speechless {
        async fn look(&self, _: &Intent, _: Option<&str>) -> Result<Testimony, BoxError> {
            std::future::pending().await
        }
    }

    let kitchen = Kitchen::open();
    // A time that nobody else waits for.
    let patience = Duration::from_secs(7);
    let shop = shop(&kitchen, Wire::Process)
        .await
        .seller(move |seller| {
            let settle = Duration::from_secs(30);
            seller
                .facilitator_timeouts(patience, settle)
                .witness(Speechless)
        })
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    shop.facilitator.on(Endpoint::Settle, [Fault::LoseAnswer]);
    let asking = paying(get("/goods"), &payment);
    let asking = tokio::spawn(crate::send(shop.address(), asking));
    for pause in [patience, Duration::from_millis(500), patience] {
        shop.clock.sleeper_for(pause).await;
        shop.clock.advance(pause);
    }
    let answer = asking.await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(shop.events(), ["unconfirmed", "settled"]);
    shop.assert_charges(1);
}

/// A witness that sees nothing, and remembers what it was to look for.
#[derive(Clone, Default)]
struct Blind(Arc<Mutex<Vec<Option<String>>>>);

impl Witness for Blind {
    async fn look(&self, _: &Intent, transaction: Option<&str>) -> Result<Testimony, BoxError> {
        let transaction = transaction.map(str::to_owned);
        self.0.lock().unwrap().push(transaction);
        Ok(Testimony::Unknown)
    }
}

/// A witness is told which transaction was sent, as soon as that is known: while the request waits, and later.
pub async fn that_name_a_transaction_tell_a_witness<A: App>() {
    let kitchen = Kitchen::open();
    let blind = Blind::default();
    let witness = blind.clone();
    let shop = shop(&kitchen, Wire::Process)
        .await
        .seller(|builder| builder.witness(witness))
        .open::<A>()
        .await;
    shop.facilitator
        .on(Endpoint::Settle, [Fault::LoseRequest, Fault::Pending(9)]);
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let answer = shop.send_and_wait(paying(get("/goods"), &payment)).await;
    assert_parked(&answer, "settlement_pending");
    shop.reconcile_until(Verb::Commit, 1).await;
    let asked = blind.0.lock().unwrap();
    assert_eq!((asked.len(), &asked[0]), (10, &None));
    let transaction = Some(answer.receipt().transaction);
    assert!(asked[1..].iter().all(|asked| *asked == transaction));
}

/// A buyer who cancels in time has not paid, and looks like one who has. A witness can tell.
pub async fn may_be_the_buyers_doing<A: App>() {
    for wire in Wire::ALL {
        let kitchen = Kitchen::open();
        let shop = shop(&kitchen, wire).await.open::<A>().await;
        shop.facilitator.on(Endpoint::Settle, [Fault::CancelFirst]);
        let answer = shop.buy(&shop.buyer(1), "/goods").await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::CONFLICT, "payment_already_used")
        );
        assert_eq!(answer.header(PAYMENT_REQUIRED), None);
        assert!(!answer.text().contains("the goods"));
        assert_eq!(
            shop.ledger.seen(),
            [Verb::Claim, Verb::Begin, Verb::Release]
        );
        shop.assert_charges(0);
    }
    // After a try of our own that got lost, it is not known who was first.
    let kitchen = Kitchen::open();
    let shop = shop(&kitchen, Wire::Process)
        .await
        .seller_with(|builder, facilitator| builder.witness(facilitator.clone()))
        .open::<A>()
        .await;
    shop.facilitator
        .on(Endpoint::Settle, [Fault::LoseRequest, Fault::CancelFirst]);
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let answer = shop.send_and_wait(paying(get("/goods"), &payment)).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::CONFLICT, "payment_already_used")
    );
    shop.assert_charges(0);

    // The same if it comes out later.
    let lost = std::iter::repeat_n(Fault::LoseRequest, 7);
    shop.facilitator
        .on(Endpoint::Settle, lost.chain([Fault::CancelFirst]));
    let payment = shop.pay(&shop.buyer(2), "/goods").await;
    let answer = shop.send_and_wait(paying(get("/goods"), &payment)).await;
    assert_parked(&answer, "settlement_unknown");
    shop.reconcile_until(Verb::Release, 2).await;
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::CONFLICT, "payment_already_used")
    );
    shop.assert_charges(0);
}

/// A transaction that is on its way is waited for, first by the request and then in the background.
pub async fn that_say_pending_are_waited_for<A: App>() {
    for wire in Wire::ALL {
        let kitchen = Kitchen::open();
        let shop = shop(&kitchen, wire).await.open::<A>().await;
        let buyer = shop.buyer(1);
        shop.facilitator.on(Endpoint::Settle, [Fault::Pending(3)]);
        let payment = shop.pay(&buyer, "/goods").await;
        let answer = shop.send_and_wait(paying(get("/goods"), &payment)).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert!(answer.receipt().success);
        shop.assert_charges(1);

        shop.facilitator.on(Endpoint::Settle, [Fault::Pending(9)]);
        let payment = shop.pay(&buyer, "/goods?late").await;
        let ask = || paying(request(Method::POST, "/goods?late", ""), &payment);
        let answer = shop.send_and_wait(ask()).await;
        assert_parked(&answer, "settlement_pending");
        let runs = kitchen.started();
        let again = shop.send(ask()).await;
        assert_parked(&again, "settlement_pending");
        assert_eq!(again.receipt(), answer.receipt());
        shop.reconcile_until(Verb::Commit, 2).await;
        let served = shop.send(ask()).await;
        assert_eq!(
            (served.status, served.text()),
            (StatusCode::OK, "the goods, run 2")
        );
        assert_eq!(served.receipt().transaction, answer.receipt().transaction);
        assert_eq!(kitchen.started(), runs, "the answer waited for the money");
        shop.assert_charges(2);
        shop.told("settled", 2).await;
        assert_eq!(
            shop.events(),
            ["settled", "parked", "parked", "parked", "settled"]
        );
    }
}

/// What was said of a transaction is not forgotten when nothing is said any more, and nobody is asked without pause.
pub async fn that_say_pending_may_fall_silent<A: App>() {
    let kitchen = Kitchen::open();
    let shop = shop(&kitchen, Wire::Process).await.open::<A>().await;
    shop.facilitator
        .on(Endpoint::Settle, [Fault::Pending(u32::MAX)]);
    shop.facilitator
        .always_on(Endpoint::Settle, Some(Fault::Garbage));
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let answer = shop.send_and_wait(paying(get("/goods"), &payment)).await;
    assert_parked(&answer, "settlement_pending");
    assert_ne!(answer.receipt().transaction, "");

    let asked = shop.facilitator.calls().settle;
    let pause = Duration::from_millis(1500);
    for _ in 0..400 {
        shop.clock.sleeper_for(pause).await;
        shop.clock.advance(pause);
    }
    let asked = shop.facilitator.calls().settle - asked;
    // After a second, two, four and so on, and every minute in the end.
    assert!((12..=16).contains(&asked), "{asked} times in ten minutes");
    let again = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(again.receipt(), answer.receipt());
}

/// A transaction may be late. Only ten minutes after its payment has ended it is given up, and what is known of it is said
/// for another day.
pub async fn that_say_pending_for_ever_are_given_up<A: App>() {
    let kitchen = Kitchen::open();
    let shop = shop(&kitchen, Wire::Process).await.open::<A>().await;
    shop.facilitator
        .on(Endpoint::Settle, [Fault::Pending(u32::MAX)]);
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let over = shop.clock.now() + Duration::from_secs(300 + 600);
    let answer = shop.send_and_wait(paying(get("/goods"), &payment)).await;
    assert_parked(&answer, "settlement_pending");
    shop.reconcile_until(Verb::GiveUp, 1).await;
    let late = shop.clock.now().checked_sub(over).expect("not before");
    assert!(late < Duration::from_secs(62), "{late:?}");
    for hours in [0, 23] {
        shop.clock.advance(Duration::from_secs(hours * 3600));
        let gone = shop.send(paying(get("/goods"), &payment)).await;
        assert_eq!(
            (gone.status, gone.problem().as_str()),
            (StatusCode::GONE, "settlement_unresolved")
        );
        assert_eq!(gone.receipt().transaction, answer.receipt().transaction);
    }
}

/// A transaction that the chain has undone has moved nothing.
pub async fn that_revert_have_charged_nothing<A: App>() {
    for wire in Wire::ALL {
        let kitchen = Kitchen::open();
        let shop = shop(&kitchen, wire).await.open::<A>().await;
        shop.facilitator.on(Endpoint::Settle, [Fault::Revert]);
        let payment = shop.pay(&shop.buyer(1), "/goods").await;
        let answer = shop.send(paying(get("/goods"), &payment)).await;
        assert_eq!(
            Challenge::of(&answer).error(),
            "invalid_exact_evm_transaction_failed"
        );
        assert!(!answer.receipt().success);
        shop.assert_charges(0);
        assert_eq!(
            shop.send(paying(get("/goods"), &payment)).await.status,
            StatusCode::OK
        );
        shop.assert_charges(1);
    }
}

/// Nothing counts as a refusal once a try of ours may have charged: it is what success looks like afterwards.
pub async fn that_refuse_after_a_loss_prove_nothing<A: App>() {
    for reason in [
        "invalid_exact_evm_insufficient_balance",
        "invalid_exact_evm_payload_authorization_valid_before",
        "invalid_exact_evm_transaction_simulation_failed",
        "Payment must be verified before settlement",
    ] {
        let kitchen = Kitchen::open();
        let shop = shop(&kitchen, Wire::Process).await.open::<A>().await;
        let buyer = shop.buyer(1);
        let payment = shop.pay(&buyer, "/goods").await;
        shop.facilitator.on(Endpoint::Settle, [Fault::LoseAnswer]);
        shop.facilitator
            .always_on(Endpoint::Settle, Some(Fault::Refuse(reason.to_owned())));
        shop.facilitator
            .on(Endpoint::Verify, [Fault::Delay(Duration::ZERO)]);
        shop.facilitator.always_on(
            Endpoint::Verify,
            Some(Fault::Refuse("insufficient_funds".to_owned())),
        );
        let answer = shop.send_and_wait(paying(get("/goods"), &payment)).await;
        assert_parked(&answer, "settlement_unknown");
        assert_parked(
            &shop.send(paying(get("/goods"), &payment)).await,
            "settlement_unknown",
        );
        shop.assert_charges(1);

        // When the payment's time is over and nobody knows, somebody has to look.
        shop.reconcile_until(Verb::GiveUp, 1).await;
        shop.told("unresolved", 1).await;
        let answer = shop.send(paying(get("/goods"), &payment)).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::GONE, "settlement_unresolved")
        );
        assert_eq!(answer.header(PAYMENT_REQUIRED), None);
        shop.assert_charges(1);
    }
}

/// An account that is empty by the time of the second try looks as if the first had emptied it. It is not known, and when
/// there is money again it moves.
pub async fn that_find_an_empty_account_after_a_loss_prove_nothing<A: App>() {
    let kitchen = Kitchen::open();
    let shop = shop(&kitchen, Wire::Process).await.open::<A>().await;
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/goods").await;
    let ask = || paying(request(Method::POST, "/goods", "once"), &payment);
    shop.facilitator.on(Endpoint::Settle, [Fault::LoseRequest]);
    let sending = tokio::spawn(crate::send(shop.address(), ask()));
    shop.facilitator.called(Endpoint::Settle, 1).await;
    shop.leave(&buyer, 0);
    assert_parked(&shop.wait(sending).await, "settlement_unknown");
    assert!(shop.facilitator.calls().settle > 1);
    assert_parked(&shop.send(ask()).await, "settlement_unknown");
    shop.assert_charges(0);

    shop.leave(&buyer, 10_000);
    shop.reconcile_until(Verb::Commit, 1).await;
    let answer = shop.send(ask()).await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, "the goods, run 1")
    );
    shop.assert_charges(1);
}

/// Nor do they if the facilitator has wanted to verify the payment once more, and has found it good.
pub async fn that_refuse_after_another_look_prove_nothing<A: App>() {
    let kitchen = Kitchen::open();
    let shop = shop(&kitchen, Wire::Process).await.open::<A>().await;
    let refuse = |reason: &str| Fault::Refuse(reason.to_owned());
    shop.facilitator.on(
        Endpoint::Settle,
        [
            Fault::LoseRequest,
            refuse("Payment must be verified before settlement"),
            refuse("invalid_exact_evm_insufficient_balance"),
        ],
    );
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let answer = shop.send_and_wait(paying(get("/goods"), &payment)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let calls = shop.facilitator.calls();
    assert_eq!((calls.verify, calls.settle), (2, 4));
    assert_eq!(shop.events(), ["settled"]);
    shop.assert_charges(1);
}

/// A facilitator that hangs in the middle of it is asked again in the background; the answer waits for the money.
pub async fn that_hang_are_asked_again_later<A: App>() {
    for wire in Wire::ALL {
        let kitchen = Kitchen::open();
        // A time that nobody else waits for.
        let patience = Duration::from_secs(25);
        let shop = shop(&kitchen, wire)
            .await
            .seller(move |seller| seller.facilitator_timeouts(Duration::from_secs(10), patience))
            .open::<A>()
            .await;
        let payment = shop.pay(&shop.buyer(1), "/goods").await;
        let ask = || paying(request(Method::POST, "/goods", "once"), &payment);
        shop.facilitator.on(Endpoint::Settle, [Fault::Hang]);
        let hanging = tokio::spawn(crate::send(shop.address(), ask()));
        shop.facilitator.called(Endpoint::Settle, 1).await;
        shop.clock.sleeper_for(patience).await;
        shop.clock.advance(patience);
        assert_parked(&hanging.await.unwrap(), "settlement_unknown");
        shop.assert_charges(0);
        shop.reconcile_until(Verb::Commit, 1).await;
        let answer = shop.send(ask()).await;
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::OK, "the goods, run 1")
        );
        assert!(answer.receipt().success);
        shop.assert_charges(1);
    }
}

/// A facilitator that cannot be reached has done nothing, so nothing has to be remembered.
pub async fn that_cannot_be_reached_have_done_nothing<A: App>() {
    let kitchen = Kitchen::open();
    let shop = shop(&kitchen, Wire::Process).await.open::<A>().await;
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/goods").await;
    shop.facilitator
        .on(Endpoint::Settle, [Fault::Unreachable, Fault::Unreachable]);
    assert_eq!(
        shop.send_and_wait(paying(get("/goods"), &payment))
            .await
            .status,
        StatusCode::OK
    );
    shop.assert_charges(1);

    let payment = shop.pay(&buyer, "/goods?2").await;
    shop.facilitator
        .always_on(Endpoint::Settle, Some(Fault::Unreachable));
    assert_unavailable(&shop.send_and_wait(paying(get("/goods?2"), &payment)).await);
    assert_eq!(shop.ledger.count(Verb::Park), 0);
    shop.facilitator.always_on(Endpoint::Settle, None);
    assert_eq!(
        shop.send(paying(get("/goods?2"), &payment)).await.status,
        StatusCode::OK
    );
    shop.assert_charges(2);
}

/// A server starts, and says what things cost, though its facilitator is down.
pub async fn do_not_keep_a_server_from_starting<A: App>() {
    // A port that nobody listens on.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let kitchen = Kitchen::open();
    let shop = shop(&kitchen, Wire::Process)
        .await
        .seller(|builder| {
            builder.facilitator(HttpFacilitator::new(format!("http://{nobody}")).unwrap())
        })
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    assert_unavailable(&shop.send(paying(get("/goods"), &payment)).await);
    assert_eq!(kitchen.started(), 0);
}

/// A seller says how much is served on a mere belief.
pub async fn are_believed_as_far_as_the_seller_says<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .sell(
            "/never",
            |x402| x402.route("$0.01").unconfirmed_up_to(Money::new(0, 0)),
            kitchen.handler(),
        )
        .sell(
            "/always",
            |x402| x402.route("$5").unconfirmed_up_to(Money::new(5, 0)),
            kitchen.handler(),
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    for (path, status) in [
        ("/never", StatusCode::SERVICE_UNAVAILABLE),
        ("/always", StatusCode::OK),
    ] {
        shop.facilitator.on(Endpoint::Settle, [Fault::LoseAnswer]);
        let payment = shop.pay(&buyer, path).await;
        assert_eq!(
            shop.send_and_wait(paying(get(path), &payment)).await.status,
            status
        );
    }
    shop.assert_charges(2);
}

/// How much a coin is worth is not known here, and most of one may be more than a dollar.
pub async fn are_not_believed_in_what_is_no_dollar<A: App>() {
    let network = Network::BASE_SEPOLIA;
    let coin = Address::evm([0xee; 20]);
    let coins = Asset::new(network.clone(), "COIN", coin.clone(), 18, Transfer::Eip3009)
        .with_eip712("Coin", "1");
    let dollars = Registry::new()
        .dollar(&network)
        .map(|asset| Asset::clone(asset))
        .unwrap();
    let shop = Shop::builder()
        .seller(|seller| seller.token(coins).token(dollars))
        .sell(
            "/goods",
            |x402| x402.route("0.9 COIN"),
            crate::shop::goods(),
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let many = Amount::from(10u64.pow(18));
    shop.facilitator
        .fund(&network, &coin, buyer.address(), many);
    // A try gets lost, and the buyer cancels the payment.
    shop.facilitator
        .on(Endpoint::Settle, [Fault::LoseRequest, Fault::CancelFirst]);
    let payment = shop.pay(&buyer, "/goods").await;
    let answer = shop.send_and_wait(paying(get("/goods"), &payment)).await;
    shop.assert_charges(0);
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}
