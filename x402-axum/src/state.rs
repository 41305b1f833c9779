use std::sync::Arc;

use axum::extract::FromRef;

use crate::X402;

/// The state of a router whose handlers are paid.
///
/// Every state that an [`X402`] can be taken [from](FromRef) is one: an `X402` itself, and any struct that derives
/// `FromRef` and has an `X402` for a field. So is whatever says so itself, and each of them in an `Arc`.
///
/// ```
/// use std::sync::Arc;
///
/// use axum::Router;
/// use axum::extract::{FromRef, State};
/// use axum::routing::get;
/// use x402_axum::{X402, paid};
///
/// struct App {
///     x402: X402,
///     city: String,
/// }
///
/// impl FromRef<App> for X402 {
///     fn from_ref(app: &App) -> Self {
///         app.x402.clone()
///     }
/// }
///
/// #[paid("$0.01")]
/// async fn weather(State(app): State<Arc<App>>) -> String {
///     format!("It is sunny in {}.", app.city)
/// }
///
/// fn app(x402: X402) -> Router {
///     let app = App { x402, city: "Lisbon".to_owned() };
///     Router::new().route("/weather", get(weather)).with_state(Arc::new(app))
/// }
/// ```
///
/// `Via` tells apart what is in an `Arc` from what is not, and is found by the compiler. A function for any state is for both as
/// well:
///
/// ```
/// use axum::Router;
/// use axum::routing::get;
/// use x402_axum::{HasX402, paid};
///
/// #[paid("$0.01")]
/// async fn weather() -> &'static str {
///     "It is sunny."
/// }
///
/// fn routes<Via: 'static, S>() -> Router<S>
/// where
///     S: HasX402<Via> + Clone + Send + Sync + 'static,
/// {
///     Router::new().route("/weather", get(weather))
/// }
/// # use std::sync::Arc;
/// # use x402_axum::X402;
/// # struct Own(X402);
/// # impl HasX402 for Own {
/// #     fn x402(&self) -> X402 {
/// #         self.0.clone()
/// #     }
/// # }
/// # fn app(x402: X402) -> [Router; 2] {
/// #     [routes().with_state(x402.clone()), routes().with_state(Arc::new(Own(x402)))]
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "this router has paid routes, but its state `{Self}` cannot give an `X402`",
    label = "no `X402` in `{Self}`",
    note = "finish the router with `.with_state(x402)`, or put an `X402` field into your state and derive `axum::extract::FromRef` for it"
)]
pub trait HasX402<Via = ()> {
    /// The seller.
    fn x402(&self) -> X402;
}

#[diagnostic::do_not_recommend]
impl<S> HasX402 for S
where
    X402: FromRef<S>,
{
    fn x402(&self) -> X402 {
        X402::from_ref(self)
    }
}

/// Through an `Arc`.
#[derive(Debug)]
#[non_exhaustive]
pub enum Shared {}

// Nobody who has their state in an `Arc` could say it themselves: neither the trait nor the types would be theirs.
#[diagnostic::do_not_recommend]
impl<S: HasX402> HasX402<Shared> for Arc<S> {
    fn x402(&self) -> X402 {
        S::x402(self)
    }
}
