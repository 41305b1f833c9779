use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use crate::handler::Handler;

/// What makes a handler callable like the function that it was, where the adapter has the feature `testing`.
///
/// The target is a `dyn Fn` that is neither `Send` nor `Clone`: a function would be a handler without a price.
pub(crate) fn function(
    handler: &Handler,
    private: &TokenStream,
    output: &TokenStream,
    body: &TokenStream,
) -> TokenStream {
    let (name, arguments, parameters) = (&handler.name, &handler.arguments, handler.parameters());
    let signature = quote_spanned! {handler.span()=>
        // The compiler points here if the handler is more public than its types, whether it can be called or not.
        #[allow(deprecated, clippy::type_complexity)]
        impl #private::Function for #name {
            type Signature = dyn ::core::ops::Fn(#(#arguments),*) -> #output;
        }
    };
    let callable = quote_spanned! {handler.span()=>
        #[allow(deprecated, clippy::too_many_arguments)]
        impl ::core::ops::Deref for #name {
            type Target = <Self as #private::Function>::Signature;

            fn deref(&self) -> &Self::Target {
                fn __x402_direct(#(#parameters: #arguments),*) -> #output {
                    #body
                }
                &__x402_direct
            }
        }
    };
    quote! {
        #signature
        #private::callable! { #callable }
    }
}
