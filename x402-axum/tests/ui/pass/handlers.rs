//! Nothing in here is warned of.

#![deny(warnings, missing_docs, missing_debug_implementations, unused_qualifications, unreachable_pub)]

use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Router, debug_handler};
use x402_axum::{Payment, X402, paid, price};

/// Documented, as everything has to be here.
pub mod weather {
    use x402_axum::paid;

    /// The weather.
    #[paid("$0.01")]
    pub async fn weather() -> &'static str {
        "sunny"
    }
}

#[paid("$5", allow(expensive))]
async fn expensive() {}

#[paid("$5")]
#[allow(deprecated)]
async fn expensive_and_allowed() {}

#[paid("0.5 USAT", network = "celo", allow(unusual_token))]
async fn unusual() {}

#[paid("1.5 GOLD", allow(unusual_token))]
async fn of_the_sellers_own() {}

#[paid("$0.01", network = "eip155:31337")]
async fn somewhere() {}

const TEXT: &str = "The weather";

#[paid(
    price = "0.1 USDT",
    network = "tron:nile",
    scheme = "exact_permit",
    pay_to = "TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf",
    description = TEXT,
    mime_type = concat!("text", "/plain"),
    service_name = "Weather",
    tags("weather", TEXT,),
    icon_url = "https://weather.example/icon.png",
    settle = before,
    v1 = false,
    max_timeout = 300,
    handler_budget = 20,
    settlement_budget = 20,
    bind_body = 1 << 20,
    owed = false,
    strict_resource,
)]
async fn everything(_: Payment) {}

#[paid(upto = "$0.05", network = "base", description = "As much as it is")]
async fn metered() {}

#[paid(with = prices::of, quote_window = 60)]
async fn dynamic() {}

mod prices {
    use x402_axum::price::RequestHead;

    pub(crate) async fn of(_: RequestHead) -> &'static str {
        "$0.01"
    }
}

#[paid("nonsense")]
#[cfg(any())]
async fn left_out() {}

#[paid(accepts("$0.01", network = "base"), accepts(price = "0.02 USDC", network = "celo"))]
async fn several() {}

extern crate x402_axum as renamed;

#[paid("$0.01", crate = "renamed", settle = after)]
async fn by_another_name() {}

#[paid("$0.01")]
#[must_use]
#[expect(unused_variables)]
#[debug_handler(state = X402)]
async fn attributes(x402: State<X402>, body: String) -> Result<impl IntoResponse, ()> {
    Ok("sunny")
}

macro_rules! sold {
    ($name:ident, $price:literal, $network:literal, $answer:ty) => {
        #[paid($price, network = $network, description = $price)]
        async fn $name() -> $answer {
            price!($price)
        }
    };
}

sold!(by_a_macro, "$0.01", "base", &'static str);

#[paid("$0.01")]
#[deprecated = "there is `weather`"]
async fn old() {}

fn main() {
    let _: Router = Router::new()
        .route("/1", get(weather::weather))
        .route("/2", get(expensive).post(expensive_and_allowed))
        .route("/3", get(unusual).post(of_the_sellers_own))
        .route("/4", get(somewhere).post(everything))
        .route("/5", get(dynamic).post(several).put(metered))
        .route("/6", get(by_another_name).post(attributes).put(by_a_macro))
        .with_state(x402());
    #[allow(deprecated)]
    let _ = get::<_, _, X402>(old);
    // Handlers are values, in a constant and behind a reference as well.
    const HANDLER: weather::weather = weather::weather;
    let copied = HANDLER;
    assert_eq!(format!("{copied:?} {HANDLER:?}"), "weather weather");
    assert_eq!(price!("$0.01"), "$0.01");
    assert_eq!(price!("$5", allow(expensive)), "$5");
}

fn x402() -> X402 {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    X402::local().runtime(runtime.handle().clone()).build().unwrap()
}
