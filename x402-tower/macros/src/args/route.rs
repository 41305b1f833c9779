use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::Lit;

use super::{Argument, Value, word};
use crate::errors::Errors;
use crate::nearest::nearest;

/// Something that is said about a route: a method of its builder, and what it is called with.
pub(crate) struct Call {
    pub(crate) method: Ident,
    pub(crate) value: CallValue,
}

pub(crate) enum CallValue {
    /// As it stands.
    Plain(TokenStream),
    /// A number of seconds.
    Seconds(TokenStream),
    /// A list.
    List(TokenStream),
    /// When to settle.
    Settle(Ident),
}

impl Call {
    /// Reads an argument, if there is a method of this name; nothing is in it if something is wrong.
    pub(super) fn read(
        name: &Ident,
        argument: &Argument,
        errors: &mut Errors,
    ) -> Option<Option<Self>> {
        let is_text = |literal: &Lit| matches!(literal, Lit::Str(_));
        let is_number = |literal: &Lit| matches!(literal, Lit::Int(_));
        let value = match word(name).as_str() {
            "description" | "mime_type" | "service_name" | "icon_url" => {
                argument.expression(is_text, errors).map(CallValue::Plain)
            }
            "v1" | "owed" | "strict_resource" => flag(argument, errors).map(CallValue::Plain),
            "bind_body" => argument.expression(is_number, errors).map(CallValue::Plain),
            "max_timeout" | "handler_budget" | "settlement_budget" | "quote_window" => argument
                .expression(is_number, errors)
                .map(CallValue::Seconds),
            "tags" => match argument.list_of(errors) {
                Some(list) if list.is_empty() => argument.miswritten(errors),
                list => list.map(CallValue::List),
            },
            "settle" => when(argument, errors).map(CallValue::Settle),
            _ => return None,
        };
        let method = name.clone();
        Some(value.map(|value| Self { method, value }))
    }

    pub(super) fn is_settled_before(&self) -> bool {
        matches!(&self.value, CallValue::Settle(when) if when == "Before")
    }

    /// What a user would have typed.
    pub(crate) fn to_tokens(&self, root: &TokenStream) -> TokenStream {
        let method = &self.method;
        let value = match &self.value {
            CallValue::Plain(value) => value.clone(),
            CallValue::Seconds(seconds) => quote!(::core::time::Duration::from_secs(#seconds)),
            CallValue::List(list) => quote!([#list]),
            CallValue::Settle(when) => quote!(#root::Settle::#when),
        };
        quote!(.#method(#value))
    }
}

/// True if nothing else is said.
fn flag(argument: &Argument, errors: &mut Errors) -> Option<TokenStream> {
    match &argument.value {
        Value::Alone => Some(quote!(true)),
        Value::Is(_) | Value::List(_) => {
            argument.expression(|literal| matches!(literal, Lit::Bool(_)), errors)
        }
    }
}

/// The variant that a word stands for.
fn when(argument: &Argument, errors: &mut Errors) -> Option<Ident> {
    let Value::Is(tokens) = &argument.value else {
        return argument.miswritten(errors);
    };
    let text = tokens.to_string();
    let variant = match text.as_str() {
        "before" => "Before",
        "after" => "After",
        _ => {
            // `"before"`, or `Settle::Before`.
            let last = text.rsplit(':').next().unwrap_or_default();
            let meant = nearest(last.trim_matches(['"', ' ']), ["before", "after"]);
            let meant = meant.map_or_else(
                || "`settle = before` or `settle = after`".to_owned(),
                |meant| format!("`settle = {meant}`"),
            );
            errors.at(
                tokens,
                format!("the money moves `before` the handler runs or `after` it; write {meant}"),
            );
            return None;
        }
    };
    let span = syn::spanned::Spanned::span(tokens);
    Some(Ident::new(variant, span))
}

impl ToTokens for Call {
    /// What errors point at.
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.method.to_tokens(tokens);
        match &self.value {
            CallValue::Plain(value) | CallValue::Seconds(value) | CallValue::List(value) => {
                value.to_tokens(tokens);
            }
            CallValue::Settle(when) => when.to_tokens(tokens),
        }
    }
}
