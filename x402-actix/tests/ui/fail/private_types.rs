use actix_web::body::BoxBody;
use actix_web::{HttpRequest, HttpResponse, Responder, web};
use x402_actix::paid;

struct Private;

impl Responder for Private {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().finish()
    }
}

#[paid("$0.01")]
pub async fn more_public_than_its_argument(_: web::ReqData<Private>) {}

#[paid("$0.01")]
pub async fn more_public_than_what_it_gives() -> Private {
    Private
}

fn main() {}
