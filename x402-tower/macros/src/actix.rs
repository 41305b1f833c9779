use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Attribute, Meta};

use crate::declaration::priced;
use crate::expand::{Framework, last};
use crate::function::function;
use crate::handler::Handler;

pub(crate) const FRAMEWORK: Framework = Framework {
    root: || quote!(::x402_actix),
    items,
    above,
};

/// A handler that is the user's function behind its price, and that can still be called like it.
fn items(handler: &Handler, root: &TokenStream) -> TokenStream {
    let private = quote!(#root::__private);
    let actix = quote!(#private::actix_web);
    let (name, arguments, parameters) = (&handler.name, &handler.arguments, handler.parameters());
    let called = handler.called();
    let output = &handler.output;
    // Whatever it gives is put into a box that has a name.
    let answer = quote!(#private::Answer);
    let future = boxed(&answer);
    let priced = priced(handler, root);
    let answered = quote_spanned!(handler.output_span()=> #answer::new(#called));
    let direct = if handler.is_opaque() {
        direct(handler, &private, &answer, &answered)
    } else {
        direct(handler, &private, output, &called)
    };
    quote! {
        #[allow(clippy::type_complexity)]
        type __X402Pointer = fn(#(#arguments),*) -> #future;

        #[allow(clippy::too_many_arguments)]
        fn __x402_erased(#(#parameters: #arguments),*) -> #future {
            ::std::boxed::Box::pin(async move { #answered })
        }

        // What is wrong with arguments shows where the handler is used, as it does for functions.
        #[allow(deprecated)]
        impl<__X402Arguments> #actix::Handler<#private::Gated<__X402Arguments>> for #name
        where
            __X402Arguments: #actix::FromRequest + 'static,
            __X402Pointer: #actix::Handler<__X402Arguments, Output = #answer>,
        {
            type Output = <Self::Future as ::core::future::Future>::Output;
            type Future = #private::PaidFuture;

            fn call(&self, __x402_gated: #private::Gated<__X402Arguments>) -> Self::Future {
                #private::call(
                    &__X402_DECLARATION,
                    __x402_erased as __X402Pointer,
                    __x402_gated,
                )
            }
        }

        // Below a route attribute all this is inside of what that makes, which is what has the name outside.
        #[allow(unused_imports, clippy::wildcard_imports, non_local_definitions)]
        const _: () = {
            use self::*;

            #priced
        };

        #direct
    }
}

/// What makes `weather(…).await` work in tests, and nowhere else: a closure that calls it would be a handler without a
/// price.
///
/// Whatever can be called, is `Clone`, as references are, and gives a future, would be a handler without a price. So what
/// this gives is none, and can be awaited all the same.
fn direct(
    handler: &Handler,
    private: &TokenStream,
    output: &TokenStream,
    called: &TokenStream,
) -> TokenStream {
    let (output, body) = if handler.is_async {
        let body = quote!(#private::Called::new(async move { #called }));
        (quote!(#private::Called<#output>), body)
    } else {
        (output.clone(), called.clone())
    };
    function(handler, private, &output, &body)
}

fn boxed(output: &TokenStream) -> TokenStream {
    quote! {
        ::core::pin::Pin<::std::boxed::Box<dyn ::core::future::Future<Output = #output>>>
    }
}

/// Makes route attributes take the payment out of the headers, before the handler's request is shared and cannot be
/// changed any more.
fn above(attribute: &mut Attribute, root: &TokenStream) {
    let is_route = last(attribute).is_some_and(|name| ROUTES.iter().any(|route| name == route));
    if let Meta::List(list) = &mut attribute.meta
        && is_route
    {
        let private = quote!(#root::__private);
        let strip = quote!(#private::actix_web::middleware::from_fn(#private::strip)).to_string();
        let tokens = std::mem::take(&mut list.tokens);
        let ends_in_comma = tokens.to_string().ends_with(',');
        let comma = (!ends_in_comma).then(|| quote!(,));
        list.tokens = quote!(#tokens #comma wrap = #strip);
    }
}

/// The attributes of actix-web that say where a handler is.
const ROUTES: [&str; 11] = [
    "connect", "delete", "get", "head", "options", "patch", "post", "put", "query", "route",
    "trace",
];
