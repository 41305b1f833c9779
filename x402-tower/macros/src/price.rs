use proc_macro2::TokenStream;
use quote::quote;
use x402_money::Registry;

use crate::args::{Argument, Value};
use crate::check;
use crate::errors::Errors;

/// The literal itself, if there is nothing wrong with it.
pub(crate) fn expand(arguments: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let mut text = None;
    let mut allowed = Vec::new();
    for argument in Argument::list(arguments, &mut errors) {
        match (&argument.name, &argument.value) {
            (None, _) if text.is_none() => text = argument.text(&mut errors),
            (Some(name), Value::List(_)) if name == "allow" => {
                allowed.extend(argument.lints(&mut errors));
            }
            _ => errors.at(&argument, "write `price!(\"$0.01\")`"),
        }
    }
    let warnings = match &text {
        Some(text) => check::price(text, None, &Registry::new(), &allowed, &mut errors),
        None if errors.is_empty() => {
            let nothing = "there is no price: write `price!(\"$0.01\")`";
            errors.add(syn::Error::new(proc_macro2::Span::call_site(), nothing));
            Vec::new()
        }
        None => Vec::new(),
    };
    let warnings = warnings.iter().map(|warning| warning.to_tokens(&[]));
    let text = text.map_or_else(|| quote!(""), |text| quote!(#text));
    if errors.is_empty() {
        quote!({ #(#warnings)* #text })
    } else {
        let errors = errors.to_compile_errors();
        quote!({ #errors #text })
    }
}
