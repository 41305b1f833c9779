use actix_web::{App, web};
use x402_actix::paid;

#[paid("$0.01")]
async fn weather() -> &'static str {
    "sunny"
}

fn main() {
    let _ = App::new()
        .route("/1", web::get().to(*weather))
        .route("/2", web::get().to(&*weather))
        .route("/3", web::get().to(std::ops::Deref::deref(&weather)))
        .route("/4", web::get().to(|| weather()));
}
