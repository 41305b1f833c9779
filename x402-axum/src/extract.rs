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
    /// `Option<Payment>` is for routes that are free at times. Middleware inside of the price extracts it too; the type in
    /// the extensions of the request is the engine's, [`x402_tower::Payment`].
    ///
    /// ```
    /// use axum::Router;
    /// use axum::extract::Request;
    /// use axum::http::HeaderValue;
    /// use axum::middleware::{self, Next};
    /// use axum::response::Response;
    /// use axum::routing::get;
    /// use x402_axum::{ConfigError, Payment, RouterExt as _, X402};
    ///
    /// async fn weather(payment: Option<Payment>) -> String {
    ///     match payment {
    ///         Some(payment) => format!("Sunny. Thank you, {}!", payment.payer()),
    ///         None => "Sunny. This one is on the house.".to_owned(),
    ///     }
    /// }
    ///
    /// async fn name_payer(payment: Option<Payment>, request: Request, next: Next) -> Response {
    ///     let mut response = next.run(request).await;
    ///     let payer = payment.map(|payment| HeaderValue::try_from(payment.payer().to_string()));
    ///     if let Some(Ok(payer)) = payer {
    ///         response.headers_mut().insert("x-payer", payer);
    ///     }
    ///     response
    /// }
    ///
    /// fn app(x402: &X402) -> Result<Router, ConfigError> {
    ///     let price = x402.route("$0.01").free_when(|head| head.query() == Some("sample"));
    ///     Ok(Router::new()
    ///         .route("/weather", get(weather))
    ///         .route_layer(middleware::from_fn(name_payer)) // inside
    ///         .paid(price.build()?))
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use axum::body::{Body, to_bytes};
    /// # use tower::ServiceExt as _;
    /// # let app = app(&X402::local().build()?)?;
    /// # let ask = |uri: &str| app.clone().oneshot(Request::get(uri).body(Body::empty()).unwrap());
    /// # assert_eq!(ask("/weather").await?.status(), 402);
    /// # let free = to_bytes(ask("/weather?sample").await?.into_body(), 100).await?;
    /// # assert_eq!(free, "Sunny. This one is on the house.");
    /// # Ok(())
    /// # }
    /// ```
    Payment of x402_tower::Payment = |payment| Some(payment.clone());

    /// A handler wants a [`Payment`], and the request has none.
    NotPaid,
    "the request has not been paid for",
    "a handler wants a payment, and there is none: is it behind a price, and can it be free?";
}

extractor! {
    /// The facilitator's word that the money has moved. It is there if the route is settled before it is served, or if an
    /// answer is given again.
    ///
    /// ```
    /// use x402_axum::testing::TestPayment;
    /// use x402_axum::{Receipt, paid};
    ///
    /// #[paid("$0.50", settle = before)]
    /// async fn order(receipt: Receipt) -> String {
    ///     format!("It is on its way, by {}.", receipt.transaction())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let payment = TestPayment::new().settled("0x01").build();
    /// let receipt = payment.receipt().cloned().map(Receipt::from);
    /// assert_eq!(order(receipt.unwrap()).await, "It is on its way, by 0x01.");
    /// # }
    /// ```
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
    ///
    /// What is more than the limit is an error. Answer it with a status that is none of success: in axum a `Result` whose
    /// error is a text is answered 200, and charged.
    ///
    /// ```
    /// use axum::http::StatusCode;
    /// use x402_axum::money::Amount;
    /// use x402_axum::testing::TestPayment;
    /// use x402_axum::{Meter, paid};
    ///
    /// #[paid(upto = "$0.05")]
    /// async fn shout(meter: Meter, text: String) -> Result<String, StatusCode> {
    ///     let counted = meter.add_times(text.len() as u64, "$0.0001");
    ///     counted.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    ///     Ok(text.to_uppercase())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let payment = TestPayment::new().upto().build();
    /// let meter = payment.meter().cloned().map(Meter::from).unwrap();
    /// assert_eq!(shout(meter.clone(), "sun".to_owned()).await, Ok("SUN".to_owned()));
    /// assert_eq!(meter.used(), Amount::from(300u64));
    /// # }
    /// ```
    Meter of x402_tower::Meter = |payment| payment.meter().cloned();

    /// A handler wants a [`Meter`], and the request has none.
    NotMetered,
    "the payment has no limit to be metered",
    "a handler wants a meter, and there is none: is its price a limit, and can it be fixed or free?";
}
