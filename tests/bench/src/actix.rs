//! The same on actix-web.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use actix_web::body::to_bytes;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, HttpResponse, web};
use x402_actix::{X402, paid};

use crate::case::{Case, GOODS};

/// What came back: the status, and the challenge if there is one.
type Answer = (u16, Option<HeaderValue>);
type Answering = Pin<Box<dyn Future<Output = Answer>>>;

/// A service that is called in the process, whatever its type.
pub struct Service {
    path: &'static str,
    call: Rc<dyn Fn(TestRequest) -> Answering>,
}

impl Service {
    pub async fn new(case: Case, x402: X402) -> Self {
        let path = match case {
            Case::ActixBare => "/bare",
            Case::ActixChallenge | Case::ActixPaid => "/wrapped",
            _ => "/declared",
        };
        let price = x402.price("$0.01").expect("a price");
        let app = App::new()
            .app_data(web::Data::new(x402))
            .service(web::resource("/bare").get(goods))
            .service(web::resource("/wrapped").wrap(price).get(goods))
            .service(web::resource("/declared").get(declared));
        let service = Rc::new(init_service(app).await);
        Self {
            path,
            call: Rc::new(move |request| {
                let service = Rc::clone(&service);
                Box::pin(async move {
                    let mut request = request.to_request();
                    // As from servers: a request has no body unless it says so.
                    drop(request.take_payload());
                    let response = call_service(&*service, request).await;
                    let (_, response) = response.into_parts();
                    let status = response.status().as_u16();
                    let challenge = response.headers().get(PAYMENT_REQUIRED).cloned();
                    std::hint::black_box(to_bytes(response.into_body()).await.ok());
                    (status, challenge)
                })
            }),
        }
    }

    /// A payment as servers have it, who look at it only once.
    pub fn header(payment: &http::HeaderValue) -> HeaderValue {
        HeaderValue::from_bytes(payment.as_bytes()).expect("a value")
    }

    pub async fn call(&self, payment: Option<&HeaderValue>) -> Answer {
        let mut request = TestRequest::get()
            .uri(self.path)
            .insert_header((header::HOST, HeaderValue::from_static("api.example.com")))
            .insert_header((header::ACCEPT, HeaderValue::from_static("*/*")))
            .insert_header((header::USER_AGENT, HeaderValue::from_static("node")));
        if let Some(payment) = payment {
            request = request.insert_header((PAYMENT_SIGNATURE, payment.clone()));
        }
        (self.call)(request).await
    }
}

// Names that no program looks up twice.
const PAYMENT_SIGNATURE: HeaderName = HeaderName::from_static("payment-signature");
const PAYMENT_REQUIRED: HeaderName = HeaderName::from_static("payment-required");

async fn goods() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(GOODS)
}

#[paid("$0.01")]
async fn declared() -> HttpResponse {
    goods().await
}
