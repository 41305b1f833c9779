use x402_actix::paid;

#[paid("a cent")]
async fn no_number() -> &'static str {
    ""
}

#[paid("$ 0.01")]
async fn no_price() -> &'static str {
    ""
}

#[paid("0.01 US DT")]
async fn no_ticker() -> &'static str {
    ""
}

#[paid("$0")]
async fn zero() -> &'static str {
    ""
}

#[paid("0.000 USDC", network = "base")]
async fn zero_of_a_token() -> &'static str {
    ""
}

#[paid(price = "$-0.01")]
async fn negative() -> &'static str {
    ""
}

#[paid("$0.0000001", network = "base")]
async fn too_fine() -> &'static str {
    ""
}

#[paid("0.00000015 USAT")]
async fn too_fine_for_a_token() -> &'static str {
    ""
}

#[paid("$0.0000000000000000001")]
async fn too_fine_for_any() -> &'static str {
    ""
}

#[paid("$999999999999999999999999999999999999999")]
async fn too_many_digits() -> &'static str {
    ""
}

#[paid("0.01 USDX", network = "base")]
async fn unknown_token() -> &'static str {
    ""
}

#[paid("0.01 WHATEVER")]
async fn unknown_anywhere() -> &'static str {
    ""
}

#[paid(upto = "$0")]
async fn zero_at_most() -> &'static str {
    ""
}

#[paid(accepts("$0.01"), accepts("$0.0.1"))]
async fn second_option() -> &'static str {
    ""
}

fn main() {}
