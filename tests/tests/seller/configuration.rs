//! Everything that is wrong is reported when something is built, and nothing is free by mistake.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer as _, ServiceExt as _, service_fn};
use x402_tower::gate::{GateLayer, RequestBody};
use x402_tower::local::LocalFacilitator;
use x402_tower::money::{Address, Asset, Money, Network, Price, Transfer};
use x402_tower::price::{Accept, Quote};
use x402_tower::{Builder, ConfigError, X402};

use super::PAYEE;

#[track_caller]
fn assert_problems(error: &ConfigError, expected: &[&str]) {
    let problems: Vec<_> = error.problems().collect();
    assert_eq!(problems.len(), expected.len(), "{error}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.contains(expected), "`{expected}` in {error}");
    }
    let shown = error.to_string();
    assert!(problems.iter().all(|problem| shown.contains(problem)));
    assert_eq!(format!("{error:?}"), shown, "what `main` prints");
}

/// A seller with nothing wrong.
fn good() -> Builder {
    X402::builder()
        .facilitator(LocalFacilitator::new())
        .public_url("https://shop.example")
        .pay_to("base", PAYEE)
}

#[test]
fn what_is_missing_is_named_all_at_once() {
    let error = X402::builder().build().unwrap_err();
    assert_problems(
        &error,
        &[
            "nobody is paid: say `.pay_to(",
            "the server's address is missing: say `.public_url(",
            "the facilitator is missing: say `.facilitator(",
            "no tokio runtime here",
        ],
    );
}

#[tokio::test]
async fn what_is_missing_from_variables_names_them() {
    let nothing: [(&str, &str); 0] = [];
    let error = X402::builder().from_variables(nothing).build().unwrap_err();
    assert_problems(
        &error,
        &[
            "or set `X402_PAY_TO`",
            "or set `X402_PUBLIC_URL`",
            "or set `X402_FACILITATOR`",
        ],
    );
}

#[tokio::test]
async fn what_is_wrong_is_named_all_at_once() {
    let dollars = Asset::new(
        Network::BASE,
        "MY TOKEN",
        Address::evm([0x11; 20]),
        6,
        Transfer::Eip3009,
    );
    let error = X402::builder()
        .token(dollars)
        .network("base", Network::BASE_SEPOLIA)
        .pay_to("nowhere", PAYEE)
        .pay_to("base", "0x1234")
        .pay_to("base-sepolia", PAYEE)
        .pay_to("eip155:84532", PAYEE)
        .pay_to("solana", PAYEE)
        .pay_to("celo", "0x0000000000000000000000000000000000000000")
        .public_url("shop.example")
        .secret(*b"short")
        .most_in_flight(0)
        .most_in_flight_per_payer(0)
        .most_header_bytes(1023)
        .memory(Duration::from_secs(1), Duration::from_secs(2))
        .build()
        .unwrap_err();
    assert_problems(
        &error,
        &[
            "MY TOKEN",
            "base",
            "nowhere",
            "the payee on eip155:8453",
            "two payees are named for eip155:84532",
            "the payee on solana",
            "nobody's account",
            "`shop.example` is no public URL",
            "the facilitator is missing",
            "shorter than 16 bytes",
            "`most_in_flight` is not between",
            "`most_in_flight_per_payer` is 0",
            "`most_header_bytes` is less than",
            "owed for longer",
        ],
    );
}

/// A time that no sum can hold.
const FOREVER: Duration = Duration::MAX;

#[tokio::test]
async fn times_that_nothing_can_be_added_to_are_wrong() {
    assert!(good().build().is_ok());
    for builder in [
        good().memory(FOREVER, Duration::ZERO),
        good().memory(FOREVER, FOREVER),
        good().facilitator_timeouts(FOREVER, Duration::from_secs(1)),
        good().facilitator_timeouts(Duration::from_secs(1), FOREVER),
        good().wait_for_outcome(FOREVER),
        good().wait_for_same_payment(FOREVER),
    ] {
        let error = builder.build().unwrap_err();
        assert!(error.to_string().contains("longer than"), "{error}");
    }
    // Without any time at all every settlement would be one of which nothing is known.
    for (verify, settle) in [(0, 1), (1, 0)] {
        let [verify, settle] = [verify, settle].map(Duration::from_secs);
        let error = good()
            .facilitator_timeouts(verify, settle)
            .build()
            .unwrap_err();
        assert!(error.to_string().contains("no time"), "{error}");
    }
    let x402 = good().build().unwrap();
    for route in [
        x402.route("$1").max_timeout(FOREVER),
        x402.route("$1").handler_budget(FOREVER),
        x402.route("$1").settlement_budget(FOREVER),
        x402.route("$1")
            .handler_budget(FOREVER)
            .settlement_budget(FOREVER),
        x402.route("$1").quote_window(FOREVER),
    ] {
        assert!(route.build().is_err());
    }
}

#[tokio::test]
async fn a_route_names_everything_that_is_wrong_with_it() {
    let x402 = good().build().unwrap();
    let error = x402
        .route("one cent")
        .or(Accept::new("$0.01").network("nowhere"))
        .or(Accept::new("$0.01").network("celo"))
        .or(Accept::new("1 NOSUCH"))
        .or(Accept::new("$0.01").scheme("barter"))
        .or(Accept::new("$0.01").pay_to(PAYEE))
        .or(Accept::new("$0.01").network("base").pay_to("0x12"))
        .or(Accept::new("$0.0000001"))
        .max_timeout(Duration::from_secs(125))
        .service_name("")
        .tags(["1", "2", "3", "4", "5", "6"])
        .icon_url("data:,")
        .description("x".repeat(501))
        .build()
        .unwrap_err();
    assert_problems(
        &error,
        &[
            "need 126",
            "the service name",
            "the tags",
            "the icon",
            "the description",
            "`one` is not a sum of money",
            "nowhere",
            "nobody is paid on eip155:42220",
            "NOSUCH",
            "`barter`",
            "needs a network",
            "0x12",
            "0.0000001",
        ],
    );
    let error = x402
        .route("$0.01")
        .or(Accept::new("$0.02").network("base"))
        .build()
        .unwrap_err();
    assert_problems(&error, &["USDC on eip155:8453 is offered twice"]);
    let error = x402
        .route_with(|_| async { "$0.01" })
        .or("$0.02")
        .build()
        .unwrap_err();
    assert_problems(&error, &["nothing can be added to it"]);
}

#[tokio::test]
async fn a_payment_has_to_last_for_handler_settlement_and_clocks_that_differ() {
    let x402 = good().build().unwrap();
    let route = |max, handler, settlement| {
        let [max, handler, settlement] = [max, handler, settlement].map(Duration::from_secs);
        x402.route("$0.01")
            .max_timeout(max)
            .handler_budget(handler)
            .settlement_budget(settlement)
            .build()
    };
    assert!(route(126, 30, 30).is_ok());
    assert!(route(125, 30, 30).is_err());
    assert!(route(300, 204, 30).is_ok());
    assert!(route(300, 205, 30).is_err());
    assert!(route(24 * 3600, 30, 30).is_ok());
    assert!(route(24 * 3600 + 1, 30, 30).is_err());
}

/// What somebody may write who means something else, or nothing.
const NO_PRICES: [&str; 18] = [
    "",
    " ",
    "$",
    "0",
    "$0",
    "$0.00",
    "0 USDC",
    "-1",
    "$-1",
    "$ ",
    "free",
    "none",
    "NaN",
    "inf",
    "$1e2",
    "$0.0000000001",
    "USDC",
    "0x10",
];

#[tokio::test]
async fn a_price_that_is_none_is_not_free() {
    let x402 = good().build().unwrap();
    for price in NO_PRICES {
        assert!(x402.price(price).is_err(), "`{price}`");
        // Nor beside a good one.
        assert!(x402.route("1 USDC").or(price).build().is_err(), "`{price}`");
    }
    let nothing = Money::new(0, 2);
    assert!(x402.price(Price::usd(nothing)).is_err());
    assert!(x402.price(Price::token(nothing, "USDC")).is_err());
}

async fn status(gate: &GateLayer, runs: &Arc<AtomicUsize>) -> StatusCode {
    let runs = Arc::clone(runs);
    let goods = service_fn(move |_: Request<RequestBody<Full<Bytes>>>| {
        runs.fetch_add(1, Ordering::SeqCst);
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("the goods"))) }
    });
    let request = Request::new(Full::new(Bytes::new()));
    gate.layer(goods).oneshot(request).await.unwrap().status()
}

#[tokio::test]
async fn a_price_function_that_says_none_gives_nothing_away() {
    let x402 = good().build().unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    for price in NO_PRICES {
        let one = x402.price_with(move |_| async move { price }).unwrap();
        assert_eq!(status(&one, &runs).await, 500, "`{price}`");
        let several = x402
            .price_with(move |_| async move { Quote::any(["1 USDC", price]) })
            .unwrap();
        assert_eq!(status(&several, &runs).await, 500, "`{price}`");
    }
    let nothing = x402.price_with(|_| async { Money::new(0, 0) }).unwrap();
    assert_eq!(status(&nothing, &runs).await, 500);
    let nothing = x402
        .price_with(|_| async { Quote::any(None::<Accept>) })
        .unwrap();
    assert_eq!(status(&nothing, &runs).await, 500);
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    // Free is what says so.
    let free = x402.price_with(|_| async { Quote::free() }).unwrap();
    assert_eq!(status(&free, &runs).await, 200);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn whatever_else_is_said_a_route_is_not_free() {
    let x402 = good().build().unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    for route in [
        x402.route("$0.01"),
        x402.route("$0.01").settle(x402_tower::Settle::Before),
        x402.route("$0.01").v1(false),
        x402.route("$0.01").free_when(|_| false),
        x402.route("$0.01").charge_when(|_| false),
        x402.route("$0.01").bind_body(0),
        x402.route("$0.01").unconfirmed_up_to(Money::new(9, 0)),
        x402.route("$0.01")
            .distinguish_by(HeaderName::from_static("x-a")),
        x402.route("$0.01").handler_budget(Duration::ZERO),
    ] {
        let gate = route.build().unwrap();
        assert_eq!(status(&gate, &runs).await, StatusCode::PAYMENT_REQUIRED);
    }
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_token_of_the_sellers_own_is_what_dollars_mean() {
    let own = Asset::new(
        Network::BASE,
        "OWN",
        Address::evm([0x22; 20]),
        2,
        Transfer::Permit2 { eip2612: false },
    );
    let x402 = good().token(own).build().unwrap();
    assert!(x402.price("$0.01").is_ok());
    assert!(x402.price("$0.001").is_err(), "it has two decimals");
    assert!(x402.price("0.001 USDC").is_ok());
}

/// Buyers sign what the scheme says in `extra`, and come back with what the engine says there.
#[tokio::test]
async fn what_others_say_in_extra_is_not_the_sellers_to_say() {
    let x402 = good().build().unwrap();
    for name in ["name", "version", "ref", "paymentFlow"] {
        let route = x402.route(Accept::new("$0.01").extra(name, &"Tea"));
        let error = route.build().unwrap_err().to_string();
        assert!(error.contains(&format!("`{name}` in extra")), "{error}");
    }
    let route = x402.route(Accept::new("$0.01").extra("tea", &"Assam"));
    assert!(route.build().is_ok());
}
