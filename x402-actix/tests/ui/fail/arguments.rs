use x402_actix::paid;

#[paid("$0.01", netwrok = "base")]
async fn misspelled() -> &'static str {
    ""
}

#[paid("$0.01", colour = "red")]
async fn unknown() -> &'static str {
    ""
}

#[paid(accepts("$0.01", netwrok = "base"))]
async fn misspelled_in_an_option() -> &'static str {
    ""
}

#[paid("$0.01", free_when = is_free)]
async fn of_a_layer() -> &'static str {
    ""
}

#[paid(accepts("$0.01", extra("a", 1)))]
async fn of_a_layer_in_an_option() -> &'static str {
    ""
}

#[paid("$0.01" network = "base")]
async fn no_comma() -> &'static str {
    ""
}

#[paid("$0.01", network = "base" scheme = "exact")]
async fn no_comma_behind_a_name() -> &'static str {
    ""
}

#[paid("$0.01", tags("a") v1 = false)]
async fn no_comma_behind_a_list() -> &'static str {
    ""
}

#[paid("$0.01", description = 5)]
async fn no_text() -> &'static str {
    ""
}

#[paid("$0.01", tags = "weather")]
async fn no_list() -> &'static str {
    ""
}

#[paid("$0.01", max_timeout = "5m")]
async fn no_seconds() -> &'static str {
    ""
}

#[paid("$0.01", bind_body = true)]
async fn no_bytes() -> &'static str {
    ""
}

#[paid("$0.01", v1 = "no")]
async fn no_flag() -> &'static str {
    ""
}

#[paid("$0.01", settle = "before")]
async fn quoted() -> &'static str {
    ""
}

#[paid("$0.01", settle = later)]
async fn no_time() -> &'static str {
    ""
}

#[paid(with = "price_of")]
async fn no_function() -> &'static str {
    ""
}

#[paid(accepts = "$0.01")]
async fn no_options() -> &'static str {
    ""
}

#[paid("$5", allow(expansive))]
async fn unknown_lint() -> &'static str {
    ""
}

#[paid("$5", allow("expensive"))]
async fn no_lint() -> &'static str {
    ""
}

#[paid("$0", netwrok = "base", settle = later, tags = "a")]
async fn all_at_once() -> &'static str {
    ""
}

#[paid("$0.01", asset = "USDT", facilitator = "https://facilitator.example")]
async fn called_otherwise() -> &'static str {
    ""
}

#[paid("$0.01", settle = Settle::Before)]
async fn a_path() -> &'static str {
    ""
}

#[paid("$0.01", tags())]
async fn no_tags() -> &'static str {
    ""
}

fn main() {}
