use x402_axum::paid;

#[paid("a cent")]
async fn no_number() {}

#[paid("$ 0.01")]
async fn no_price() {}

#[paid("0.01 US DT")]
async fn no_ticker() {}

#[paid("$0")]
async fn zero() {}

#[paid("0.000 USDC", network = "base")]
async fn zero_of_a_token() {}

#[paid(price = "$-0.01")]
async fn negative() {}

#[paid("$0.0000001", network = "base")]
async fn too_fine() {}

#[paid("0.00000015 USAT")]
async fn too_fine_for_a_token() {}

#[paid("$0.0000000000000000001")]
async fn too_fine_for_any() {}

#[paid("$999999999999999999999999999999999999999")]
async fn too_many_digits() {}

#[paid("0.01 USDX", network = "base")]
async fn unknown_token() {}

#[paid("0.01 WHATEVER")]
async fn unknown_anywhere() {}

#[paid(upto = "$0")]
async fn zero_at_most() {}

#[paid(accepts("$0.01"), accepts("$0.0.1"))]
async fn second_option() {}

fn main() {}
