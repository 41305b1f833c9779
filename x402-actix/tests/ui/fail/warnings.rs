#![deny(deprecated)]

use x402_actix::{paid, price};

#[paid("$1.01")]
async fn expensive() -> &'static str {
    ""
}

#[paid("2 USDT", network = "tron")]
async fn expensive_in_a_token() -> &'static str {
    ""
}

#[paid(accepts("$0.01"), accepts(upto = "$5"))]
async fn expensive_at_most() -> &'static str {
    ""
}

#[paid("0.5 USDT", network = "celo")]
async fn unusual_token() -> &'static str {
    ""
}

#[paid("0.5 USAT")]
async fn unusual_anywhere() -> &'static str {
    ""
}

#[paid("$1.01", allow(unusual_token))]
async fn another_is_allowed() -> &'static str {
    ""
}

#[paid("$1.01", allow(expensive))]
async fn allowed() -> &'static str {
    ""
}

fn main() {
    let _ = price!("$2");
    let _ = price!("$2", allow(expensive));
}
