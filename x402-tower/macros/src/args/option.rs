use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::LitStr;

use super::words::{OF_OPTIONS, example, unknown};
use super::{Argument, word};
use crate::errors::Errors;

/// One way to pay.
pub(crate) struct Accept {
    pub(crate) price: LitStr,
    /// Whether the price is the most that it can be.
    pub(crate) upto: bool,
    pub(crate) network: Option<LitStr>,
    pub(crate) scheme: Option<LitStr>,
    pub(crate) pay_to: Option<LitStr>,
}

impl Accept {
    /// Reads what is said of an option: in a list of this name, or of the only one.
    pub(super) fn read(
        arguments: Vec<Argument>,
        list: Option<&Ident>,
        errors: &mut Errors,
    ) -> Option<Self> {
        let (mut price, mut upto, mut network, mut scheme, mut pay_to) =
            (None, None, None, None, None);
        let mut missing = true;
        for argument in arguments {
            let name = argument.word();
            let place = match name.as_str() {
                "price" => &mut price,
                "upto" => &mut upto,
                "network" => &mut network,
                "scheme" => &mut scheme,
                "pay_to" => &mut pay_to,
                _ => {
                    misplaced(&argument, &name, errors);
                    continue;
                }
            };
            missing &= !matches!(name.as_str(), "price" | "upto");
            let text = argument.text(errors);
            if place.is_none() {
                *place = text;
            }
        }
        // What is wrong may have been meant for one.
        if missing && errors.is_empty() {
            no_price(list, errors);
        }
        if let (Some(_), Some(upto)) = (&price, &upto) {
            errors.at(
                upto,
                "`upto` contradicts `price`: it is a price already, the highest; leave one of them out",
            );
        }
        let is_upto = upto.is_some();
        Some(Self {
            price: upto.or(price)?,
            upto: is_upto,
            network,
            scheme,
            pay_to,
        })
    }

    /// What a user would have typed.
    pub(crate) fn to_tokens(&self, root: &TokenStream) -> TokenStream {
        let price = &self.price;
        let mut more = TokenStream::new();
        for (name, value) in [
            ("network", &self.network),
            ("scheme", &self.scheme),
            ("pay_to", &self.pay_to),
        ] {
            if let Some(value) = value {
                let name = Ident::new(name, Span::call_site());
                more.extend(quote!(.#name(#value)));
            }
        }
        match self.upto {
            false if more.is_empty() => quote!(#price),
            false => quote!(#root::price::Accept::new(#price)#more),
            true => quote!(#root::price::Accept::upto(#price)#more),
        }
    }
}

fn no_price(list: Option<&Ident>, errors: &mut Errors) {
    match list {
        Some(list) => errors.at(
            list,
            format!(
                "this option has no price: write `{}`",
                example(&word(list))
            ),
        ),
        None => errors.add(syn::Error::new(
            Span::call_site(),
            "there is no price: write `#[paid(\"$0.01\")]`, or `#[paid(with = price_of)]` for one that a function says",
        )),
    }
}

fn misplaced(argument: &Argument, name: &str, errors: &mut Errors) {
    let Some(ident) = &argument.name else { return };
    if example(name).is_empty() {
        unknown(argument, ident, errors);
    } else {
        errors.at(
            ident,
            format!(
                "`{name}` is said of the route and not of an option: move it out of `accepts(…)`, \
                 where only `{}` go",
                OF_OPTIONS.join("`, `")
            ),
        );
    }
}
