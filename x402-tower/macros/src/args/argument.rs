use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::{Lit, LitStr, Token, parenthesized, token};

use super::word;
use super::words::example;
use crate::errors::Errors;
use crate::lint::Lint;

/// One argument, of which only the form is known.
#[derive(Clone, Debug)]
pub(crate) struct Argument {
    /// What stands in front; nothing before a price.
    pub(crate) name: Option<Ident>,
    pub(crate) value: Value,
}

/// What an argument says.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// The name is all there is.
    Alone,
    /// What stands behind `=`, or without a name.
    Is(TokenStream),
    /// What stands in parentheses.
    List(TokenStream),
}

impl Argument {
    /// All arguments of a list.
    pub(crate) fn list(tokens: TokenStream, errors: &mut Errors) -> Vec<Self> {
        let list = |input: ParseStream<'_>| input.parse_terminated(Self::parse, Token![,]);
        match list.parse2(tokens) {
            Ok(arguments) => arguments.into_iter().collect(),
            Err(error) => {
                errors.add(error);
                Vec::new()
            }
        }
    }

    /// The name, or the one that is meant where none is said.
    pub(crate) fn word(&self) -> String {
        self.name.as_ref().map_or_else(|| "price".to_owned(), word)
    }

    /// A text that is looked at when compiling.
    pub(crate) fn text(&self, errors: &mut Errors) -> Option<LitStr> {
        let name = self.word();
        let Value::Is(tokens) = &self.value else {
            return self.miswritten(errors);
        };
        match literal(tokens, errors)? {
            Some(Lit::Str(text)) => return Some(text),
            Some(other @ (Lit::Int(_) | Lit::Float(_))) if name == "price" => {
                errors.at(
                    &other,
                    format!(
                        "a price is a text: write `\"${}\"`",
                        other.to_token_stream()
                    ),
                );
            }
            Some(_) => return self.miswritten(errors),
            None => errors.at(
                tokens,
                format!(
                    "`{name}` is looked at when compiling: write it as a literal, such as `{}`{}",
                    example(&name),
                    if name == "crate" {
                        ""
                    } else {
                        "; what is only known at run time is for `with = price_of`, or for a layer"
                    }
                ),
            ),
        }
        None
    }

    /// A literal of the right kind, or any expression of the user's, whose type the compiler looks at.
    pub(crate) fn expression(
        &self,
        is_right: impl FnOnce(&Lit) -> bool,
        errors: &mut Errors,
    ) -> Option<TokenStream> {
        let Value::Is(tokens) = &self.value else {
            return self.miswritten(errors);
        };
        match literal(tokens, errors)? {
            Some(literal) if !is_right(&literal) => self.miswritten(errors),
            _ => Some(tokens.clone()),
        }
    }

    /// What names a function.
    pub(crate) fn function(&self, errors: &mut Errors) -> Option<TokenStream> {
        self.expression(|_| false, errors)
    }

    /// What stands in parentheses.
    pub(crate) fn list_of(&self, errors: &mut Errors) -> Option<TokenStream> {
        match &self.value {
            Value::List(list) => Some(list.clone()),
            Value::Alone | Value::Is(_) => self.miswritten(errors),
        }
    }

    /// The lints in parentheses.
    pub(crate) fn lints(&self, errors: &mut Errors) -> Vec<Lint> {
        let list = self.list_of(errors).unwrap_or_default();
        let mut lints = Vec::new();
        for argument in Self::list(list, errors) {
            match (&argument.name, &argument.value) {
                (Some(lint), Value::Alone) => lints.extend(Lint::read(lint, errors)),
                _ => errors.at(&argument, format!("write `{}`", example("allow"))),
            }
        }
        lints
    }

    /// Says how it is written.
    pub(crate) fn miswritten<T>(&self, errors: &mut Errors) -> Option<T> {
        errors.at(self, format!("write `{}`", example(&self.word())));
        None
    }
}

/// The literal that these tokens are; nothing if they are something else; or an error if a comma is missing behind it.
fn literal(tokens: &TokenStream, errors: &mut Errors) -> Option<Option<Lit>> {
    let mut rest = tokens.clone().into_iter();
    match rest.next() {
        // Where a macro of the user's has written the attribute, `$price:literal` stands in a group that nobody sees.
        Some(TokenTree::Group(group))
            if group.delimiter() == Delimiter::None && rest.next().is_none() =>
        {
            literal(&group.stream(), errors)
        }
        Some(TokenTree::Literal(first)) => {
            if let Some(next) = rest.next()
                && !matches!(next, TokenTree::Punct(_))
            {
                errors.at(next, "a comma is missing in front of this");
                return None;
            }
            match rest.next() {
                None => Some(Some(Lit::new(first))),
                Some(_) => Some(None),
            }
        }
        Some(TokenTree::Ident(word)) if word == "true" || word == "false" => {
            Some(syn::parse2(tokens.clone()).ok())
        }
        _ => Some(None),
    }
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let is_expression =
            input.peek2(Token![::]) || input.peek2(Token![!]) || input.peek2(Token![.]);
        let named = input.peek(syn::Ident::peek_any) && !is_expression;
        if !named {
            return Ok(Self {
                name: None,
                value: Value::Is(until_comma(input)?),
            });
        }
        let name = Ident::parse_any(input)?;
        let value = if input.peek(token::Paren) {
            let list;
            parenthesized!(list in input);
            Value::List(list.parse()?)
        } else if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            if input.is_empty() || input.peek(Token![,]) {
                let example = example(&word(&name));
                return Err(syn::Error::new_spanned(
                    &name,
                    format!("`{name}` has no value: write `{example}`"),
                ));
            }
            Value::Is(until_comma(input)?)
        } else {
            Value::Alone
        };
        if !input.is_empty() && !input.peek(Token![,]) {
            return Err(input.error("a comma is missing in front of this"));
        }
        Ok(Self {
            name: Some(name),
            value,
        })
    }
}

fn until_comma(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        tokens.extend([input.parse::<TokenTree>()?]);
    }
    Ok(tokens)
}

impl ToTokens for Argument {
    /// What errors point at.
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let name = &self.name;
        tokens.extend(match &self.value {
            Value::Alone => quote!(#name),
            Value::Is(value) if name.is_some() => quote!(#name = #value),
            Value::Is(value) => value.clone(),
            // Parentheses of our own would be nowhere of the user's.
            Value::List(list) => quote!(#name #list),
        });
    }
}
