use axum::Extension;
use axum::response::{IntoResponse, Response};
use x402_axum::paid;

struct Private;

impl IntoResponse for Private {
    fn into_response(self) -> Response {
        ().into_response()
    }
}

#[paid("$0.01")]
pub async fn more_public_than_its_argument(_: Extension<Private>) {}

#[paid("$0.01")]
pub async fn more_public_than_what_it_gives() -> Private {
    Private
}

fn main() {}
