use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use crate::declaration::priced;
use crate::expand::Framework;
use crate::function::function;
use crate::handler::Handler;

pub(crate) const FRAMEWORK: Framework = Framework {
    root: || quote!(::x402_axum),
    items,
    above: |_, _| {},
};

/// A handler that is the user's function behind its price, and that can still be called like it.
fn items(handler: &Handler, root: &TokenStream) -> TokenStream {
    let axum = quote!(#root::__private::axum);
    let response = quote!(#axum::response::Response);
    let (name, arguments, parameters) = (&handler.name, &handler.arguments, handler.parameters());
    let called = handler.called();
    let answer = boxed(&response);
    let priced = priced(handler, root);
    let direct = direct(handler, root, &response, &axum);
    let into_response = into_response(handler, &called, &axum);
    let erased = quote_spanned! {handler.span()=>
        #[allow(clippy::too_many_arguments)]
        fn __x402_erased(#(#parameters: #arguments),*) -> #answer {
            ::std::boxed::Box::pin(async move { #into_response })
        }
    };
    quote! {
        #[allow(clippy::type_complexity)]
        type __X402Pointer = fn(#(#arguments),*) -> #answer;

        #erased

        #[allow(deprecated)]
        impl<__X402Via, __X402Arguments, __X402State>
            #axum::handler::Handler<(__X402Via, __X402Arguments), __X402State> for #name
        where
            __X402Via: 'static,
            __X402Arguments: 'static,
            __X402Pointer: #axum::handler::Handler<__X402Arguments, __X402State>,
            __X402State: #root::HasX402<__X402Via>
                + ::core::clone::Clone
                + ::core::marker::Send
                + ::core::marker::Sync
                + 'static,
        {
            type Future = #root::__private::PaidFuture<__X402Pointer, __X402Arguments, __X402State>;

            fn call(self, __x402_request: #axum::extract::Request, __x402_state: __X402State) -> Self::Future {
                #root::__private::call(
                    &__X402_DECLARATION,
                    __x402_erased as __X402Pointer,
                    __x402_request,
                    __x402_state,
                )
            }
        }

        #priced

        #direct
    }
}

/// What makes `weather(…).await` work in tests, and nowhere else: `get(|| weather())` would be a route without a price.
fn direct(
    handler: &Handler,
    root: &TokenStream,
    response: &TokenStream,
    axum: &TokenStream,
) -> TokenStream {
    let private = quote!(#root::__private);
    let called = handler.called();
    let (output, called) = if handler.is_opaque() {
        (response, into_response(handler, &called, axum))
    } else {
        (&handler.output, called)
    };
    let (output, body) = if handler.is_async {
        let body = quote!(::std::boxed::Box::pin(async move { #called }));
        (boxed(output), body)
    } else {
        (output.clone(), called)
    };
    function(handler, &private, &output, &body)
}

fn into_response(handler: &Handler, called: &TokenStream, axum: &TokenStream) -> TokenStream {
    quote_spanned!(handler.output_span()=> #axum::response::IntoResponse::into_response(#called))
}

fn boxed(output: &TokenStream) -> TokenStream {
    quote! {
        ::core::pin::Pin<::std::boxed::Box<
            dyn ::core::future::Future<Output = #output> + ::core::marker::Send
        >>
    }
}
