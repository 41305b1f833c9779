use axum::extract::FromRef;

use crate::X402;

/// The state of a router whose handlers are paid.
///
/// Every state that an [`X402`] can be taken [from](FromRef) is one: an `X402` itself, and any struct that derives
/// `FromRef` and has an `X402` for a field.
#[diagnostic::on_unimplemented(
    message = "this router has paid routes, but its state `{Self}` cannot give an `X402`",
    label = "no `X402` in `{Self}`",
    note = "finish the router with `.with_state(x402)`, or put an `X402` field into your state and derive `axum::extract::FromRef` for it"
)]
pub trait HasX402 {
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
