use std::fmt;
use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::dev;
use actix_web::http::Uri;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError};
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

        impl FromRequest for $name {
            type Error = $missing;
            type Future = Ready<Result<Self, $missing>>;

            fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
                let extensions = request.extensions();
                let payment = extensions.get::<x402_tower::Payment>();
                let found: Option<$inner> = payment.and_then($find);
                ready(found.map(Self).ok_or_else(|| $missing {
                    uri: request.uri().clone(),
                }))
            }
        }

        $(#[$missing_doc])*
        #[derive(Clone, Debug)]
        pub struct $missing {
            uri: Uri,
        }

        impl fmt::Display for $missing {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($text)
            }
        }

        impl std::error::Error for $missing {}

        impl ResponseError for $missing {
            /// A mistake of the program: 500, and the client learns nothing of it.
            fn error_response(&self) -> HttpResponse {
                // Here, because `Option<_>` makes `None` of it, and that is no mistake.
                log::error!($line; path = self.uri.path());
                HttpResponse::new(self.status_code())
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
    /// use actix_web::body::MessageBody;
    /// use actix_web::dev::{ServiceRequest, ServiceResponse};
    /// use actix_web::http::header::{HeaderName, HeaderValue};
    /// use actix_web::middleware::{Next, from_fn};
    /// use actix_web::test::{TestRequest, call_and_read_body, init_service};
    /// use actix_web::{App, Error, web};
    /// use x402_actix::{Payment, X402};
    ///
    /// async fn weather(payment: Option<Payment>) -> String {
    ///     match payment {
    ///         Some(payment) => format!("Sunny. Thank you, {}!", payment.payer()),
    ///         None => "Sunny. This one is on the house.".to_owned(),
    ///     }
    /// }
    ///
    /// async fn name_payer(
    ///     payment: Option<Payment>,
    ///     request: ServiceRequest,
    ///     next: Next<impl MessageBody>,
    /// ) -> Result<ServiceResponse<impl MessageBody>, Error> {
    ///     let mut response = next.call(request).await?;
    ///     if let Some(payment) = payment {
    ///         let payer = HeaderValue::try_from(payment.payer().to_string())?;
    ///         response.headers_mut().insert(HeaderName::from_static("x-payer"), payer);
    ///     }
    ///     Ok(response)
    /// }
    ///
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), x402_actix::ConfigError> {
    /// let x402 = X402::local().build()?;
    /// let price = x402.route("$0.01").free_when(|head| head.query() == Some("sample")).build()?;
    /// let weather = web::resource("/weather")
    ///     .get(weather)
    ///     .wrap(from_fn(name_payer)) // inside
    ///     .wrap(price);
    ///
    /// let app = init_service(App::new().service(weather)).await;
    /// let free = TestRequest::get().uri("/weather?sample").to_request();
    /// assert_eq!(call_and_read_body(&app, free).await, "Sunny. This one is on the house.");
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

    /// A handler wants a [`Meter`], and the request has none.
    NotMetered,
    "the payment has no limit to be metered",
    "a handler wants a meter, and there is none: is its price a limit, and can it be fixed or free?";
}
