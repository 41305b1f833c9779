use x402_axum::paid;

#[paid("$0.01", "$0.02")]
async fn two_prices() {}

#[paid("$0.01", price = "$0.02")]
async fn two_prices_one_named() {}

#[paid("$0.01", v1 = false, description = "a", v1 = true)]
async fn repeated() {}

#[paid(accepts("$0.01", network = "base", network = "celo"))]
async fn repeated_in_an_option() {}

#[paid("$0.01", upto = "$0.05")]
async fn price_and_limit() {}

#[paid("$0.01", with = price_of)]
async fn price_and_function() {}

#[paid(upto = "$0.05", with = price_of)]
async fn limit_and_function() {}

#[paid(with = price_of, network = "base", accepts("$0.01"))]
async fn function_and_options() {}

#[paid(upto = "$0.05", settle = before)]
async fn limit_before() {}

#[paid(accepts("$0.01"), accepts(upto = "$0.05", network = "base"), settle = before)]
async fn limit_before_in_an_option() {}

#[paid(upto = "$0.05", scheme = "exact")]
async fn limit_of_a_scheme() {}

#[paid("$0.05", scheme = "upto")]
async fn scheme_of_limits() {}

#[paid("$0.01", accepts("0.02 USDC", network = "celo"))]
async fn beside_options() {}

#[paid(accepts("$0.01", description = "The weather"))]
async fn of_the_route() {}

#[paid("$0.01", quote_window = 60)]
async fn window_without_function() {}

fn main() {}
