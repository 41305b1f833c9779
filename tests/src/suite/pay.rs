//! What a paid request gets.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, LOCATION};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, ServiceExt as _};
use x402_tower::clock::Clock as _;
use x402_tower::facilitator::Endpoint;
use x402_tower::gate::RequestBody;
use x402_tower::local::Fault;
use x402_tower::money::Amount;
use x402_tower::price::Accept;
use x402_tower::proto::SettleResponse;
use x402_tower::proto::header::{
    self, PAYMENT_REQUIRED, PAYMENT_RESPONSE, PAYMENT_SIGNATURE, X_PAYMENT, X_PAYMENT_RESPONSE,
};
use x402_tower::testing::ManualClock;
use x402_tower::{Payment, Settle, X402};

use crate::buyer::{encode, get, paying, paying_v1, request};
use crate::shop::{PAYEE, goods, usdc};
use crate::{App, BoxError, Challenge, Handler, Kitchen, Shop, TestBody, Verb, body, handler};

/// A handler that tells what it knows of the payment.
fn telling() -> Handler {
    handler(|request| async move {
        let secret = ["payment-signature", "x-payment"];
        assert!(
            secret
                .iter()
                .all(|name| !request.headers().contains_key(*name)),
            "a payment was passed on"
        );
        let text = match request.extensions().get::<Payment>() {
            Some(payment) => format!(
                "{} {} {} {} {} {:?}",
                payment.payer(),
                payment.network(),
                payment.amount(),
                payment.asset().symbol,
                payment.scheme(),
                payment.receipt().map(|receipt| receipt.transaction().len()),
            ),
            None => "nobody paid".to_owned(),
        };
        Ok(Response::new(body(text)))
    })
}

/// Asked, paid, served, settled, receipted.
pub async fn serves_and_charges_once<A: App>() {
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), telling())
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let answer = shop.buy(&buyer, "/goods?q=1").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.text(),
        format!("{} eip155:84532 10000 USDC exact None", buyer.address())
    );

    let receipt = answer.receipt();
    assert!(receipt.success);
    assert_eq!(receipt.network, "eip155:84532");
    assert_eq!(receipt.payer.unwrap(), buyer.address().to_string());
    assert_eq!(answer.header(X_PAYMENT_RESPONSE), None);
    assert_eq!(answer.header(PAYMENT_REQUIRED), None);
    assert_eq!(answer.header(CACHE_CONTROL), Some("private"));
    assert!(
        answer
            .header(ACCESS_CONTROL_EXPOSE_HEADERS)
            .unwrap()
            .contains("payment-response")
    );

    let [transfer] = &shop.transfers()[..] else {
        panic!("{:?}", shop.transfers())
    };
    assert_eq!(transfer.transaction, receipt.transaction);
    assert_eq!(&transfer.from, buyer.address());
    assert_eq!(transfer.to.to_string(), PAYEE);
    assert_eq!(
        (&transfer.asset, transfer.amount),
        (&usdc(), Amount::from(10_000u64))
    );
    assert_eq!(shop.events(), ["settled"]);
    shop.ledger.wait_for(Verb::Delivered, 1).await;
}

/// Clients of version 1 pay on the same route, and find their receipt where they look for it.
pub async fn serves_both_versions_on_one_route<A: App>() {
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), telling())
        .open::<A>()
        .await;
    let challenge = shop.challenge("/goods").await;
    let (old, new) = (shop.buyer(1), shop.buyer(2));

    let answer = shop
        .send(paying_v1(get("/goods"), &old.pay_v1(&challenge)))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert!(answer.text().starts_with(&old.address().to_string()));
    let receipt = answer.receipt_v1();
    assert!(receipt.success);
    assert_eq!(receipt.network, "base-sepolia");
    assert_eq!(answer.header(PAYMENT_RESPONSE), None);

    let answer = shop.send(paying(get("/goods"), &new.pay(&challenge))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.receipt().success);
    shop.assert_charges(2);
}

/// Tokens without EIP-3009 are paid for over Permit2, after they have been allowed.
pub async fn takes_permit2<A: App>() {
    let shop = Shop::builder()
        .seller(|builder| builder.pay_to("bsc", PAYEE))
        .sell(
            "/goods",
            |x402| x402.route(Accept::new("0.25 USDT").network("bsc")),
            telling(),
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    shop.facilitator.want_allowance(true);
    let payment = shop.pay(&buyer, "/goods").await;
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(Challenge::of(&answer).error(), "permit2_allowance_required");
    shop.assert_charges(0);

    shop.facilitator.want_allowance(false);
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(
        answer.text(),
        format!(
            "{} eip155:56 250000000000000000 USDT exact None",
            buyer.address()
        )
    );
    assert_eq!(shop.transfers()[0].amount.to_string(), "250000000000000000");
}

/// The buyer chooses among the offers.
pub async fn takes_any_of_several_offers<A: App>() {
    let shop = Shop::builder()
        .seller(|builder| builder.pay_to("celo", PAYEE))
        .sell(
            "/goods",
            |x402| {
                let other = Accept::new("0.5 USDT")
                    .network("celo")
                    .pay_to("0x2222222222222222222222222222222222222222");
                x402.route("$0.01").or(other)
            },
            telling(),
        )
        .open::<A>()
        .await;
    let mut challenge = shop.challenge("/goods").await;
    assert_eq!(challenge.v2.accepts.len(), 3);
    for (number, to, amount) in [
        (1, PAYEE, 10_000u64),
        (2, PAYEE, 10_000),
        (3, "0x2222222222222222222222222222222222222222", 500_000),
    ] {
        let buyer = shop.buyer(number);
        let answer = shop
            .send(paying(get("/goods"), &buyer.pay(&challenge)))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let transfer = shop.transfers().pop().unwrap();
        assert_eq!(
            (transfer.to.to_string().as_str(), transfer.amount),
            (to, Amount::from(amount))
        );
        challenge.v2.accepts.rotate_left(1);
    }
}

/// Headers come in all spellings of base64, addresses in all cases, networks by all names, members in any order.
pub async fn understands_other_spellings<A: App>() {
    let payee = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    let shop = Shop::builder()
        .sell(
            "/goods",
            move |x402| {
                let offer = Accept::new("$0.01").network("base-sepolia");
                x402.route(offer.pay_to(payee))
            },
            goods(),
        )
        .open::<A>()
        .await;
    let challenge = shop.challenge("/goods").await;
    let respelled = |number: u64, spell: &dyn Fn(serde_json::Value) -> Vec<u8>| {
        let json = spell(shop.buyer(number).payment(&challenge));
        HeaderValue::from_bytes(&json).unwrap()
    };
    let standard = base64::prelude::BASE64_STANDARD;
    let no_pad = base64::prelude::BASE64_STANDARD_NO_PAD;
    let url_safe = base64::prelude::BASE64_URL_SAFE_NO_PAD;
    let payments = [
        respelled(1, &|json| no_pad.encode(json.to_string()).into_bytes()),
        respelled(2, &|mut json| {
            json["extensions"] = serde_json::json!({ "note": "???>>>~~~ÿÿÿ" });
            url_safe.encode(json.to_string()).into_bytes()
        }),
        respelled(3, &|json| {
            standard
                .encode(serde_json::to_string_pretty(&json).unwrap())
                .into_bytes()
        }),
        respelled(4, &|mut json| {
            for member in ["asset", "payTo"] {
                let lower = json["accepted"][member].as_str().unwrap().to_lowercase();
                json["accepted"][member] = lower.into();
            }
            standard.encode(json.to_string()).into_bytes()
        }),
        respelled(5, &|mut json| {
            json["accepted"]["extra"]["added"] =
                serde_json::json!({ "by": ["the", "client", null] });
            json["accepted"]["added"] = 1.into();
            json["added"] = serde_json::json!(null);
            json["extensions"] = serde_json::json!(null);
            standard.encode(json.to_string()).into_bytes()
        }),
        respelled(6, &|mut json| {
            json.as_object_mut().unwrap().remove("resource");
            standard.encode(json.to_string()).into_bytes()
        }),
        respelled(7, &|mut json| {
            json["accepted"]["amount"] = "0010000".into();
            standard.encode(json.to_string()).into_bytes()
        }),
    ];
    for (i, payment) in payments.iter().enumerate() {
        let answer = shop.send(paying(get("/goods"), payment)).await;
        assert_eq!(answer.status, StatusCode::OK, "{i}: {answer:?}");
    }
    shop.assert_charges(payments.len());
}

/// An answer that is an error costs nothing, and its payment is good for another try.
pub async fn charges_nothing_for_errors<A: App>() {
    let kitchen = Kitchen::open();
    let statuses = [500, 404, 400, 503, 200];
    let shop = Shop::builder()
        .sell(
            "/goods",
            |x402| x402.route("$0.01"),
            kitchen.cook(move |run, _| {
                let mut response = Response::new(body(format!("run {run}")));
                *response.status_mut() = StatusCode::from_u16(statuses[run - 1]).unwrap();
                Ok(response)
            }),
        )
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    for (i, status) in statuses.into_iter().enumerate() {
        shop.assert_charges(0);
        let answer = shop.send(paying(get("/goods"), &payment)).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.text(), format!("run {}", i + 1));
        assert_eq!(answer.header(PAYMENT_RESPONSE).is_some(), status == 200);
    }
    shop.assert_charges(1);
}

/// A handler that fails or panics has earned nothing, and the payment is good for another try.
pub async fn charges_nothing_for_failures<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .sell(
            "/goods",
            |x402| x402.route("$0.01"),
            kitchen.cook(|run, _| match run {
                1 => Err("the handler failed".into()),
                2 => panic!("the handler panicked"),
                _ => Ok(Response::new(body("the goods"))),
            }),
        )
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    for _ in 0..2 {
        let broken = crate::try_send(shop.address(), paying(get("/goods"), &payment)).await;
        assert!(broken.is_err() || broken.unwrap().status == StatusCode::INTERNAL_SERVER_ERROR);
        shop.assert_charges(0);
    }
    assert_eq!(
        shop.send(paying(get("/goods"), &payment)).await.text(),
        "the goods"
    );
    shop.assert_charges(1);
}

/// Redirects and upgrades are goods; "not modified" is not.
pub async fn charges_by_status<A: App>() {
    for (status, charged) in [
        (201, true),
        (204, true),
        (303, true),
        (307, true),
        (304, false),
        (418, false),
    ] {
        let shop = Shop::builder()
            .sell(
                "/goods",
                |x402| x402.route("$0.01"),
                handler(move |_| async move {
                    let mut response = Response::new(body(""));
                    *response.status_mut() = StatusCode::from_u16(status).unwrap();
                    response
                        .headers_mut()
                        .insert(LOCATION, HeaderValue::from_static("/secret?signed=1"));
                    Ok(response)
                }),
            )
            .open::<A>()
            .await;
        let answer = shop.buy(&shop.buyer(1), "/goods").await;
        assert_eq!(answer.status, status);
        assert_eq!(
            answer.header(PAYMENT_RESPONSE).is_some(),
            charged,
            "{status}"
        );
        shop.assert_charges(usize::from(charged));
    }
}

/// A seller can say which answers are charged for.
pub async fn charges_when_the_seller_says<A: App>() {
    let shop = Shop::builder()
        .sell(
            "/goods",
            |x402| {
                let billable = http::HeaderName::from_static("x-billable");
                x402.route("$0.01")
                    .charge_when(move |answer| answer.header(&billable).is_some())
            },
            handler(|request| async move {
                let mut response = Response::new(body("the goods"));
                if request.uri().query() == Some("bill") {
                    *response.status_mut() = StatusCode::NOT_FOUND;
                    response
                        .headers_mut()
                        .insert("x-billable", HeaderValue::from_static("1"));
                }
                Ok(response)
            }),
        )
        .open::<A>()
        .await;
    assert_eq!(
        shop.buy(&shop.buyer(1), "/goods")
            .await
            .header(PAYMENT_RESPONSE),
        None
    );
    shop.assert_charges(0);
    let answer = shop.buy(&shop.buyer(2), "/goods?bill").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.receipt().success);
    shop.assert_charges(1);
}

/// Settled first, the handler sees the receipt; if it fails, the buyer has the receipt and asks again for nothing.
pub async fn can_be_settled_before_serving<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .sell(
            "/tell",
            |x402| x402.route("$0.01").settle(Settle::Before),
            telling(),
        )
        .sell(
            "/fail",
            |x402| x402.route("$0.01").settle(Settle::Before),
            kitchen.cook(|run, _| {
                let mut response = Response::new(body(format!("run {run}")));
                if run < 3 {
                    *response.status_mut() = StatusCode::BAD_GATEWAY;
                }
                Ok(response)
            }),
        )
        .open::<A>()
        .await;
    let answer = shop.buy(&shop.buyer(1), "/tell").await;
    assert!(answer.text().ends_with("Some(66)"), "{}", answer.text());
    assert!(answer.receipt().success);

    let payment = shop.pay(&shop.buyer(2), "/fail").await;
    for run in 1..=3 {
        let answer = shop.send(paying(get("/fail"), &payment)).await;
        assert_eq!(
            answer.status,
            if run < 3 {
                StatusCode::BAD_GATEWAY
            } else {
                StatusCode::OK
            }
        );
        assert_eq!(answer.text(), format!("run {run}"));
        assert!(answer.receipt().success);
        assert_eq!(answer.header(CACHE_CONTROL), Some("private"));
        shop.assert_charges(2);
        shop.ledger
            .wait_for(
                if run < 3 {
                    Verb::Undelivered
                } else {
                    Verb::Delivered
                },
                1,
            )
            .await;
    }
}

/// The body of a request reaches the handler as it was sent.
pub async fn passes_the_request_body_on<A: App>() {
    let shop = Shop::builder()
        .sell(
            "/echo",
            |x402| x402.route("$0.01"),
            handler(|request| async move { Ok(Response::new(request.into_body())) }),
        )
        .sell(
            "/bound",
            |x402| x402.route("$0.01").bind_body(1000),
            handler(|request| async move { Ok(Response::new(request.into_body())) }),
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    for path in ["/echo", "/bound"] {
        let payment = shop.pay(&buyer, path).await;
        let answer = shop
            .send(paying(request(Method::POST, path, "ping"), &payment))
            .await;
        assert_eq!(answer.text(), "ping");
        assert!(answer.receipt().success);
    }
    let payment = shop.pay(&buyer, "/bound").await;
    let long = request(Method::POST, "/bound", "x".repeat(1001));
    assert_eq!(
        shop.send(paying(long, &payment)).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    shop.assert_charges(2);
}

/// Not to the handler, and not to those who decide what is free and what the price is.
pub async fn shows_the_payment_to_nobody<A: App>() {
    let looked = Arc::new(AtomicUsize::new(0));
    let look = |looked: &AtomicUsize, is_there: &dyn Fn(&HeaderName) -> bool| {
        looked.fetch_add(1, Ordering::SeqCst);
        for name in [PAYMENT_SIGNATURE, X_PAYMENT] {
            assert!(!is_there(&name), "`{name}` is shown");
        }
    };
    let (free, price) = (Arc::clone(&looked), Arc::clone(&looked));
    let shop = Shop::builder()
        .sell(
            "/goods",
            move |x402| {
                x402.route_with(move |head| {
                    look(&price, &|name| head.headers().contains_key(name));
                    async { "$0.01" }
                })
                .free_when(move |head| {
                    look(&free, &|name| head.header(name).is_some());
                    false
                })
            },
            telling(),
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let challenge = shop.challenge("/goods").await;
    let first = paying(get("/goods"), &buyer.pay(&challenge));
    assert_eq!(shop.send(first).await.status, StatusCode::OK);
    let second = paying_v1(get("/goods"), &buyer.pay_v1(&challenge));
    assert_eq!(shop.send(second).await.status, StatusCode::OK);
    assert_eq!(looked.load(Ordering::SeqCst), 6);
    shop.assert_charges(2);
}

/// No goods go out if the money does not move after all.
pub async fn gives_nothing_out_if_refused<A: App>() {
    let shop = Shop::builder()
        .sell(
            "/goods",
            |x402| x402.route("$0.01"),
            handler(|_| async {
                let mut response = Response::new(body("the goods"));
                *response.status_mut() = StatusCode::SEE_OTHER;
                response
                    .headers_mut()
                    .insert(LOCATION, HeaderValue::from_static("/secret?signed=1"));
                response
                    .headers_mut()
                    .insert("x-secret", HeaderValue::from_static("1"));
                Ok(response)
            }),
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/goods").await;
    // As often as it is refused, and more often than a run may be given up.
    let reason = "invalid_exact_evm_insufficient_balance";
    for _ in 0..4 {
        let refuse = Fault::Refuse(reason.to_owned());
        shop.facilitator.on(Endpoint::Settle, [refuse]);
        let answer = shop.send(paying(get("/goods"), &payment)).await;
        assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
        assert_eq!(Challenge::of(&answer).error(), reason);
        let receipt = answer.receipt();
        assert_eq!((receipt.success, receipt.transaction.as_str()), (false, ""));
        assert_eq!(receipt.error_reason.as_deref(), Some(reason));
        assert!(!answer.headers.contains_key("x-secret") && !answer.headers.contains_key(LOCATION));
        assert!(!answer.text().contains("the goods"));
    }
    assert_eq!(shop.events(), ["settlement refused"; 4]);
    // Nothing has happened, so the same payment can be used.
    assert_eq!(
        shop.send(paying(get("/goods"), &payment)).await.status,
        StatusCode::SEE_OTHER
    );
    shop.assert_charges(1);
}

/// A payment that is known to be too short to be served and settled is not begun with.
pub async fn wants_time_to_serve_and_settle<A: App>() {
    let kitchen = Kitchen::open();
    let clock = Arc::new(OnceLock::<Arc<ManualClock>>::new());
    let slow = Arc::clone(&clock);
    let cook = move |_, _| {
        slow.get().unwrap().advance(Duration::from_secs(265));
        Ok(Response::new(body("late")))
    };
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.cook(cook))
        .open::<A>()
        .await;
    clock.set(Arc::clone(&shop.clock)).unwrap();
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/goods").await;
    shop.clock.advance(Duration::from_secs(235));
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(
        Challenge::of(&answer).error(),
        "invalid_exact_evm_payload_authorization_valid_before"
    );
    assert_eq!((kitchen.started(), shop.facilitator.calls().verify), (0, 0));

    // A handler that takes too long has worked for nothing.
    let answer = shop.buy(&buyer, "/goods").await;
    assert_eq!(
        Challenge::of(&answer).error(),
        "invalid_exact_evm_payload_authorization_valid_before"
    );
    assert_eq!(shop.facilitator.calls().settle, 0);
    assert_eq!(shop.ledger.seen(), [Verb::Claim, Verb::Release]);
    shop.assert_charges(0);
}

/// A payment for ever, and one for later, are not taken.
pub async fn wants_a_window_that_is_open_and_short<A: App>() {
    let shop = Shop::simple::<A>().await;
    let mut challenge = shop.challenge("/goods").await;
    let buyer = shop.buyer(1);
    challenge.v2.accepts[0].max_timeout_seconds = 3_600;
    let mut payment = buyer.payment(&challenge);
    payment["accepted"]["maxTimeoutSeconds"] = 300.into();
    assert_eq!(
        shop.send(paying(get("/goods"), &encode(&payment)))
            .await
            .status,
        StatusCode::OK
    );
    challenge.v2.accepts[0].max_timeout_seconds = 10_000;
    let mut payment = buyer.payment(&challenge);
    payment["accepted"]["maxTimeoutSeconds"] = 300.into();
    let answer = shop.send(paying(get("/goods"), &encode(&payment))).await;
    assert_eq!(
        Challenge::of(&answer).error(),
        "invalid_exact_evm_payload_authorization_valid_before"
    );
    let asked = shop.facilitator.calls().verify;
    let now = shop.clock.now().as_secs();
    for (valid_after, error) in [
        (now, "invalid_exact_evm_signature"),
        (
            now + 1,
            "invalid_exact_evm_payload_authorization_valid_after",
        ),
    ] {
        let mut payment = buyer.payment(&shop.challenge("/goods").await);
        payment["payload"]["authorization"]["validAfter"] = valid_after.to_string().into();
        let answer = shop.send(paying(get("/goods"), &encode(&payment))).await;
        assert_eq!(Challenge::of(&answer).error(), error, "{valid_after}");
    }
    // The time is looked at here, and the signature by the facilitator.
    assert_eq!(shop.facilitator.calls().verify, asked + 1);
    shop.assert_charges(1);
}

/// Addresses are compared whatever their case, so nobody is told that their own address is another.
pub async fn names_payers_canonically<A: App>() {
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), telling())
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let mut payment = buyer.payment(&shop.challenge("/goods").await);
    let from = &mut payment["payload"]["authorization"]["from"];
    *from = from.as_str().unwrap().to_lowercase().into();
    let answer = shop.send(paying(get("/goods"), &encode(&payment))).await;
    assert!(
        answer.text().starts_with(&buyer.address().to_string()),
        "{}",
        answer.text()
    );
}

/// A seller who has bought something and passes on what came with it: the receipt is the buyer's own, first and later.
pub async fn gives_one_receipt_and_that_is_the_buyers<A: App>() {
    let kitchen = Kitchen::open();
    let resold = kitchen.cook(|run, _| {
        let mut answer = Response::new(body(format!("the goods, run {run}")));
        for name in [PAYMENT_RESPONSE, X_PAYMENT_RESPONSE] {
            let theirs = HeaderValue::from_static("eyJzdWNjZXNzIjp0cnVlfQ==");
            answer.headers_mut().insert(name, theirs);
        }
        Ok(answer)
    });
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), resold)
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let challenge = shop.challenge("/goods").await;
    let (v2, v1) = (buyer.pay(&challenge), buyer.pay_v1(&challenge));
    let ask = || request(Method::POST, "/goods", "");
    let v2 = || paying(ask(), &v2);
    for (run, ask, name, other) in [
        (1, v2(), PAYMENT_RESPONSE, X_PAYMENT_RESPONSE),
        (1, v2(), PAYMENT_RESPONSE, X_PAYMENT_RESPONSE),
        (
            2,
            paying_v1(ask(), &v1),
            X_PAYMENT_RESPONSE,
            PAYMENT_RESPONSE,
        ),
    ] {
        let answer = shop.send(ask).await;
        assert_eq!(answer.text(), format!("the goods, run {run}"));
        assert_eq!(answer.header(other), None);
        let receipt = answer.header(name).unwrap().as_bytes();
        let receipt: SettleResponse = header::decode(receipt, 1 << 20).unwrap();
        assert_eq!(receipt.transaction, shop.transfers()[run - 1].transaction);
    }
}

/// A price inside of another one can never be paid. That is the seller's mistake, and no buyer is told to pay again.
pub async fn cannot_be_asked_for_twice<A: App>() {
    async fn goods(
        _: http::Request<RequestBody<TestBody>>,
    ) -> Result<Response<TestBody>, BoxError> {
        Ok(Response::new(body("the goods")))
    }

    let inner = X402::local().build().unwrap().price("$0.01").unwrap();
    let inner = inner.layer(tower::service_fn(goods));
    let inner = inner.map_response(|answer| answer.map(http_body_util::BodyExt::boxed_unsync));
    let inner = BoxCloneSyncService::new(inner);
    let inside = handler(move |request| inner.clone().oneshot(request));
    for settle in [Settle::After, Settle::Before] {
        let shop = Shop::builder()
            .sell(
                "/goods",
                move |x402| x402.route("$0.01").settle(settle),
                inside.clone(),
            )
            .open::<A>()
            .await;
        let answer = shop.buy(&shop.buyer(1), "/goods").await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.header(PAYMENT_REQUIRED), None);
        shop.assert_charges(usize::from(settle == Settle::Before));
    }
}
