//! Payments that were changed on the way, and headers that are none.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use x402_tower::proto::header::{PAYMENT_REQUIRED, PAYMENT_SIGNATURE, X_PAYMENT};

use crate::buyer::{encode, get, paying, paying_v1};
use crate::shop::{PAYEE, PUBLIC_URL, goods};
use crate::{App, Challenge, Kitchen, Shop};

const OTHER: &str = "0x2222222222222222222222222222222222222222";
/// The order of the curve.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
    0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

/// Nothing that a buyer accepted or signed can be changed.
pub async fn is_refused_whatever_was_changed<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .seller(|builder| builder.pay_to("base", PAYEE))
        .sell(
            "/goods",
            |x402| x402.route(x402_tower::price::Accept::new("$0.01").network("base-sepolia")),
            kitchen.handler(),
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let stranger = shop.buyer(2);
    let good = buyer.payment(&shop.challenge("/goods").await);
    let foreign = stranger.payment(&shop.challenge("/goods").await);

    let mismatch = "no_matching_payment_requirements";
    let signature = "invalid_exact_evm_signature";
    let accepted = |member: &'static str, value: Value| {
        move |payment: &mut Value| payment["accepted"][member] = value.clone()
    };
    let signed = |member: &'static str, value: Value| {
        move |payment: &mut Value| payment["payload"]["authorization"][member] = value.clone()
    };
    let both = |accepted: &'static str, signed: &'static str, value: Value| {
        move |payment: &mut Value| {
            payment["accepted"][accepted] = value.clone();
            payment["payload"]["authorization"][signed] = value.clone();
        }
    };
    type Change = Box<dyn Fn(&mut Value)>;
    let changes: Vec<(&str, Change, &str)> = vec![
        (
            "less is accepted",
            Box::new(accepted("amount", json!("9999"))),
            mismatch,
        ),
        (
            "more is accepted",
            Box::new(accepted("amount", json!("10001"))),
            mismatch,
        ),
        (
            "less is signed",
            Box::new(signed("value", json!("9999"))),
            "invalid_exact_evm_payload_authorization_value_mismatch",
        ),
        (
            "more is signed",
            Box::new(signed("value", json!("10001"))),
            "invalid_exact_evm_payload_authorization_value_mismatch",
        ),
        (
            "less is both",
            Box::new(both("amount", "value", json!("1"))),
            mismatch,
        ),
        (
            "another is accepted",
            Box::new(accepted("payTo", json!(OTHER))),
            mismatch,
        ),
        (
            "another is paid",
            Box::new(signed("to", json!(OTHER))),
            "invalid_exact_evm_recipient_mismatch",
        ),
        (
            "another is both",
            Box::new(both("payTo", "to", json!(OTHER))),
            mismatch,
        ),
        (
            "another token",
            Box::new(accepted("asset", json!(OTHER))),
            mismatch,
        ),
        (
            "the same token elsewhere",
            Box::new(|payment: &mut Value| {
                payment["accepted"]["network"] = json!("eip155:8453");
                payment["accepted"]["asset"] = json!("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913");
            }),
            mismatch,
        ),
        (
            "another chain",
            Box::new(accepted("network", json!("eip155:1"))),
            mismatch,
        ),
        (
            "a network that is none",
            Box::new(accepted("network", json!("nowhere"))),
            mismatch,
        ),
        (
            "another scheme",
            Box::new(accepted("scheme", json!("upto"))),
            mismatch,
        ),
        (
            "a longer time",
            Box::new(accepted("maxTimeoutSeconds", json!(999_999))),
            mismatch,
        ),
        (
            "extra is gone",
            Box::new(accepted("extra", json!({}))),
            mismatch,
        ),
        (
            "another domain",
            Box::new(|payment: &mut Value| {
                payment["accepted"]["extra"]["name"] = json!("USD Coin")
            }),
            mismatch,
        ),
        (
            "another version of the domain",
            Box::new(|payment: &mut Value| payment["accepted"]["extra"]["version"] = json!("1")),
            mismatch,
        ),
        (
            "another payer",
            Box::new(signed("from", json!(OTHER))),
            signature,
        ),
        (
            "another nonce",
            Box::new(signed("nonce", json!(format!("0x{}", "7".repeat(64))))),
            signature,
        ),
        (
            "a later end",
            Box::new(signed("validBefore", json!("1790000301"))),
            signature,
        ),
        (
            "another beginning",
            Box::new(signed("validAfter", json!("1"))),
            signature,
        ),
        (
            "somebody else's signature",
            Box::new({
                let theirs = foreign["payload"]["signature"].clone();
                move |payment: &mut Value| payment["payload"]["signature"] = theirs.clone()
            }),
            signature,
        ),
        (
            "a flipped bit",
            Box::new(|payment: &mut Value| flip(&mut payment["payload"]["signature"])),
            signature,
        ),
        (
            "the other signature",
            Box::new(|payment: &mut Value| raise(&mut payment["payload"]["signature"])),
            signature,
        ),
        (
            "no signature",
            Box::new(|payment: &mut Value| payment["payload"]["signature"] = json!("0x")),
            signature,
        ),
        (
            "half a signature",
            Box::new(|payment: &mut Value| payment["payload"]["signature"] = json!("0x1234")),
            signature,
        ),
        (
            "another way to pay",
            Box::new(|payment: &mut Value| {
                let authorization = payment["payload"]["authorization"].clone();
                payment["payload"] = json!({
                    "signature": payment["payload"]["signature"],
                    "permit2Authorization": {
                        "from": authorization["from"],
                        "permitted": { "token": payment["accepted"]["asset"], "amount": "10000" },
                        "spender": "0x402085c248EeA27D92E8b30b2C58ed07f9E20001",
                        "nonce": "1",
                        "deadline": authorization["validBefore"],
                        "witness": { "to": authorization["to"], "validAfter": "0" },
                    },
                });
            }),
            "unsupported_payload_type",
        ),
    ];
    for (what, change, reason) in changes {
        let mut payment = good.clone();
        change(&mut payment);
        assert_ne!(payment, good, "{what}");
        // In any order, and in that of the challenge, which is known letter by letter.
        for said in [encode(&payment), in_our_order(&payment)] {
            let answer = shop.send(paying(get("/goods"), &said)).await;
            assert_eq!(
                answer.status,
                StatusCode::PAYMENT_REQUIRED,
                "{what}: {answer:?}"
            );
            let challenge = Challenge::of(&answer);
            assert_eq!(challenge.error(), reason, "{what}");
            assert_eq!(
                challenge.v1.unwrap().error.as_deref(),
                Some(reason),
                "{what}"
            );
            assert_eq!(challenge.v2.accepts[0].amount, 10_000u64.into(), "{what}");
        }
    }
    assert_eq!(kitchen.started(), 0);
    assert_eq!(shop.facilitator.calls().settle, 0);
    shop.assert_charges(0);
    // After all of that, the payment itself is as good as ever.
    let answer = shop.send(paying(get("/goods"), &in_our_order(&good))).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

/// A payment whose members stand where those of a challenge do.
fn in_our_order(payment: &Value) -> HeaderValue {
    const ORDER: [&str; 9] = [
        "scheme",
        "network",
        "amount",
        "asset",
        "payTo",
        "maxTimeoutSeconds",
        "name",
        "version",
        "ref",
    ];
    fn say(value: &Value) -> String {
        let Value::Object(members) = value else {
            return value.to_string();
        };
        let place = |name: &str| ORDER.iter().position(|known| *known == name);
        let mut members: Vec<_> = members.iter().collect();
        members.sort_by_key(|(name, _)| place(name).unwrap_or(ORDER.len()));
        let members = members.iter();
        let said = members.map(|(name, value)| format!("{}:{}", json!(name), say(value)));
        format!("{{{}}}", said.collect::<Vec<_>>().join(","))
    }
    HeaderValue::from_str(&BASE64_STANDARD.encode(say(payment))).unwrap()
}

fn bytes_of(signature: &Value) -> Vec<u8> {
    let digits = signature.as_str().unwrap().trim_start_matches("0x");
    (0..digits.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap())
        .collect()
}

fn text_of(bytes: &[u8]) -> Value {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{digits}").into()
}

fn flip(signature: &mut Value) {
    let mut bytes = bytes_of(signature);
    bytes[40] ^= 1;
    *signature = text_of(&bytes);
}

/// The other of the two signatures that every signature has: `s` becomes the order less `s`.
fn raise(signature: &mut Value) {
    let mut bytes = bytes_of(signature);
    let mut borrow = 0;
    for i in (0..32).rev() {
        let difference = i16::from(ORDER[i]) - i16::from(bytes[32 + i]) - borrow;
        borrow = i16::from(difference < 0);
        bytes[32 + i] = difference.rem_euclid(256) as u8;
    }
    bytes[64] = if bytes[64] == 27 { 28 } else { 27 };
    *signature = text_of(&bytes);
}

/// What a buyer believes to pay for is not signed, and judged only where the seller is strict.
pub async fn is_for_any_resource_unless_the_seller_is_strict<A: App>() {
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), goods())
        .sell(
            "/strict",
            |x402| x402.route("$0.01").strict_resource(true),
            goods(),
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let mut charges = 0;
    for path in ["/goods?a", "/strict?a"] {
        let named = |url: &str| json!({ "url": url });
        for (resource, is_it) in [
            (named(&format!("{PUBLIC_URL}{path}")), true),
            (named(&format!("{PUBLIC_URL}{path}&b")), false),
            (
                named(&format!("{PUBLIC_URL}{}", path.trim_end_matches('a'))),
                false,
            ),
            (named(&format!("https://other.example/api{path}")), false),
            (named(path), false),
            (Value::Null, false),
        ] {
            let mut payment = buyer.payment(&shop.challenge(path).await);
            payment["resource"] = resource;
            let answer = shop.send(paying(get(path), &encode(&payment))).await;
            if is_it || path.starts_with("/goods") {
                assert_eq!(answer.status, StatusCode::OK, "{payment} {answer:?}");
                charges += 1;
            } else {
                assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED, "{payment}");
                assert_eq!(Challenge::of(&answer).error(), "resource_mismatch");
            }
        }
    }
    shop.assert_charges(charges);
}

/// One authorization is one payment, whichever version of the protocol it comes in, and however it is written.
pub async fn is_one_payment_in_every_spelling<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let payment = shop.buyer(1).payment(&shop.challenge("/goods").await);
    assert_eq!(
        shop.send(paying(get("/goods"), &encode(&payment)))
            .await
            .status,
        StatusCode::OK
    );

    let v1 = json!({
        "x402Version": 1, "scheme": "exact", "network": "base-sepolia", "payload": payment["payload"],
    });
    let answer = shop.send(paying_v1(get("/goods"), &encode(&v1))).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::CONFLICT, "already_settled")
    );
    assert!(answer.receipt_v1().success);
    assert_eq!(answer.header(PAYMENT_REQUIRED), None);

    let mut shouted = payment.clone();
    for member in ["from", "to", "nonce"] {
        let text = shouted["payload"]["authorization"][member]
            .as_str()
            .unwrap();
        shouted["payload"]["authorization"][member] =
            format!("0x{}", text[2..].to_uppercase()).into();
    }
    let signature = shouted["payload"]["signature"].as_str().unwrap();
    shouted["payload"]["signature"] = format!("0x{}", signature[2..].to_uppercase()).into();
    shouted["payload"]["authorization"]["value"] = "0010000".into();
    shouted["accepted"]["network"] = "base-sepolia".into();
    let pretty = BASE64_STANDARD.encode(serde_json::to_string_pretty(&shouted).unwrap());
    let answer = shop
        .send(paying(
            get("/goods"),
            &HeaderValue::from_str(&pretty).unwrap(),
        ))
        .await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, "the goods, run 1"),
        "the kept answer"
    );
    assert_eq!(kitchen.started(), 1);
    shop.assert_charges(1);
}

/// Other bytes under a nonce that is known are not that payment.
pub async fn conflicts_with_the_payment_that_it_was<A: App>() {
    let shop = Shop::simple::<A>().await;
    let payment = shop.buyer(1).payment(&shop.challenge("/goods").await);
    assert_eq!(
        shop.send(paying(get("/goods"), &encode(&payment)))
            .await
            .status,
        StatusCode::OK
    );
    for change in [flip as fn(&mut Value), raise] {
        let mut changed = payment.clone();
        change(&mut changed["payload"]["signature"]);
        let answer = shop.send(paying(get("/goods"), &encode(&changed))).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::CONFLICT, "conflict")
        );
        assert_eq!(answer.header(PAYMENT_REQUIRED), None);
    }
    shop.assert_charges(1);
}

/// A header that is no payment is an error of its own, and not the lack of a payment.
pub async fn is_told_from_no_payment_at_all<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let good = shop.buyer(1).payment(&shop.challenge("/goods").await);
    let base64 = |json: &str| BASE64_STANDARD.encode(json);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut payment = good.clone();
        change(&mut payment);
        base64(&payment.to_string())
    };
    let twice = good
        .to_string()
        .replacen("\"payload\":", "\"payload\":{},\"payload\":", 1);
    let values = [
        String::new(),
        "!".to_owned(),
        "e30".to_owned(),
        base64("null"),
        base64("[]"),
        base64("{}"),
        base64("\"text\""),
        base64("{\"x402Version\":2"),
        base64(&good.to_string()[1..]),
        base64(&format!("{good}{good}")),
        base64(&twice),
        base64(&"[".repeat(5000)),
        base64(&format!(
            "{{\"x402Version\":2,\"x\":{}1{}}}",
            "[".repeat(40),
            "]".repeat(40)
        )),
        format!("{}%", base64(&good.to_string())),
        changed(&|payment| payment["x402Version"] = 1.into()),
        changed(&|payment| payment["x402Version"] = 3.into()),
        changed(&|payment| payment["x402Version"] = "2".into()),
        changed(&|payment| drop(payment.as_object_mut().unwrap().remove("x402Version"))),
        changed(&|payment| drop(payment.as_object_mut().unwrap().remove("accepted"))),
        changed(&|payment| drop(payment.as_object_mut().unwrap().remove("payload"))),
        changed(&|payment| payment["payload"] = Value::Null),
        changed(&|payment| payment["payload"] = json!({})),
        changed(&|payment| payment["payload"]["authorization"]["nonce"] = "0x01".into()),
        changed(&|payment| payment["payload"]["authorization"]["nonce"] = "not hexadecimal".into()),
        changed(&|payment| payment["payload"]["authorization"]["from"] = "0x1".into()),
        changed(&|payment| payment["payload"]["authorization"]["value"] = (-1).into()),
        changed(&|payment| payment["payload"]["authorization"]["value"] = "1e4".into()),
        changed(&|payment| payment["payload"]["authorization"]["value"] = "9".repeat(100).into()),
        changed(&|payment| payment["accepted"]["amount"] = 10_000.into()),
        changed(&|payment| payment["accepted"] = "exact".into()),
    ];
    for value in values {
        let header = HeaderValue::from_str(&value).unwrap();
        let answer = shop.send(paying(get("/goods"), &header)).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{value}: {answer:?}"
        );
        assert_eq!(answer.problem(), "invalid_payload", "{value}");
        assert_eq!(answer.header(PAYMENT_REQUIRED), None, "{value}");
    }
    // Bytes that are no text at all.
    let header = HeaderValue::from_bytes(&[0xff, 0xfe, 0x80]).unwrap();
    assert_eq!(
        shop.send(paying(get("/goods"), &header)).await.status,
        StatusCode::BAD_REQUEST
    );

    // More than one payment is none.
    let payment = encode(&good);
    let mut twice = paying(get("/goods"), &payment);
    twice
        .headers_mut()
        .append(PAYMENT_SIGNATURE, payment.clone());
    assert_eq!(shop.send(twice).await.status, StatusCode::BAD_REQUEST);
    let mut both = paying(get("/goods"), &payment);
    both.headers_mut().append(X_PAYMENT, payment.clone());
    assert_eq!(shop.send(both).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(kitchen.started(), 0);
    assert_eq!(shop.ledger.seen(), []);
    assert_eq!(
        shop.send(paying(get("/goods"), &payment)).await.status,
        StatusCode::OK
    );
}

/// Who signs that Permit2 may take some other token has paid with that, whatever they say to have accepted.
pub async fn is_refused_for_another_token<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .seller(|builder| builder.pay_to("bsc", PAYEE))
        .sell(
            "/goods",
            |x402| x402.route(x402_tower::price::Accept::new("0.25 USDT").network("bsc")),
            kitchen.handler(),
        )
        .open::<A>()
        .await;
    let good = shop.buyer(1).payment(&shop.challenge("/goods").await);
    let mut other = good.clone();
    other["payload"]["permit2Authorization"]["permitted"]["token"] = json!(OTHER);
    let answer = shop.send(paying(get("/goods"), &encode(&other))).await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    // Nobody has to be asked about that.
    assert_eq!((kitchen.started(), shop.facilitator.calls().verify), (0, 0));
    let answer = shop.send(paying(get("/goods"), &encode(&good))).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    shop.assert_charges(1);
}

/// Size is looked at before anything else, up to where the server itself gives up.
pub async fn is_bounded<A: App>() {
    let shop = Shop::simple::<A>().await;
    let good = shop.buyer(1).payment(&shop.challenge("/goods").await);
    let padded = |bytes: usize| {
        let mut payment = good.clone();
        let missing = bytes * 3 / 4 - payment.to_string().len() - 20;
        payment["padding"] = "x".repeat(missing).into();
        encode(&payment)
    };
    for bytes in [17 << 10, 100 << 10] {
        let answer = shop.send(paying(get("/goods"), &padded(bytes))).await;
        assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    // A server may hang up on what is larger than all that it reads.
    let answer = crate::try_send(shop.address(), paying(get("/goods"), &padded(1 << 20))).await;
    if let Ok(answer) = answer {
        assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    shop.assert_charges(0);
    assert_eq!(
        shop.send(paying(get("/goods"), &padded(15 * 1024)))
            .await
            .status,
        StatusCode::OK
    );
}

/// What is wrong upstream is nobody's business, whichever way it gets into an answer.
pub async fn tells_nothing_of_what_is_inside<A: App>() {
    use x402_tower::facilitator::Endpoint;
    use x402_tower::local::Fault;

    let shop = Shop::simple::<A>().await;
    let secret = "postgres://admin:hunter2@10.0.0.7/x402 Failed: \"quote\"";
    let buyer = shop.buyer(1);
    for endpoint in [Endpoint::Verify, Endpoint::Settle] {
        shop.facilitator
            .on(endpoint, [Fault::Refuse(secret.to_owned())]);
        let payment = shop.pay(&buyer, "/goods").await;
        let answer = shop.send_and_wait(paying(get("/goods"), &payment)).await;
        let everything = format!("{answer:?}");
        for word in ["postgres", "hunter2", "10.0.0.7", "Failed"] {
            assert!(!everything.contains(word), "{everything}");
            for value in answer.headers.values() {
                let decoded = BASE64_STANDARD.decode(value.as_bytes()).unwrap_or_default();
                assert!(
                    !String::from_utf8_lossy(&decoded).contains(word),
                    "{everything}"
                );
            }
        }
    }
}
