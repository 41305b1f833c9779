//! What an unpaid request is told.

use http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::json;
use x402_tower::price::{Accept, Quote};

use crate::buyer::{get, request};
use crate::shop::{PAYEE, goods, usdc};
use crate::{App, Challenge, Kitchen, Shop, body};

/// Both challenges are on every 402, and say the same.
pub async fn says_what_it_costs_in_both_versions<A: App>() {
    let shop = Shop::builder()
        .sell(
            "/goods",
            |x402| {
                x402.route("$0.01")
                    .description("Fine goods")
                    .mime_type("text/plain")
                    .service_name("Shop")
            },
            goods(),
        )
        .open::<A>()
        .await;
    let answer = shop.send(get("/goods?a=1&b=%22%20")).await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(answer.header(CACHE_CONTROL), Some("no-store"));
    assert_eq!(answer.header(CONTENT_TYPE), Some("application/json"));
    let exposed = answer.header(ACCESS_CONTROL_EXPOSE_HEADERS).unwrap();
    for name in [
        "payment-required",
        "payment-response",
        "x-payment-response",
        "retry-after",
    ] {
        assert!(exposed.contains(name), "{exposed}");
    }

    let mut v2 = serde_json::to_value(Challenge::of(&answer).v2).unwrap();
    let reference = v2["accepts"][0]["extra"]["ref"].take();
    assert_eq!(reference.as_str().unwrap().len(), 24);
    let url = "https://shop.example/api/goods?a=1&b=%22%20";
    assert_eq!(
        v2,
        json!({
            "x402Version": 2,
            "error": "Payment required",
            "resource": {
                "url": url, "description": "Fine goods", "mimeType": "text/plain", "serviceName": "Shop",
            },
            "accepts": [{
                "scheme": "exact",
                "network": "eip155:84532",
                "amount": "10000",
                "asset": usdc().to_string(),
                "payTo": PAYEE,
                "maxTimeoutSeconds": 300,
                "extra": { "name": "USDC", "version": "2", "ref": null },
            }],
        })
    );
    assert_eq!(
        answer.json(),
        json!({
            "x402Version": 1,
            "error": "X-PAYMENT header is required",
            "accepts": [{
                "scheme": "exact",
                "network": "base-sepolia",
                "maxAmountRequired": "10000",
                "resource": url,
                "description": "Fine goods",
                "mimeType": "text/plain",
                "payTo": PAYEE,
                "maxTimeoutSeconds": 300,
                "asset": usdc().to_string(),
                "extra": { "name": "USDC", "version": "2" },
            }],
        })
    );
}

/// No two challenges share a reference, and an unpaid request costs the handler and the facilitator nothing.
pub async fn is_made_anew_and_asks_nobody<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let mut references = std::collections::HashSet::new();
    for _ in 0..20 {
        let challenge = shop.challenge("/goods").await;
        references.insert(
            challenge.v2.accepts[0]
                .extra
                .read::<String>("ref")
                .unwrap()
                .unwrap(),
        );
    }
    assert_eq!(references.len(), 20);
    assert_eq!(kitchen.started(), 0);
    assert_eq!(
        (
            shop.facilitator.calls().verify,
            shop.facilitator.calls().settle
        ),
        (0, 0)
    );
    assert_eq!(shop.ledger.seen(), []);
}

/// Every method is asked to pay, and only a browser's question is not.
pub async fn is_for_every_method_but_a_preflight<A: App>() {
    let kitchen = Kitchen::open();
    // It answers whatever it is asked, as handlers do that are routed for any method.
    let handler = kitchen.cook(|_, _| {
        let mut response = Response::new(body("the goods"));
        let headers = response.headers_mut();
        headers.insert("access-control-allow-origin", "*".parse().unwrap());
        headers.insert("x-goods", "the goods".parse().unwrap());
        headers.insert("location", "/the-goods".parse().unwrap());
        Ok(response)
    });
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), handler)
        .open::<A>()
        .await;
    for method in [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND",
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = shop.send(request(method.clone(), "/goods", "")).await;
        assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED, "{method}");
        assert_eq!(Challenge::of(&answer).v2.accepts.len(), 1, "{method}");
        assert_eq!(answer.body.is_empty(), method == Method::HEAD, "{method}");
    }
    for name in ["origin", "access-control-request-method"] {
        let mut half = request(Method::OPTIONS, "/goods", "");
        half.headers_mut().insert(name, "GET".parse().unwrap());
        assert_eq!(
            shop.send(half).await.status,
            StatusCode::PAYMENT_REQUIRED,
            "{name} alone"
        );
    }
    assert_eq!(kitchen.started(), 0);
    let mut preflight = request(Method::OPTIONS, "/goods", "");
    preflight
        .headers_mut()
        .insert("origin", "https://page.example".parse().unwrap());
    preflight
        .headers_mut()
        .insert("access-control-request-method", "GET".parse().unwrap());
    // What is said about asking comes out, and nothing that is for sale.
    let answer = shop.send(preflight).await;
    assert_eq!(answer.status, StatusCode::OK);
    let allowed = answer.headers.get("access-control-allow-origin");
    assert_eq!(allowed.unwrap(), "*");
    assert!(!format!("{answer:?}").contains("goods"), "{answer:?}");
    shop.assert_charges(0);
}

/// What other paths do is none of a gate's business.
pub async fn leaves_other_routes_alone<A: App>() {
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), goods())
        .give("/free", goods())
        .open::<A>()
        .await;
    assert_eq!(shop.send(get("/free")).await.text(), "the goods");
    assert_eq!(
        shop.send(get("/nowhere")).await.status,
        StatusCode::NOT_FOUND
    );
}

/// Offers that version 1 cannot say are not said in version 1; if none is left the body is a problem.
pub async fn says_in_v1_only_what_v1_can_say<A: App>() {
    let shop = Shop::builder()
        .seller(|builder| {
            builder
                .pay_to("bsc", PAYEE)
                .pay_to("celo", PAYEE)
                .pay_to("base", PAYEE)
        })
        .sell(
            "/mixed",
            |x402| {
                x402.route(Accept::new("0.01 USDT").network("bsc"))
                    .or(Accept::new("$0.01").network("celo"))
                    .or(Accept::new("$0.01").network("base"))
                    .or(Accept::new("$0.02").network("base-sepolia"))
            },
            goods(),
        )
        .sell(
            "/modern",
            |x402| x402.route(Accept::new("0.01 USDT").network("bsc")),
            goods(),
        )
        .sell(
            "/upfront",
            |x402| {
                x402.route(Accept::new("$0.01").network("base"))
                    .settle(x402_tower::Settle::Before)
            },
            goods(),
        )
        .open::<A>()
        .await;

    let mixed = shop.challenge("/mixed").await;
    let networks: Vec<_> = mixed
        .v2
        .accepts
        .iter()
        .map(|offer| offer.network.as_str())
        .collect();
    assert_eq!(
        networks,
        ["eip155:56", "eip155:42220", "eip155:8453", "eip155:84532"]
    );
    assert_eq!(
        mixed.v2.accepts[0]
            .extra
            .read::<String>("assetTransferMethod")
            .unwrap()
            .unwrap(),
        "permit2"
    );
    let networks: Vec<_> = mixed
        .v1
        .unwrap()
        .accepts
        .into_iter()
        .map(|offer| offer.network)
        .collect();
    assert_eq!(networks, ["base", "base-sepolia"]);

    let modern = shop.send(get("/modern")).await;
    assert_eq!(
        modern.header(CONTENT_TYPE),
        Some("application/problem+json")
    );
    assert_eq!(modern.problem(), "payment_required");
    assert!(Challenge::of(&modern).v1.is_none());

    let upfront = shop.challenge("/upfront").await;
    assert!(upfront.v1.is_none());
    assert_eq!(
        upfront.v2.accepts[0]
            .extra
            .read::<String>("paymentFlow")
            .unwrap()
            .unwrap(),
        "upfront"
    );
}

/// A seller says which requests are free, and nothing else is.
pub async fn is_not_for_requests_that_are_free<A: App>() {
    let shop = Shop::builder()
        .sell(
            "/goods",
            |x402| {
                let key = http::HeaderName::from_static("x-api-key");
                x402.route("$0.01")
                    .free_when(move |head| head.header(&key) == Some(b"friend"))
            },
            goods(),
        )
        .open::<A>()
        .await;
    let with_key = |key: &str| {
        let mut request = get("/goods");
        request
            .headers_mut()
            .insert("x-api-key", key.parse().unwrap());
        request
    };
    assert_eq!(shop.send(with_key("friend")).await.text(), "the goods");
    assert_eq!(
        shop.send(with_key("foe")).await.status,
        StatusCode::PAYMENT_REQUIRED
    );
    shop.assert_charges(0);
}

/// A price function decides for each request, and what it cannot decide is not given away.
pub async fn asks_what_a_price_function_says<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .sell(
            "/goods",
            |x402| {
                x402.route_with(|head| async move {
                    match head.query_parameter("size").as_deref() {
                        Some("small") => Ok(Quote::any(["$0.01"])),
                        Some("large") => Ok(Quote::any([
                            Accept::new("$0.05").network("base"),
                            Accept::new("$0.07").network("base-sepolia"),
                        ])),
                        Some("none") => Ok(Quote::free()),
                        Some("nothing") => Ok(Quote::any(Vec::<Accept>::new())),
                        Some("dust") => Ok(Quote::any(["$0.00000001"])),
                        _ => Err("there is no such size in the database at 10.0.0.7"),
                    }
                })
            },
            kitchen.handler(),
        )
        .seller(|builder| builder.pay_to("base", PAYEE))
        .open::<A>()
        .await;

    let amounts = |challenge: Challenge| -> Vec<String> {
        challenge
            .v2
            .accepts
            .iter()
            .map(|offer| offer.amount.to_string())
            .collect()
    };
    assert_eq!(
        amounts(shop.challenge("/goods?size=small").await),
        ["10000", "10000"]
    );
    assert_eq!(
        amounts(shop.challenge("/goods?size=large").await),
        ["50000", "70000"]
    );
    assert_eq!(kitchen.started(), 0);
    assert_eq!(
        shop.send(get("/goods?size=none")).await.text(),
        "the goods, run 1"
    );
    for path in [
        "/goods?size=nothing",
        "/goods?size=dust",
        "/goods?size=huge",
        "/goods",
    ] {
        let answer = shop.send(get(path)).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert!(!answer.text().contains("10.0.0.7"), "{}", answer.text());
    }
    assert_eq!(kitchen.started(), 1);
}

/// Where the client's word for it is good enough, it is that of `Host`, or of what HTTP/2 has in its place.
pub async fn names_the_server_that_is_asked<A: App>() {
    let shop = Shop::builder()
        .seller(|builder| builder.trust_host(true))
        .sell("/goods", |x402| x402.route("$0.01"), goods())
        .open::<A>()
        .await;
    let mut hosted = get("/goods?a");
    let name = HeaderValue::from_static("shop.example:81");
    hosted.headers_mut().insert(HOST, name);
    for (answer, url) in [
        (shop.send(hosted).await, "https://shop.example:81/goods?a"),
        (
            shop.send_http2("other.example", get("/goods?a")).await,
            "https://other.example/goods?a",
        ),
    ] {
        let challenge = Challenge::of(&answer);
        assert_eq!(challenge.v2.resource.url, url);
        assert_eq!(challenge.v1.unwrap().accepts[0].resource, url);
    }
}
