//! Prices on handlers: what `x402-axum` and `x402-actix` show as `#[paid]` and `price!`.
//!
//! Use them from there; their documentation is there as well. All that they expand to is public, and could be typed:
//! a [declaration] of the price, and a handler that is called behind it. What can be wrong about a price is looked at
//! when compiling, with the table of networks and tokens that the engine has.
//!
//! [declaration]: https://docs.rs/x402-tower/latest/x402_tower/struct.Declaration.html

mod actix;
mod args;
mod axum;
mod check;
mod declaration;
mod errors;
mod expand;
mod function;
mod handler;
mod lint;
mod nearest;
mod price;

use proc_macro::TokenStream;

#[doc = include_str!("arguments.md")]
#[proc_macro_attribute]
pub fn paid_axum(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(&axum::FRAMEWORK, &arguments.into(), &item.into()).into()
}

#[doc = include_str!("arguments.md")]
#[proc_macro_attribute]
pub fn paid_actix(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(&actix::FRAMEWORK, &arguments.into(), &item.into()).into()
}

/// The text of a price, looked at when compiling. Shown as `x402_axum::price` and `x402_actix::price`.
#[proc_macro]
pub fn price(arguments: TokenStream) -> TokenStream {
    price::expand(arguments.into()).into()
}
