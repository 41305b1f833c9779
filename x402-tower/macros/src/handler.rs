use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::{
    Attribute, Error, GenericArgument, PathArguments, Result, ReturnType, Token, Type,
    TypeParamBound, Visibility, parenthesized, token,
};

/// A function that a price is put on, as far as one has to know it: its body is only tokens.
pub(crate) struct Handler {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) name: Ident,
    /// The types of the arguments, whatever their patterns.
    pub(crate) arguments: Vec<Type>,
    /// Whether it has to be awaited.
    pub(crate) is_async: bool,
    /// What it gives, when it has been awaited.
    pub(crate) output: TokenStream,
    /// Everything behind the visibility, as it was written.
    pub(crate) function: TokenStream,
}

/// As many as both frameworks have handlers for.
const MOST_ARGUMENTS: usize = 16;

impl Parse for Handler {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let function = input.fork().parse()?;
        let is_async = qualifiers(input)?;
        let name = input.call(Ident::parse_any)?;
        if input.peek(Token![<]) {
            let generics: syn::Generics = input.parse()?;
            if generics.params.len() > generics.lifetimes().count() {
                return Err(generic(&generics.params));
            }
            if !generics.params.is_empty() {
                return Err(borrowed(&generics.params));
            }
        }
        let list;
        parenthesized!(list in input);
        let arguments = arguments(&list)?;
        let (is_async, output) = output(is_async, input.parse()?);
        if !input.peek(Token![where]) && !input.peek(token::Brace) {
            return Err(input.error("a handler needs a body to put a price on"));
        }
        input.parse::<TokenStream>()?;
        Ok(Self {
            attributes,
            visibility,
            name,
            arguments,
            is_async,
            output,
            function,
        })
    }
}

impl Handler {
    /// A name for each argument. Nothing of the user's is called like that, which matters: a name that something else
    /// in scope has as well is no new name in a pattern.
    pub(crate) fn parameters(&self) -> Vec<Ident> {
        let names = 0..self.arguments.len();
        names.map(|i| format_ident!("__x402_{i}")).collect()
    }

    /// The call of the user's function with these parameters, awaited if it has to be.
    pub(crate) fn called(&self) -> TokenStream {
        let (name, parameters) = (&self.name, self.parameters());
        let span = self.output_span();
        let awaited = self.is_async.then(|| quote_spanned!(span=> .await));
        quote_spanned!(span=> #name(#(#parameters),*) #awaited)
    }

    /// Our code, which the compiler shows as the user's name of the handler where something is wrong with it.
    pub(crate) fn span(&self) -> Span {
        Span::call_site().located_at(self.name.span())
    }

    /// The same, shown as what the handler gives.
    pub(crate) fn output_span(&self) -> Span {
        let output = self.output.clone().into_iter().next();
        let span = output.map_or_else(|| self.name.span(), |token| token.span());
        Span::call_site().located_at(span)
    }

    /// Whether what it gives has no name.
    pub(crate) fn is_opaque(&self) -> bool {
        has_impl(self.output.clone())
    }
}

/// Reads up to `fn`, and whether `async` stood in front.
fn qualifiers(input: ParseStream<'_>) -> Result<bool> {
    let mut is_async = false;
    loop {
        if input.peek(Token![fn]) {
            input.parse::<Token![fn]>()?;
            return Ok(is_async);
        } else if input.peek(Token![async]) {
            input.parse::<Token![async]>()?;
            is_async = true;
        } else if input.peek(Token![const]) && input.peek2(Token![_]) {
            return Err(no_function(input));
        } else if input.peek(Token![const])
            || input.peek(Token![unsafe])
            || input.peek(Token![extern])
        {
            let word = input.call(Ident::parse_any)?;
            let is_function = input.peek(Token![fn])
                || input.peek(Token![async])
                || input.peek(Token![unsafe])
                || input.peek(Token![extern])
                || input.peek(syn::LitStr);
            return Err(if is_function {
                Error::new(
                    word.span(),
                    format!("a handler with a price cannot be `{word} fn`: leave `{word}` out"),
                )
            } else {
                not_a_function(word)
            });
        } else {
            return Err(no_function(input));
        }
    }
}

fn no_function(input: ParseStream<'_>) -> Error {
    match input.parse::<TokenTree>() {
        Ok(token) => not_a_function(token),
        Err(_) => input.error(NO_FUNCTION),
    }
}

fn not_a_function(token: impl quote::ToTokens) -> Error {
    Error::new_spanned(token, NO_FUNCTION)
}

const NO_FUNCTION: &str = "only a function can have a price: put `#[paid]` on a handler, and \
                           a layer on anything else, like `.layer(x402.price(\"$0.01\")?)`";

fn generic(tokens: impl quote::ToTokens) -> Error {
    Error::new_spanned(
        tokens,
        "a handler with a price cannot be generic, since its price is declared once: name the types",
    )
}

fn borrowed(tokens: impl quote::ToTokens) -> Error {
    Error::new_spanned(
        tokens,
        "a handler cannot borrow its arguments: take what is owned, like `String`",
    )
}

fn arguments(list: ParseStream<'_>) -> Result<Vec<Type>> {
    let mut types = Vec::new();
    while !list.is_empty() {
        list.call(Attribute::parse_outer)?;
        let receiver = list.fork();
        receiver.parse::<Option<Token![&]>>()?;
        receiver.parse::<Option<syn::Lifetime>>()?;
        receiver.parse::<Option<Token![mut]>>()?;
        if receiver.peek(Token![self]) && !receiver.peek2(Token![::]) {
            return Err(receiver.error(
                "a method cannot have a price: make it a function, which takes what it needs by extractors such as `State`",
            ));
        }
        pattern(list)?;
        let argument: Type = list.parse()?;
        if has_impl(argument.to_token_stream()) {
            return Err(generic(argument));
        }
        if let Type::Reference(reference) = &argument
            && reference
                .lifetime
                .as_ref()
                .is_none_or(|life| life.ident != "static")
        {
            return Err(borrowed(argument));
        }
        if types.len() == MOST_ARGUMENTS {
            return Err(Error::new_spanned(
                argument,
                format!(
                    "a handler has at most {MOST_ARGUMENTS} arguments: put several extractors into a tuple"
                ),
            ));
        }
        types.push(argument);
        if !list.is_empty() {
            list.parse::<Token![,]>()?;
        }
    }
    Ok(types)
}

/// Reads what stands in front of the type of an argument, and the colon.
fn pattern(list: ParseStream<'_>) -> Result<()> {
    loop {
        if list.peek(Token![::]) {
            list.parse::<Token![::]>()?;
        } else if list.peek(Token![:]) {
            list.parse::<Token![:]>()?;
            return Ok(());
        } else {
            list.parse::<TokenTree>()?;
        }
    }
}

/// What a function gives when it has been awaited, and whether it has to be: one that returns `impl Future` is like one
/// that is `async`.
fn output(is_async: bool, output: ReturnType) -> (bool, TokenStream) {
    let output = match output {
        ReturnType::Default => return (is_async, quote!(())),
        ReturnType::Type(_, output) => *output,
    };
    match future_of(&output) {
        Some(output) if !is_async => (true, output),
        _ => (is_async, output.into_token_stream()),
    }
}

/// The `T` of `impl Future<Output = T>`.
fn future_of(output: &Type) -> Option<TokenStream> {
    let Type::ImplTrait(opaque) = output else {
        return None;
    };
    opaque.bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else {
            return None;
        };
        let last = bound.path.segments.last()?;
        let PathArguments::AngleBracketed(list) = &last.arguments else {
            return None;
        };
        list.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(output)
                if last.ident == "Future" && output.ident == "Output" =>
            {
                Some(output.ty.to_token_stream())
            }
            _ => None,
        })
    })
}

fn has_impl(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => word == "impl",
        TokenTree::Group(group) => has_impl(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Handler> {
        syn::parse2(text.parse().unwrap())
    }

    fn types(handler: &Handler) -> Vec<String> {
        let types = handler.arguments.iter();
        types
            .map(|argument| argument.to_token_stream().to_string())
            .collect()
    }

    #[test]
    fn arguments_are_their_types_whatever_their_patterns() {
        let handler = read(
            "/// Docs.\n #[inline] pub(crate) async fn weather(Path(id): Path<u32>, self::Json(Order { item, .. }): Json<Order>, \
             mut q: Query<HashMap<String, String>>, (a, b): (A, fn(u8) -> B), _: State<S>,) -> Result<String, E> \
             where String: Clone { body(id, #[x] y) }",
        )
        .unwrap();
        assert_eq!(
            types(&handler),
            [
                "Path < u32 >",
                "Json < Order >",
                "Query < HashMap < String , String > >",
                "(A , fn (u8) -> B)",
                "State < S >",
            ]
        );
        assert_eq!(handler.attributes.len(), 2);
        assert!(handler.is_async && !handler.is_opaque());
        assert_eq!(handler.output.to_string(), "Result < String , E >");
        assert!(
            handler
                .function
                .to_string()
                .starts_with("async fn weather (Path (id)")
        );
    }

    #[test]
    fn what_a_handler_gives_is_known_as_far_as_it_has_a_name() {
        for (text, is_async, output, opaque) in [
            ("fn f() {}", false, "()", false),
            ("async fn f() {}", true, "()", false),
            ("fn f() -> u8 { 1 }", false, "u8", false),
            (
                "async fn f() -> impl IntoResponse {}",
                true,
                "impl IntoResponse",
                true,
            ),
            (
                "async fn f() -> Result<impl A, E> {}",
                true,
                "Result < impl A , E >",
                true,
            ),
            (
                "fn f() -> impl Future<Output = u8> + Send {}",
                true,
                "u8",
                false,
            ),
            (
                "fn f() -> impl std::future::Future<Output = impl A> {}",
                true,
                "impl A",
                true,
            ),
        ] {
            let handler = read(text).unwrap();
            assert_eq!(handler.is_async, is_async, "{text}");
            assert_eq!(handler.output.to_string(), output, "{text}");
            assert_eq!(handler.is_opaque(), opaque, "{text}");
        }
    }

    #[test]
    fn what_is_no_plain_function_is_refused() {
        for (text, why) in [
            ("struct Weather;", "only a function"),
            ("const X: u8 = 1;", "only a function"),
            ("impl X { fn f() {} }", "only a function"),
            ("", "only a function"),
            ("const fn f() {}", "cannot be `const fn`"),
            ("unsafe fn f() {}", "cannot be `unsafe fn`"),
            ("extern \"C\" fn f() {}", "cannot be `extern fn`"),
            ("async unsafe fn f() {}", "cannot be `unsafe fn`"),
            ("async fn f<T>(t: T) {}", "cannot be generic"),
            ("async fn f<'a, T>(t: A<'a, T>) {}", "cannot be generic"),
            ("async fn f<'a>(t: A<'a>) {}", "cannot borrow"),
            ("async fn f(t: &str) {}", "cannot borrow"),
            ("async fn f(t: &mut A) {}", "cannot borrow"),
            ("async fn f(t: impl A) {}", "cannot be generic"),
            ("async fn f(t: Vec<impl A>) {}", "cannot be generic"),
            ("async fn f(&self) {}", "a method"),
            ("async fn f(&'a mut self, b: u8) {}", "a method"),
            ("async fn f(self: Arc<Self>) {}", "a method"),
            ("async fn f();", "needs a body"),
        ] {
            let error = read(text).err().unwrap_or_else(|| panic!("{text}"));
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
        let many = |count: usize| read(&format!("fn f({}) {{}}", "a: A, ".repeat(count)));
        assert!(many(16).is_ok());
        assert!(many(17).is_err());
    }
}
