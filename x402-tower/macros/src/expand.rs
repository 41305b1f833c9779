use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, quote};
use syn::{Attribute, Meta};

use crate::args::{Args, MOVED};
use crate::declaration::declaration;
use crate::errors::Errors;
use crate::handler::Handler;

/// What differs from framework to framework.
pub(crate) struct Framework {
    /// What the adapter is usually called.
    pub(crate) root: fn() -> TokenStream,
    /// The handler as the framework wants it: what stands beside the user's function.
    pub(crate) items: fn(&Handler, root: &TokenStream) -> TokenStream,
    /// Changes an attribute that stands above the price.
    pub(crate) above: fn(&mut Attribute, root: &TokenStream),
}

/// Puts a price on a handler.
pub(crate) fn attribute(
    framework: &Framework,
    arguments: &TokenStream,
    item: &TokenStream,
) -> TokenStream {
    let mut handler: Handler = match syn::parse2(item.clone()) {
        Ok(handler) => handler,
        Err(error) => {
            let error = error.to_compile_error();
            return quote!(#error #item);
        }
    };
    let (args, mut errors) = Args::read(arguments.clone());
    refuse_second_price(&mut handler, &mut errors);
    let root = match &args.root {
        Some(root) => root.to_token_stream(),
        None => (framework.root)(),
    };
    if !args.moved && !handler.attributes.iter().all(is_passive) {
        return moved(framework, handler, arguments, &root);
    }
    let Handler {
        attributes,
        visibility,
        name,
        function,
        ..
    } = &handler;
    let lints: Vec<&Attribute> = attributes
        .iter()
        .filter(|attribute| is_lint(attribute))
        .collect();
    let warnings = args
        .warnings
        .iter()
        .filter(|_| errors.is_empty())
        .map(|warning| warning.to_tokens(&lints));
    let cfgs = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"));
    let of_struct = attributes.iter().filter_map(of_struct);
    let of_function = attributes
        .iter()
        .filter(|attribute| is_of_function(attribute));
    let declaration = declaration(&handler, &args, &root);
    let items = (framework.items)(&handler, &root);
    let errors = errors.to_compile_errors();
    quote! {
        #errors
        #(#warnings)*

        #(#of_struct)*
        #[allow(non_camel_case_types)]
        #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
        #visibility struct #name;

        #(#cfgs)*
        const _: () = {
            #(#of_function)*
            #function

            #declaration

            #items
        };
    }
}

/// The handler with its price below all other attributes: those that make items have to make them beside it, and not in
/// it, and those that change the function have to see one.
fn moved(
    framework: &Framework,
    handler: Handler,
    arguments: &TokenStream,
    root: &TokenStream,
) -> TokenStream {
    let Handler {
        mut attributes,
        visibility,
        function,
        ..
    } = handler;
    for attribute in &mut attributes {
        (framework.above)(attribute, root);
    }
    let marker = Ident::new(MOVED, proc_macro2::Span::call_site());
    quote! {
        #(#attributes)*
        #[#root::paid(#marker, #arguments)]
        #visibility #function
    }
}

fn refuse_second_price(handler: &mut Handler, errors: &mut Errors) {
    handler.attributes.retain(|attribute| {
        let is_second = last(attribute).is_some_and(|name| name == "paid");
        if is_second {
            errors.at(
                attribute,
                "a second price; a handler that accepts several says all of them in one attribute: \
                 `#[paid(accepts(…), accepts(…))]`",
            );
        }
        !is_second
    });
}

/// What an attribute is called, without where it comes from.
pub(crate) fn last(attribute: &Attribute) -> Option<&Ident> {
    attribute
        .path()
        .segments
        .last()
        .map(|segment| &segment.ident)
}

/// Whether an attribute is one that the compiler or a tool reads, and that makes nothing.
fn is_passive(attribute: &Attribute) -> bool {
    const WORDS: [&str; 13] = [
        "allow",
        "cfg",
        "cfg_attr",
        "cold",
        "coverage",
        "deny",
        "deprecated",
        "doc",
        "expect",
        "forbid",
        "inline",
        "must_use",
        "warn",
    ];
    const TOOLS: [&str; 5] = ["clippy", "diagnostic", "miri", "rust_analyzer", "rustfmt"];
    let path = attribute.path();
    let is_tool = || {
        let mut segments = path.segments.iter();
        segments.len() > 1
            && segments
                .next()
                .is_some_and(|tool| TOOLS.iter().any(|name| tool.ident == name))
    };
    WORDS.iter().any(|word| path.is_ident(word)) || is_tool()
}

fn is_lint(attribute: &Attribute) -> bool {
    ["allow", "expect", "warn", "deny", "forbid"]
        .iter()
        .any(|word| attribute.path().is_ident(word))
}

/// What the struct gets of the handler's attributes: what is said about the name, and what is allowed.
fn of_struct(attribute: &Attribute) -> Option<TokenStream> {
    let path = attribute.path();
    if path.is_ident("expect") {
        // The function does what is expected; the struct may as well.
        return match &attribute.meta {
            Meta::List(list) => {
                let lints = &list.tokens;
                Some(quote!(#[allow(#lints)]))
            }
            Meta::Path(_) | Meta::NameValue(_) => None,
        };
    }
    let is_about_the_name = ["doc", "cfg", "deprecated"]
        .iter()
        .any(|word| path.is_ident(word));
    (is_about_the_name || is_lint(attribute)).then(|| attribute.to_token_stream())
}

fn is_of_function(attribute: &Attribute) -> bool {
    let path = attribute.path();
    !["doc", "cfg", "deprecated"]
        .iter()
        .any(|word| path.is_ident(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_tests_calls_a_handler_without_its_price() {
        for framework in [&crate::axum::FRAMEWORK, &crate::actix::FRAMEWORK] {
            let item = quote!(
                async fn weather() {}
            );
            let expanded = attribute(framework, &quote!("$0.01"), &item).to_string();
            let (before, rest) = expanded.split_once("callable ! {").unwrap();
            assert!(
                !before.contains("Deref") && rest.contains("Deref"),
                "{expanded}"
            );
            // What would be wrong if it could be called is wrong all the same.
            assert!(before.contains("Signature = dyn"), "{expanded}");
            // What makes it callable is all that is in there.
            assert!(rest.trim_end().ends_with("} } } ;"), "{expanded}");
        }
    }
}
