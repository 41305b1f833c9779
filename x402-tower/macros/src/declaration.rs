use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};

use crate::args::{Args, Pricing, word};
use crate::handler::Handler;

/// The static that a handler is priced by, called `__X402_DECLARATION`.
pub(crate) fn declaration(handler: &Handler, args: &Args, root: &TokenStream) -> TokenStream {
    let name = word(&handler.name);
    let route = route(args, root);
    quote! {
        static __X402_DECLARATION: #root::Declaration = #root::Declaration::new(#name, #route);
    }
}

/// What has the name of the handler says where its declaration is.
pub(crate) fn priced(handler: &Handler, root: &TokenStream) -> TokenStream {
    let name = &handler.name;
    quote! {
        #[allow(deprecated)]
        impl #root::Priced for #name {
            fn declaration(&self) -> &'static #root::Declaration {
                &__X402_DECLARATION
            }
        }
    }
}

/// What makes a seller's route.
fn route(args: &Args, root: &TokenStream) -> TokenStream {
    let start = match &args.price {
        Pricing::Options(options) => {
            let mut options = options.iter().map(|option| option.to_tokens(root));
            let first = options.next();
            quote!(__x402_seller.route(#first)#(.or(#options))*)
        }
        // Where it is no function of a head, the compiler points at it.
        Pricing::With(function) => {
            let span = function.clone().into_iter().next();
            let span = span.map_or_else(Span::call_site, |token| token.span());
            let route_with = Ident::new("route_with", Span::call_site().located_at(span));
            quote_spanned!(route_with.span()=> __x402_seller.#route_with(#function))
        }
        // This never runs: something is wrong, and so it does not compile.
        Pricing::Nowhere => return quote!(|_| ::core::unreachable!()),
    };
    let calls = args.route.iter().map(|call| call.to_tokens(root));
    quote!(|__x402_seller| #start #(#calls)*)
}
