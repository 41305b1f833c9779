//! What facilitators say they support: heard in the background, and in challenges where schemes need it.

mod challenges;
mod hearing;
mod oracle;
mod versions;

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use tower::{Layer as _, ServiceExt as _, service_fn};
use x402_tests::buyer::{get, paying};
use x402_tests::{Answer, Buyer, Challenge};
use x402_tower::clock::Clock;
use x402_tower::gate::{GateLayer, RequestBody, ResponseBody};
use x402_tower::testing::ManualClock;
use x402_tower::{Builder, X402};

use self::oracle::Oracle;

const PAYEE: &str = "0x1111111111111111111111111111111111111111";

/// A seller who asks this facilitator, by this clock.
fn seller(oracle: &Oracle, clock: &Arc<ManualClock>) -> Builder {
    let clock: Arc<dyn Clock> = clock.clone();
    X402::builder()
        .facilitator(oracle.clone())
        .clock(clock)
        .secret(*b"a secret that all replicas share")
        .public_url("https://shop.example")
        .pay_to("base", PAYEE)
        .pay_to("base-sepolia", PAYEE)
}

/// Sends a request through a gate, without a network between.
async fn send(gate: &GateLayer, request: Request<Bytes>) -> Answer {
    let goods = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("the goods")))
    });
    let response: Response<ResponseBody<Full<Bytes>>> = gate
        .layer(goods)
        .oneshot(request.map(Full::new))
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

async fn challenge(gate: &GateLayer) -> Challenge {
    Challenge::of(&send(gate, get("/goods")).await)
}

/// Pays, with the first offer.
async fn buy(gate: &GateLayer, buyer: &Buyer) -> Answer {
    let payment = buyer.pay(&challenge(gate).await);
    pay(gate, &payment).await
}

async fn pay(gate: &GateLayer, payment: &HeaderValue) -> Answer {
    send(gate, paying(get("/goods"), payment)).await
}

/// Lets everything that can be done be done. On one thread that is everything that does not wait for time or sockets.
async fn settle_down() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}
