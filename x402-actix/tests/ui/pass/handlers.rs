//! Nothing in here is warned of.

#![deny(warnings, missing_docs, missing_debug_implementations, unused_qualifications, unreachable_pub)]

use actix_web::{App, HttpRequest, Responder, get, routes, web};
use x402_actix::price::RequestHead;
use x402_actix::{Payment, X402, paid, price};

/// Documented, as everything has to be here.
pub mod weather {
    use x402_actix::paid;

    /// The weather.
    #[paid("$0.01")]
    pub async fn weather() -> &'static str {
        "sunny"
    }
}

#[paid("$5", allow(expensive))]
async fn expensive() -> &'static str {
    ""
}

#[paid("$5")]
#[allow(deprecated)]
async fn expensive_and_allowed() -> &'static str {
    ""
}

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
    settle = before,
    v1 = false,
    max_timeout = 300,
    bind_body = 1 << 20,
    owed = false,
    strict_resource,
)]
async fn everything(_: Payment) -> impl Responder {
    ""
}

#[paid(upto = "$0.05", network = "base", description = "As much as it is")]
async fn metered() -> &'static str {
    ""
}

#[paid(with = price_of, quote_window = 60)]
async fn dynamic() -> Result<impl Responder, actix_web::Error> {
    Ok("")
}

async fn price_of(_: RequestHead) -> &'static str {
    "$0.01"
}

#[paid(accepts("$0.01", network = "base"), accepts(price = "0.02 USDC", network = "celo"))]
#[get("/several",)]
async fn several(_: HttpRequest) -> impl Responder {
    ""
}

extern crate x402_actix as renamed;

#[paid("$0.01", crate = "renamed", settle = after)]
#[routes]
#[get("/name")]
#[post("/name")]
async fn by_another_name() -> &'static str {
    ""
}

macro_rules! sold {
    ($name:ident, $path:literal, $price:literal, $network:literal) => {
        #[paid($price, network = $network, description = $price)]
        #[get($path)]
        async fn $name() -> &'static str {
            price!($price)
        }
    };
}

sold!(by_a_macro, "/macro", "$0.01", "base");

#[get("/below")]
#[paid("$0.01")]
#[expect(unused_variables)]
async fn below(request: HttpRequest) -> impl Responder {
    ""
}

fn main() {
    let _ = App::new()
        .route("/1", web::get().to(weather::weather))
        .route("/2", web::get().to(expensive))
        .route("/3", web::get().to(expensive_and_allowed))
        .route("/4", web::get().to(everything))
        .route("/5", web::get().to(dynamic))
        .route("/6", web::get().to(metered))
        .service(several)
        .service(by_another_name)
        .service(by_a_macro)
        .service(below);
    assert_eq!(price!("$0.01"), "$0.01");
    let _ = |x402: X402| x402.check([&several, &by_another_name, &below, &weather::weather]);
}
