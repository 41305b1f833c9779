use std::fmt;
use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::dev;
use actix_web::http::{StatusCode, Uri};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError};

use crate::log;

/// The payment that a request is served for: who paid, and how much.
///
/// `Option<Payment>` is for routes that are free at times.
#[derive(Clone, Debug)]
pub struct Payment(x402_tower::Payment);

impl From<x402_tower::Payment> for Payment {
    fn from(payment: x402_tower::Payment) -> Self {
        Self(payment)
    }
}

impl Deref for Payment {
    type Target = x402_tower::Payment;

    fn deref(&self) -> &x402_tower::Payment {
        &self.0
    }
}

impl FromRequest for Payment {
    type Error = NotPaid;
    type Future = Ready<Result<Self, NotPaid>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let payment = request.extensions().get::<x402_tower::Payment>().cloned();
        ready(payment.map(Self).ok_or_else(|| NotPaid {
            uri: request.uri().clone(),
        }))
    }
}

/// The facilitator's word that the money has moved. It is there if the route is settled before it is served, or if an
/// answer is given again.
#[derive(Clone, Debug)]
pub struct Receipt(x402_tower::ledger::Receipt);

impl Deref for Receipt {
    type Target = x402_tower::ledger::Receipt;

    fn deref(&self) -> &x402_tower::ledger::Receipt {
        &self.0
    }
}

impl FromRequest for Receipt {
    type Error = NotSettled;
    type Future = Ready<Result<Self, NotSettled>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let extensions = request.extensions();
        let payment = extensions.get::<x402_tower::Payment>();
        let receipt = payment.and_then(|payment| payment.receipt().cloned());
        ready(receipt.map(Self).ok_or_else(|| NotSettled {
            uri: request.uri().clone(),
        }))
    }
}

macro_rules! rejection {
    ($(#[$doc:meta])* $name:ident, $text:literal, $line:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            uri: Uri,
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($text)
            }
        }

        impl std::error::Error for $name {}

        impl ResponseError for $name {
            fn status_code(&self) -> StatusCode {
                StatusCode::INTERNAL_SERVER_ERROR
            }

            /// A mistake of the program, so the client learns nothing of it.
            fn error_response(&self) -> HttpResponse {
                // Here, because `Option<_>` makes `None` of it, and that is no mistake.
                log::error!($line; path = self.uri.path());
                HttpResponse::new(self.status_code())
            }
        }
    };
}

rejection! {
    /// A handler wants a [`Payment`], and the request has none.
    NotPaid,
    "the request has not been paid for",
    "a handler wants a payment, and there is none: is it behind a price, and can it be free?"
}

rejection! {
    /// A handler wants a [`Receipt`], and the payment has not been settled yet.
    NotSettled,
    "the payment has not been settled yet",
    "a handler wants a receipt, and there is none: is its route settled before it is served?"
}
