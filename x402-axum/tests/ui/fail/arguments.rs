use x402_axum::paid;

#[paid("$0.01", netwrok = "base")]
async fn misspelled() {}

#[paid("$0.01", colour = "red")]
async fn unknown() {}

#[paid(accepts("$0.01", netwrok = "base"))]
async fn misspelled_in_an_option() {}

#[paid("$0.01", free_when = is_free)]
async fn of_a_layer() {}

#[paid(accepts("$0.01", extra("a", 1)))]
async fn of_a_layer_in_an_option() {}

#[paid("$0.01" network = "base")]
async fn no_comma() {}

#[paid("$0.01", network = "base" scheme = "exact")]
async fn no_comma_behind_a_name() {}

#[paid("$0.01", tags("a") v1 = false)]
async fn no_comma_behind_a_list() {}

#[paid("$0.01", description = 5)]
async fn no_text() {}

#[paid("$0.01", tags = "weather")]
async fn no_list() {}

#[paid("$0.01", max_timeout = "5m")]
async fn no_seconds() {}

#[paid("$0.01", bind_body = true)]
async fn no_bytes() {}

#[paid("$0.01", v1 = "no")]
async fn no_flag() {}

#[paid("$0.01", settle = "before")]
async fn quoted() {}

#[paid("$0.01", settle = later)]
async fn no_time() {}

#[paid(with = "price_of")]
async fn no_function() {}

#[paid(accepts = "$0.01")]
async fn no_options() {}

#[paid("$5", allow(expansive))]
async fn unknown_lint() {}

#[paid("$5", allow("expensive"))]
async fn no_lint() {}

#[paid("$0", netwrok = "base", settle = later, tags = "a")]
async fn all_at_once() {}

#[paid("$0.01", asset = "USDT", facilitator = "https://facilitator.example")]
async fn called_otherwise() {}

#[paid("$0.01", settle = Settle::Before)]
async fn a_path() {}

#[paid("$0.01", tags())]
async fn no_tags() {}

fn main() {}
