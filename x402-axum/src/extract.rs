use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

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

impl<S: Sync> FromRequestParts<S> for Payment {
    type Rejection = NotPaid;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NotPaid> {
        payment(parts).ok_or_else(|| {
            log::error!("a handler wants a payment, and there is none: is it behind a price, and can it be free?"; path = parts.uri.path());
            NotPaid(())
        })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Payment {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(payment(parts))
    }
}

fn payment(parts: &Parts) -> Option<Payment> {
    parts.extensions.get().cloned().map(Payment)
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

impl<S: Sync> FromRequestParts<S> for Receipt {
    type Rejection = NotSettled;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NotSettled> {
        receipt(parts).ok_or_else(|| {
            log::error!("a handler wants a receipt, and there is none: is its route settled before it is served?"; path = parts.uri.path());
            NotSettled(())
        })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Receipt {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(receipt(parts))
    }
}

fn receipt(parts: &Parts) -> Option<Receipt> {
    let payment: &x402_tower::Payment = parts.extensions.get()?;
    payment.receipt().cloned().map(Receipt)
}

/// Says how much is charged, where the price is only a limit ([`X402::upto`](crate::X402::upto)).
///
/// `Option<Meter>` is for routes that have a fixed price as well.
#[derive(Clone, Debug)]
pub struct Meter(x402_tower::Meter);

impl From<x402_tower::Meter> for Meter {
    fn from(meter: x402_tower::Meter) -> Self {
        Self(meter)
    }
}

impl Deref for Meter {
    type Target = x402_tower::Meter;

    fn deref(&self) -> &x402_tower::Meter {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Meter {
    type Rejection = NotMetered;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NotMetered> {
        meter(parts).ok_or_else(|| {
            log::error!("a handler wants a meter, and there is none: is its price a limit?"; path = parts.uri.path());
            NotMetered(())
        })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Meter {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(meter(parts))
    }
}

fn meter(parts: &Parts) -> Option<Meter> {
    parts.extensions.get().cloned().map(Meter)
}

macro_rules! rejection {
    ($(#[$doc:meta])* $name:ident, $text:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name(());

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($text)
            }
        }

        impl std::error::Error for $name {}

        impl IntoResponse for $name {
            /// A mistake of the program, so the client learns nothing of it.
            fn into_response(self) -> Response {
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    };
}

rejection! {
    /// A handler wants a [`Payment`], and the request has none.
    NotPaid, "the request has not been paid for"
}

rejection! {
    /// A handler wants a [`Receipt`], and the payment has not been settled yet.
    NotSettled, "the payment has not been settled yet"
}

rejection! {
    /// A handler wants a [`Meter`], and the price is not a limit.
    NotMetered, "the price is not a limit"
}
