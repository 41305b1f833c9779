use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use x402_tower::ledger;

use crate::log;

/// Something of a payment that handlers can ask for, and the error if it is not there.
macro_rules! extractor {
    (
        $(#[$doc:meta])* $name:ident of $inner:ty = $find:expr;
        $(#[$missing_doc:meta])* $missing:ident, $text:literal, $line:literal;
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name($inner);

        impl $name {
            fn of(parts: &Parts) -> Option<Self> {
                let payment = parts.extensions.get::<x402_tower::Payment>();
                let found: Option<$inner> = payment.and_then($find);
                found.map(Self)
            }
        }

        impl From<$inner> for $name {
            fn from(inner: $inner) -> Self {
                Self(inner)
            }
        }

        impl Deref for $name {
            type Target = $inner;

            fn deref(&self) -> &$inner {
                &self.0
            }
        }

        impl<S: Sync> FromRequestParts<S> for $name {
            type Rejection = $missing;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, $missing> {
                Self::of(parts).ok_or_else(|| {
                    log::error!($line; path = parts.uri.path());
                    $missing(())
                })
            }
        }

        impl<S: Sync> OptionalFromRequestParts<S> for $name {
            type Rejection = Infallible;

            async fn from_request_parts(
                parts: &mut Parts,
                _: &S,
            ) -> Result<Option<Self>, Infallible> {
                Ok(Self::of(parts))
            }
        }

        $(#[$missing_doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $missing(());

        impl fmt::Display for $missing {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($text)
            }
        }

        impl std::error::Error for $missing {}

        impl IntoResponse for $missing {
            /// A mistake of the program, so the client learns nothing of it.
            fn into_response(self) -> Response {
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    };
}

extractor! {
    /// The payment that a request is served for: who paid, and how much.
    ///
    /// `Option<Payment>` is for routes that are free at times.
    Payment of x402_tower::Payment = |payment| Some(payment.clone());

    /// A handler wants a [`Payment`], and the request has none.
    NotPaid,
    "the request has not been paid for",
    "a handler wants a payment, and there is none: is it behind a price, and can it be free?";
}

extractor! {
    /// The facilitator's word that the money has moved. It is there if the route is settled before it is served, or if an
    /// answer is given again.
    Receipt of ledger::Receipt = |payment| payment.receipt().cloned();

    /// A handler wants a [`Receipt`], and the payment has not been settled yet.
    NotSettled,
    "the payment has not been settled yet",
    "a handler wants a receipt, and there is none: is its route settled before it is served?";
}

extractor! {
    /// Says how much is charged, where the price is only a limit ([`X402::upto`](crate::X402::upto)).
    ///
    /// `Option<Meter>` is for routes that have a fixed price as well.
    Meter of x402_tower::Meter = |payment| payment.meter().cloned();

    /// A handler wants a [`Meter`], and the price is not a limit.
    NotMetered,
    "the price is not a limit",
    "a handler wants a meter, and there is none: is its price a limit?";
}
