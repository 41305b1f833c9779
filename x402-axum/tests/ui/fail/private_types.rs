use axum::Extension;
use x402_axum::paid;

struct Private;

#[paid("$0.01")]
pub async fn more_public_than_its_argument(_: Extension<Private>) {}

fn main() {}
