use axum::Router;
use axum::routing::get;
use x402_axum::paid;

#[paid("$0.01")]
async fn weather() {}

fn main() {
    let _: Router = Router::new().route("/weather", get(weather)).with_state(());
}
