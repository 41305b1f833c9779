//! What a price turns into.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use tower::{Layer as _, ServiceExt as _, service_fn};
use x402_tower::gate::{GateLayer, RequestBody};
use x402_tower::local::LocalFacilitator;
use x402_tower::money::{Address, Asset, Money, Network, Price, Transfer};
use x402_tower::price::Accept;
use x402_tower::proto::header::{PAYMENT_REQUIRED, decode};
use x402_tower::{Builder, X402};

use super::PAYEE;

const OTHER: &str = "0x2222222222222222222222222222222222222222";

fn seller() -> Builder {
    X402::builder()
        .facilitator(LocalFacilitator::new())
        .public_url("https://shop.example")
        .pay_to("base", PAYEE)
        .pay_to("eip155:56", PAYEE)
}

/// The offers in a challenge, without their references.
async fn offers(gate: &GateLayer) -> Vec<Value> {
    let goods = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("the goods")))
    });
    let request = Request::new(Full::new(Bytes::new()));
    let answer = gate.layer(goods).oneshot(request).await.unwrap();
    let value = answer.headers()[PAYMENT_REQUIRED].as_bytes();
    let mut challenge: Value = decode(value, 1 << 20).unwrap();
    let offers = challenge["accepts"].as_array_mut().unwrap();
    for offer in &mut *offers {
        let extra = offer["extra"].as_object_mut().unwrap();
        assert!(extra.remove("ref").is_some());
    }
    std::mem::take(offers)
}

fn networks(offers: &[Value]) -> Vec<&str> {
    let networks = offers.iter().map(|offer| &offer["network"]);
    networks.map(|network| network.as_str().unwrap()).collect()
}

#[tokio::test]
async fn dollars_are_asked_for_wherever_the_seller_is_paid() {
    let x402 = seller().build().unwrap();
    let offers = offers(&x402.price("$0.25").unwrap()).await;
    assert_eq!(networks(&offers), ["eip155:8453", "eip155:56"]);
    // The same money in the decimals of each network's token.
    assert_eq!(offers[0]["amount"], "250000");
    assert_eq!(offers[1]["amount"], "250000000000000000");
    let typed = Price::usd(Money::new(25, 2));
    assert_eq!(self::offers(&x402.price(typed).unwrap()).await, offers);
}

#[tokio::test]
async fn a_token_is_asked_for_where_there_is_one() {
    let own = Asset::new(
        Network::BASE,
        "OWN",
        Address::evm([0x33; 20]),
        3,
        Transfer::Permit2 { eip2612: false },
    );
    let x402 = seller().token(own).build().unwrap();
    let found = offers(&x402.price("1.5 OWN").unwrap()).await;
    assert_eq!(networks(&found), ["eip155:8453"]);
    assert_eq!(found[0]["amount"], "1500");
    // There, dollars mean it from now on.
    let found = offers(&x402.price("$1.50").unwrap()).await;
    assert_eq!(found[0]["asset"], Address::evm([0x33; 20]).to_string());
    assert_ne!(found[1]["asset"], found[0]["asset"]);
    // But not where it is not.
    let elsewhere = Accept::new("1.5 OWN").network("bsc");
    assert!(x402.price(elsewhere).is_err());
}

#[tokio::test]
async fn an_option_says_as_much_as_the_seller_cares_to() {
    let x402 = seller().network("home", Network::BASE).build().unwrap();
    let option = Accept::new("$0.01")
        .network("home")
        .scheme("exact")
        .pay_to(OTHER)
        .extra("memo", &json!({ "order": 7 }));
    let gate = x402
        .route(Accept::new("$0.02").network("base"))
        .or(option)
        .max_timeout(std::time::Duration::from_secs(200))
        .build()
        .unwrap();
    let offers = offers(&gate).await;
    assert_eq!(networks(&offers), ["eip155:8453", "eip155:8453"]);
    assert_eq!(
        (&offers[0]["payTo"], &offers[0]["amount"]),
        (&json!(PAYEE), &json!("20000"))
    );
    assert_eq!(
        (&offers[1]["payTo"], &offers[1]["amount"]),
        (&json!(OTHER), &json!("10000"))
    );
    assert_eq!(offers[1]["extra"]["memo"], json!({ "order": 7 }));
    assert_eq!(offers[0]["extra"]["memo"], Value::Null);
    assert_eq!(offers[1]["maxTimeoutSeconds"], 200);
}

/// An option can name a network that the seller has not.
#[tokio::test]
async fn play_money_is_none_where_money_is_real() {
    let real = || Accept::new("$0.01").network("base").pay_to(OTHER);
    let local = X402::local().build().unwrap();
    let error = local.route(real()).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "play money is none on eip155:8453: say `.facilitator(…)`"
    );
    let error = local.route("$0.01").or(real()).build().unwrap_err();
    assert!(error.to_string().contains("play money"), "{error}");
    // Who says it means it.
    let meant = X402::local().facilitator(LocalFacilitator::new());
    assert!(meant.build().unwrap().route(real()).build().is_ok());
}

/// Play money is taken where nothing else is said. Beside real money it would be a way to pay nothing.
#[tokio::test]
async fn a_seller_of_ones_own_is_paid_where_one_says() {
    let local = offers(&X402::local().build().unwrap().price("$0.01").unwrap()).await;
    assert_eq!(networks(&local), ["eip155:84532"]);
    for (network, id) in [
        ("sei-testnet", "eip155:1328"),
        ("base-sepolia", "eip155:84532"),
    ] {
        let in_code = X402::local().pay_to(network, OTHER);
        let in_variables =
            X402::local().from_variables([("X402_PAY_TO", format!("{network}={OTHER}"))]);
        for builder in [in_code, in_variables] {
            let x402 = builder.build().unwrap();
            let offers = offers(&x402.price("$0.01").unwrap()).await;
            assert_eq!(networks(&offers), [id]);
            assert_eq!(offers[0]["payTo"], OTHER);
        }
    }
}
