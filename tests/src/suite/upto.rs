//! Prices that are only a limit, and what is used of them.

use std::sync::{Arc, Mutex};

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{Method, Response, StatusCode};
use serde_json::json;
use x402_tower::facilitator::{Endpoint, Facilitator, FacilitatorError, PaymentCall};
use x402_tower::local::{Fault, LocalFacilitator};
use x402_tower::money::{Address, Amount};
use x402_tower::price::{Accept, Quote};
use x402_tower::proto::header::{PAYMENT_REQUIRED, PAYMENT_RESPONSE};
use x402_tower::proto::v2::PaymentRequirements;
use x402_tower::proto::{SettleResponse, SupportedResponse, VerifyResponse};
use x402_tower::{Meter, Payment, Settle};

use crate::buyer::{encode, get, paying, request};
use crate::shop::{PAYEE, usdc};
use crate::{Answer, App, Challenge, Handler, Kitchen, Shop, ShopBuilder, Verb, Wire, body};

/// What the usual handler uses, and what it may use.
const USED: u64 = 12_345;
const MOST: u64 = 50_000;

/// A shop with one route, `/goods`, for up to five cents.
async fn open<A: App>(builder: ShopBuilder, handler: Handler) -> Shop {
    let builder = builder.sell("/goods", |x402| x402.route(Accept::upto("$0.05")), handler);
    opened::<A>(builder).await
}

/// Who may settle an offer is heard in the background, and until then there is none.
async fn opened<A: App>(builder: ShopBuilder) -> Shop {
    let shop = builder.open::<A>().await;
    offered(&shop, |offers| {
        offers.iter().any(|offer| offer.scheme == "upto")
    })
    .await;
    shop
}

/// Asks until this is offered.
async fn offered(shop: &Shop, good: impl Fn(&[PaymentRequirements]) -> bool) -> Challenge {
    for _ in 0..10_000 {
        let answer = shop.send(get("/goods")).await;
        if answer.status == StatusCode::PAYMENT_REQUIRED {
            let challenge = Challenge::of(&answer);
            if good(&challenge.v2.accepts) {
                return challenge;
            }
        }
        tokio::task::yield_now().await;
    }
    panic!("it was never offered");
}

/// A handler that uses this on each run, and nothing else.
fn using(kitchen: &Kitchen, usage: &'static str) -> Handler {
    kitchen.cook(move |run, request| {
        meter(&request).add(usage)?;
        Ok(Response::new(body(format!("the goods, run {run}"))))
    })
}

#[track_caller]
fn meter<B>(request: &http::Request<B>) -> &Meter {
    request.extensions().get::<Meter>().expect("a meter")
}

#[track_caller]
fn assert_charged(shop: &Shop, answer: &Answer, amount: u64) {
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let [transfer] = &shop.transfers()[..] else {
        panic!("{:?}", shop.transfers())
    };
    assert_eq!(transfer.amount, Amount::from(amount));
    let receipt = answer.receipt();
    assert_eq!(
        (receipt.success, receipt.amount),
        (true, Some(amount.into()))
    );
    assert_eq!(receipt.transaction, transfer.transaction);
}

/// The limit is what is offered, to be signed for one facilitator, and never in version 1.
pub async fn offers_a_limit_in_version_2_alone<A: App>() {
    let builder = Shop::builder().sell(
        "/either",
        |x402| x402.route("$0.03").or(Accept::upto("$0.05")),
        crate::shop::goods(),
    );
    let shop = open::<A>(builder, crate::shop::goods()).await;
    let answer = shop.send(get("/goods")).await;
    assert_eq!(
        answer.header(CONTENT_TYPE),
        Some("application/problem+json")
    );
    let challenge = Challenge::of(&answer);
    assert!(challenge.v1.is_none());
    let mut offers = serde_json::to_value(challenge.v2.accepts).unwrap();
    offers[0]["extra"]["ref"].take();
    assert_eq!(
        offers,
        json!([{
            "scheme": "upto",
            "network": "eip155:84532",
            "amount": "50000",
            "asset": usdc().to_string(),
            "payTo": PAYEE,
            "maxTimeoutSeconds": 300,
            "extra": {
                "assetTransferMethod": "permit2",
                "name": "USDC",
                "version": "2",
                "facilitatorAddress": Address::evm([0xfa; 20]).to_string(),
                "ref": null,
            },
        }])
    );
    let either = shop.challenge("/either").await;
    let schemes: Vec<_> = either
        .v2
        .accepts
        .iter()
        .map(|offer| &offer.scheme)
        .collect();
    assert_eq!(schemes, ["exact", "upto"]);
    assert_eq!(either.v1.unwrap().accepts.len(), 1);
}

/// What the meter says is what is charged, and the receipt says so.
pub async fn charges_what_was_metered<A: App>() {
    for wire in Wire::ALL {
        let kitchen = Kitchen::open();
        let handler = kitchen.cook(|_, request| {
            let meter = meter(&request).clone();
            let payment = request.extensions().get::<Payment>().unwrap();
            assert_eq!((payment.scheme(), payment.amount()), ("upto", MOST.into()));
            assert_eq!((meter.used(), meter.most()), (MOST.into(), MOST.into()));
            meter.add("$0.01")?;
            meter.add_times(1_172, "$0.000002")?;
            meter.add(Amount::from(1u64))?;
            Ok(Response::new(body(meter.used().to_string())))
        });
        let shop = open::<A>(Shop::builder().over(wire).await, handler).await;
        let answer = shop.buy(&shop.buyer(1), "/goods").await;
        assert_charged(&shop, &answer, USED);
        assert_eq!(answer.text(), USED.to_string());
        assert_eq!(shop.events(), ["settled"]);
    }
}

/// Who says nothing has most likely forgotten to, and is paid what the buyer has agreed to.
pub async fn charges_the_limit_if_nothing_was_said<A: App>() {
    let shop = open::<A>(Shop::builder(), crate::shop::goods()).await;
    let buyer = shop.buyer(1);
    // A buyer who could not pay the limit is not served.
    shop.leave(&buyer, MOST - 1);
    let answer = shop.buy(&buyer, "/goods").await;
    assert_eq!(
        Challenge::of(&answer).error(),
        "permit2_insufficient_balance"
    );
    shop.leave(&buyer, MOST);
    let answer = shop.buy(&buyer, "/goods").await;
    assert_charged(&shop, &answer, MOST);
}

/// Nothing used is nothing charged: the answer goes out, and the payment is as good as before.
pub async fn charges_nothing_for_zero<A: App>() {
    let kitchen = Kitchen::open();
    let handler = kitchen.cook(|run, request| {
        let usage = ["$0", "$0.0000009", "$0.01"][run - 1];
        meter(&request).add(usage)?;
        Ok(Response::new(body(format!("run {run}"))))
    });
    let shop = open::<A>(Shop::builder(), handler).await;
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/goods").await;
    for run in 1..=2 {
        let ask = paying(request(Method::POST, "/goods", "order"), &payment);
        let answer = shop.send_and_wait(ask).await;
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::OK, &*format!("run {run}"))
        );
        assert_eq!(answer.header(CACHE_CONTROL), Some("private"));
        let receipt = answer.receipt();
        assert_eq!(
            (receipt.success, receipt.amount, &*receipt.transaction),
            (true, Some(Amount::ZERO), "")
        );
        assert_eq!(receipt.payer, Some(buyer.address().to_string()));
        assert_eq!(receipt.network, "eip155:84532");
        shop.ledger.wait_for(Verb::Release, run).await;
    }
    assert_eq!(shop.facilitator.calls().settle, 0);
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_charged(&shop, &answer, 10_000);
}

/// More than the limit is never charged, and the handler is told before it is too late.
pub async fn tells_the_handler_what_is_too_much<A: App>() {
    let kitchen = Kitchen::open();
    let handler = kitchen.cook(|_, request| {
        let meter = meter(&request);
        meter.add("$0.03")?;
        for too_much in ["$0.020001", "$1"] {
            assert!(meter.add(too_much).unwrap_err().is_over_limit());
        }
        assert!(meter.set("$0.050001").unwrap_err().is_over_limit());
        Ok(Response::new(body("as much as was paid for")))
    });
    let shop = open::<A>(Shop::builder(), handler).await;
    let answer = shop.buy(&shop.buyer(1), "/goods").await;
    assert_charged(&shop, &answer, 30_000);
}

/// What is said once the handler has answered is not charged, and not lost silently.
pub async fn ends_with_the_answer<A: App>() {
    let kitchen = Kitchen::open();
    let kept: Arc<Mutex<Option<Meter>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let handler = kitchen.cook(move |_, request| {
        let meter = meter(&request).clone();
        meter.add("$0.01")?;
        *keep.lock().unwrap() = Some(meter);
        Ok(Response::new(body("the goods")))
    });
    let shop = open::<A>(Shop::builder(), handler).await;
    let answer = shop.buy(&shop.buyer(1), "/goods").await;
    assert_charged(&shop, &answer, 10_000);
    let meter = kept.lock().unwrap().take().unwrap();
    assert!(meter.add("$0.01").unwrap_err().is_too_late());
    assert_eq!(meter.used(), Amount::from(10_000u64));
}

/// Whichever time it is that it is made, and whatever it is worth.
pub async fn ends_with_the_answer_that_is_made_again<A: App>() {
    let kitchen = Kitchen::open();
    let kept: Arc<Mutex<Option<Meter>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let handler = kitchen.cook(move |run, request| {
        let meter = meter(&request).clone();
        meter.add("$0.01")?;
        *keep.lock().unwrap() = Some(meter);
        let mut response = Response::new(crate::pieces(100_000, true));
        if run == 1 {
            *response.status_mut() = StatusCode::NOT_FOUND;
        }
        Ok(response)
    });
    let shop = open::<A>(Shop::builder(), handler).await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    for (status, ends) in [
        (StatusCode::NOT_FOUND, Verb::Release),
        (StatusCode::OK, Verb::Delivered),
        (StatusCode::OK, Verb::Delivered),
    ] {
        let before = shop.ledger.count(ends);
        let answer = shop.send(paying(get("/goods"), &payment)).await;
        assert_eq!(answer.status, status);
        shop.ledger.wait_for(ends, before + 1).await;
        let meter = kept.lock().unwrap().take().unwrap();
        assert!(meter.add("$0.01").unwrap_err().is_too_late());
    }
    assert_eq!(kitchen.started(), 3);
    shop.assert_charges(1);
}

/// An answer that is an error costs nothing, whatever was used for it.
pub async fn charges_nothing_for_errors<A: App>() {
    let kitchen = Kitchen::open();
    let handler = kitchen.cook(|run, request| {
        meter(&request).add("$0.01")?;
        let mut response = Response::new(body("the goods"));
        if run == 1 {
            *response.status_mut() = StatusCode::BAD_GATEWAY;
        }
        Ok(response)
    });
    let shop = open::<A>(Shop::builder(), handler).await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert_eq!(answer.header(PAYMENT_RESPONSE), None);
    shop.assert_charges(0);
    // What the first run has used is not on the bill of the second.
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_charged(&shop, &answer, 10_000);
}

/// Over Permit2, whatever the token's own way is: it has to be allowed first.
pub async fn wants_permit2_to_be_allowed<A: App>() {
    let kitchen = Kitchen::open();
    let shop = open::<A>(Shop::builder(), using(&kitchen, "$0.012345")).await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    shop.facilitator.want_allowance(true);
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(Challenge::of(&answer).error(), "permit2_allowance_required");
    shop.facilitator.want_allowance(false);
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_charged(&shop, &answer, USED);
}

/// A settlement that nobody knows about is asked for again, to the very same amount.
pub async fn is_asked_for_again_as_it_was<A: App>() {
    for wire in Wire::ALL {
        let kitchen = Kitchen::open();
        let builder = Shop::builder().over(wire).await;
        let shop = open::<A>(builder, using(&kitchen, "$0.012345")).await;
        let payment = shop.pay(&shop.buyer(1), "/goods").await;
        shop.facilitator
            .on(Endpoint::Settle, [Fault::LoseRequest, Fault::Unreachable]);
        let answer = shop.send_and_wait(paying(get("/goods"), &payment)).await;
        assert_charged(&shop, &answer, USED);
        assert_eq!(shop.facilitator.calls().settle, 3);
        assert_eq!(kitchen.started(), 1);
    }
}

/// Whoever looks after it later asks for the same amount too, and the buyer has a receipt of it.
pub async fn is_looked_after_as_it_was<A: App>() {
    let kitchen = Kitchen::open();
    let handler = kitchen.cook(|_, request| {
        meter(&request).add("$0.012345")?;
        Ok(Response::new(body("the goods")))
    });
    let shop = open::<A>(Shop::builder(), handler).await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    shop.facilitator
        .always_on(Endpoint::Settle, Some(Fault::LoseRequest));
    let ask = || paying(request(Method::POST, "/goods", ""), &payment);
    let answer = shop.send_and_wait(ask()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header(PAYMENT_REQUIRED), None);
    shop.facilitator.always_on(Endpoint::Settle, None);
    shop.reconcile_until(Verb::Commit, 1).await;
    let answer = shop.send(ask()).await;
    assert_charged(&shop, &answer, USED);
    assert_eq!(kitchen.started(), 1);
}

/// A lost answer is found on the chain, with what was charged.
pub async fn is_witnessed_as_it_was<A: App>() {
    let kitchen = Kitchen::open();
    let builder =
        Shop::builder().seller_with(|builder, facilitator| builder.witness(facilitator.clone()));
    let shop = open::<A>(builder, using(&kitchen, "$0.012345")).await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    shop.facilitator.on(Endpoint::Settle, [Fault::LoseAnswer]);
    let answer = shop.send_and_wait(paying(get("/goods"), &payment)).await;
    assert_charged(&shop, &answer, USED);
}

/// What a facilitator wants to see verified again is verified to the limit, as it was the first time.
pub async fn is_verified_again_to_the_limit<A: App>() {
    let kitchen = Kitchen::open();
    let shop = open::<A>(Shop::builder(), using(&kitchen, "$0.012345")).await;
    shop.facilitator.want_verification(true);
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    shop.facilitator.on(Endpoint::Settle, [Fault::LoseAnswer]);
    let answer = shop.send_and_wait(paying(get("/goods"), &payment)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let reason = answer.receipt().error_reason;
    assert_eq!(reason.as_deref(), Some("settlement_unconfirmed"));
    assert_eq!(shop.facilitator.calls().verify, 2);
    shop.assert_charges(1);
}

/// The same payment again gets the same answer with the same receipt, and nothing is metered twice.
pub async fn is_charged_once<A: App>() {
    let kitchen = Kitchen::open();
    let shop = open::<A>(Shop::builder(), using(&kitchen, "$0.012345")).await;
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/goods").await;
    for _ in 0..3 {
        let ask = paying(request(Method::POST, "/goods", "order"), &payment);
        let answer = shop.send(ask).await;
        assert_charged(&shop, &answer, USED);
        assert_eq!(answer.text(), "the goods, run 1");
        shop.ledger.wait_for(Verb::Delivered, 1).await;
    }
    assert_eq!(kitchen.started(), 1);
}

/// An answer that was not kept is made again, with a meter that counts for nothing.
pub async fn can_be_served_again<A: App>() {
    let kitchen = Kitchen::open();
    let handler = kitchen.cook(|run, request| {
        let paid = request.extensions().get::<Payment>().unwrap().amount();
        if paid != [MOST, 10_000][run - 1].into() {
            return Err(format!("{paid} paid for run {run}").into());
        }
        // More than the first time, and no more than was agreed to.
        meter(&request).add(["$0.01", "$0.05"][run - 1])?;
        Ok(Response::new(crate::pieces(100_000, true)))
    });
    let shop = open::<A>(Shop::builder(), handler).await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    for run in 1..=2 {
        let answer = shop.send(paying(get("/goods"), &payment)).await;
        assert_charged(&shop, &answer, 10_000);
        assert_eq!(answer.body.len(), 100_000);
        shop.ledger.wait_for(Verb::Delivered, run).await;
    }
    assert_eq!(kitchen.started(), 2);
}

/// A facilitator that says that it has charged half a cent, whatever it was asked for.
struct Lenient(LocalFacilitator);

impl Facilitator for Lenient {
    async fn verify(&self, call: &PaymentCall) -> Result<VerifyResponse, FacilitatorError> {
        self.0.verify(call).await
    }

    async fn settle(&self, call: &PaymentCall) -> Result<SettleResponse, FacilitatorError> {
        let mut answer = self.0.settle(call).await?;
        answer.amount = Some(5_000u64.into());
        Ok(answer)
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorError> {
        self.0.supported().await
    }
}

/// What was paid for is what the facilitator says that it has charged, though that is less than was metered.
pub async fn is_what_was_charged_when_it_is_served_again<A: App>() {
    let kitchen = Kitchen::open();
    let handler = kitchen.cook(|run, request| {
        let paid = request.extensions().get::<Payment>().unwrap().amount();
        if paid != [MOST, 5_000][run - 1].into() {
            return Err(format!("{paid} paid for run {run}").into());
        }
        meter(&request).add("$0.01")?;
        Ok(Response::new(crate::pieces(100_000, true)))
    });
    let builder = Shop::builder()
        .seller_with(|builder, facilitator| builder.facilitator(Lenient(facilitator.clone())));
    let shop = open::<A>(builder, handler).await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    for times in 1..=2 {
        let answer = shop.send(paying(get("/goods"), &payment)).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.receipt().amount, Some(5_000u64.into()));
        shop.ledger.wait_for(Verb::Delivered, times).await;
    }
    assert_eq!(kitchen.started(), 2);
}

/// A fixed price is not paid by a limit, nor a limit by a fixed price, whatever the payment calls itself.
pub async fn is_not_mistaken_for_a_fixed_price<A: App>() {
    let kitchen = Kitchen::open();
    let builder = Shop::builder()
        .seller(|builder| builder.pay_to("bsc", PAYEE))
        .sell(
            "/exact",
            |x402| x402.route(Accept::new("$0.05").network("base-sepolia")),
            kitchen.handler(),
        )
        .sell(
            "/exact-permit2",
            |x402| x402.route(Accept::new("0.05 USDT").network("bsc")),
            kitchen.handler(),
        )
        .sell(
            "/upto-permit2",
            |x402| x402.route(Accept::upto("0.05 USDT").network("bsc")),
            kitchen.handler(),
        )
        .sell(
            "/goods",
            |x402| x402.route(Accept::upto("$0.05").network("base-sepolia")),
            kitchen.handler(),
        );
    let shop = opened::<A>(builder).await;
    let mismatch = "no_matching_payment_requirements";
    for (paid, asked, relabelled) in [
        ("/exact", "/goods", "unsupported_payload_type"),
        ("/goods", "/exact", "invalid_permit2_spender"),
        ("/exact-permit2", "/upto-permit2", "invalid_permit2_spender"),
        ("/upto-permit2", "/exact-permit2", "invalid_permit2_spender"),
    ] {
        let buyer = shop.buyer(1);
        let payment = buyer.payment(&shop.challenge(paid).await);
        let answer = shop.send(paying(get(asked), &encode(&payment))).await;
        assert_eq!(Challenge::of(&answer).error(), mismatch, "{paid} {asked}");

        let mut payment = payment;
        payment["accepted"] = buyer.payment(&shop.challenge(asked).await)["accepted"].take();
        let answer = shop.send(paying(get(asked), &encode(&payment))).await;
        assert_eq!(Challenge::of(&answer).error(), relabelled, "{paid} {asked}");
    }
    let calls = shop.facilitator.calls();
    assert_eq!((kitchen.started(), calls.verify), (0, 0));
}

/// Permit2 lets a nonce be used once, whatever it was signed for.
pub async fn shares_its_nonces_with_fixed_prices<A: App>() {
    let kitchen = Kitchen::open();
    let builder = Shop::builder()
        .seller(|builder| builder.pay_to("bsc", PAYEE))
        .sell(
            "/exact",
            |x402| x402.route(Accept::new("0.05 USDT").network("bsc")),
            kitchen.handler(),
        )
        .sell(
            "/goods",
            |x402| x402.route(Accept::upto("0.05 USDT").network("bsc")),
            kitchen.handler(),
        );
    let shop = opened::<A>(builder).await;
    // Two wallets of one number have the same account and the same nonces.
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let other = shop.pay(&shop.buyer(1), "/exact").await;
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answer = shop.send(paying(get("/exact"), &other)).await;
    assert_eq!(
        (answer.status, &*answer.problem()),
        (StatusCode::CONFLICT, "conflict")
    );
    shop.assert_charges(1);
}

/// Nothing that was accepted or signed can be changed.
pub async fn is_refused_whatever_was_changed<A: App>() {
    const OTHER: &str = "0x2222222222222222222222222222222222222222";
    let kitchen = Kitchen::open();
    let shop = open::<A>(Shop::builder(), kitchen.handler()).await;
    let good = shop.buyer(1).payment(&shop.challenge("/goods").await);
    let permit = "/payload/permit2Authorization";
    for (changed, value, reason) in [
        (
            "/accepted/amount",
            json!("49999"),
            "no_matching_payment_requirements",
        ),
        (
            "/accepted/extra/facilitatorAddress",
            json!(OTHER),
            "no_matching_payment_requirements",
        ),
        (
            "/accepted/extra/assetTransferMethod",
            json!("eip3009"),
            "no_matching_payment_requirements",
        ),
        (
            "permitted/amount",
            json!("49999"),
            "permit2_amount_mismatch",
        ),
        (
            "permitted/amount",
            json!("50001"),
            "permit2_amount_mismatch",
        ),
        ("permitted/token", json!(OTHER), "permit2_token_mismatch"),
        ("spender", json!(OTHER), "invalid_permit2_spender"),
        (
            "witness/to",
            json!(OTHER),
            "invalid_permit2_recipient_mismatch",
        ),
        (
            "witness/facilitator",
            json!(OTHER),
            "upto_facilitator_mismatch",
        ),
        (
            "witness/validAfter",
            json!("1"),
            "invalid_permit2_signature",
        ),
        (
            "witness/validAfter",
            json!("2000000000000"),
            "permit2_not_yet_valid",
        ),
        ("deadline", json!("1"), "permit2_deadline_expired"),
        (
            "deadline",
            json!("2000000000000"),
            "permit2_deadline_expired",
        ),
        ("nonce", json!("7"), "invalid_permit2_signature"),
        ("from", json!(OTHER), "invalid_permit2_signature"),
    ] {
        let mut payment = good.clone();
        let at = match changed.starts_with('/') {
            true => changed.to_owned(),
            false => format!("{permit}/{changed}"),
        };
        *payment.pointer_mut(&at).unwrap() = value;
        let answer = shop.send(paying(get("/goods"), &encode(&payment))).await;
        assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED, "{changed}");
        assert_eq!(Challenge::of(&answer).error(), reason, "{changed}");
    }
    assert_eq!(kitchen.started(), 0);
    let answer = shop.send(paying(get("/goods"), &encode(&good))).await;
    assert_charged(&shop, &answer, MOST);
}

/// A facilitator announces one of its accounts or another; what was signed for any of them is good as long as it is its
/// own.
pub async fn is_settled_by_any_account_of_the_facilitator<A: App>() {
    let accounts = [1, 2, 3, 4].map(|n| Address::evm([n; 20]));
    let kitchen = Kitchen::open();
    let shop = open::<A>(Shop::builder(), using(&kitchen, "$0.012345")).await;
    let announce = async |all: &[Address]| {
        shop.facilitator.send_from(all.to_vec());
        shop.clock.advance(std::time::Duration::from_secs(600));
        offered(&shop, |offers| {
            let named = offers[0].extra.read("facilitatorAddress");
            named.unwrap() == Some(all[0].to_string())
        })
        .await
    };
    let buyer = shop.buyer(1);
    let earlier = announce(&accounts[..2]).await;
    announce(&[accounts[1].clone(), accounts[0].clone()]).await;
    let answer = shop.send(paying(get("/goods"), &buyer.pay(&earlier))).await;
    assert_charged(&shop, &answer, USED);

    // Offered by another server of the same seller, and never here.
    let last = announce(&accounts[2..]).await;
    let other = shop.buyer(2);
    let bound_to = |account: &Address| {
        let mut foreign = last.clone();
        let extra = &mut foreign.v2.accepts[0].extra;
        extra
            .set("facilitatorAddress", &account.to_string())
            .unwrap();
        paying(get("/goods"), &other.pay(&foreign))
    };
    let answer = shop.send(bound_to(&accounts[3])).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    shop.assert_charges(2);
    let answer = shop.send(bound_to(&Address::evm([9; 20]))).await;
    assert_eq!(
        Challenge::of(&answer).error(),
        "no_matching_payment_requirements"
    );
    // One that was offered not long ago, and that the facilitator has no more.
    let answer = shop.send(bound_to(&accounts[0])).await;
    assert_eq!(Challenge::of(&answer).error(), "upto_facilitator_mismatch");
    shop.assert_charges(2);
}

/// How much is used is not known before the handler has run, so it cannot be settled before.
pub async fn is_never_settled_before_serving<A: App>() {
    let kitchen = Kitchen::open();
    let builder = Shop::builder().sell(
        "/before",
        |x402| {
            x402.route_with(|_| async { Ok::<_, String>(Quote::from(Accept::upto("$0.05"))) })
                .settle(Settle::Before)
        },
        kitchen.handler(),
    );
    let shop = open::<A>(builder, kitchen.handler()).await;
    let route = shop.x402.route("$0.01").or(Accept::upto("$0.05"));
    let error = route.settle(Settle::Before).build().unwrap_err();
    assert!(error.to_string().contains("`upto`"), "{error}");
    assert_eq!(error.problems().count(), 1);
    assert!(shop.x402.upto("$0.05").is_ok());
    let answer = shop.send(get("/before")).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(kitchen.started(), 0);
}

/// A price function can say a limit too, and only who took it has a meter.
pub async fn can_be_what_a_price_function_says<A: App>() {
    let kitchen = Kitchen::open();
    let handler = kitchen.cook(|_, request| {
        let metered = match request.extensions().get::<Meter>() {
            Some(meter) => meter.add("$0.012345").map(|()| "metered"),
            None => Ok("fixed"),
        };
        Ok(Response::new(body(metered?)))
    });
    let builder = Shop::builder().sell(
        "/goods",
        |x402| {
            x402.route_with(|_| async {
                Ok::<_, String>(Quote::any([Accept::upto("$0.05"), Accept::new("$0.02")]))
            })
        },
        handler,
    );
    let shop = opened::<A>(builder).await;
    let mut challenge = shop.challenge("/goods").await;
    assert_eq!(challenge.v2.accepts.len(), 2);
    let pay = |challenge: &Challenge| paying(get("/goods"), &shop.buyer(1).pay(challenge));
    let answer = shop.send(pay(&challenge)).await;
    assert_charged(&shop, &answer, USED);
    assert_eq!(answer.text(), "metered");
    challenge.v2.accepts.rotate_left(1);
    let answer = shop.send(pay(&challenge)).await;
    assert_eq!(answer.text(), "fixed");
    assert_eq!(answer.receipt().amount, None);
    assert_eq!(shop.transfers()[1].amount, Amount::from(20_000u64));
}
