//! What stands in the parentheses of `#[paid(…)]`.

mod argument;
mod option;
mod route;
mod words;

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens as _;
use syn::ext::IdentExt as _;

pub(crate) use self::argument::{Argument, Value};
pub(crate) use self::option::Accept;
pub(crate) use self::route::Call;

use self::words::unknown;
use crate::check;
use crate::errors::Errors;
use crate::lint::{Lint, Warning};

/// What the attribute says.
pub(crate) struct Args {
    pub(crate) price: Pricing,
    /// What is said about the route beside its price, in the order of the user's.
    pub(crate) route: Vec<Call>,
    /// What is allowed, and hardly ever meant.
    pub(crate) warnings: Vec<Warning>,
    /// What the adapter is called where the handler is.
    pub(crate) root: Option<syn::Path>,
    /// Whether the attribute has been moved below the others already.
    pub(crate) moved: bool,
}

/// Where the price comes from.
pub(crate) enum Pricing {
    /// One or several options, the first one first.
    Options(Vec<Accept>),
    /// A function.
    With(TokenStream),
    /// Something is wrong.
    Nowhere,
}

impl Args {
    /// Reads all that there is, and says all that is wrong with it.
    pub(crate) fn read(tokens: TokenStream) -> (Self, Errors) {
        let mut errors = Errors::default();
        let arguments = Argument::list(tokens, &mut errors);
        refuse_repeated(&arguments, &mut errors);
        let mut reader = Reader::default();
        for argument in arguments {
            reader.read(argument, &mut errors);
        }
        let args = reader.finish(&mut errors);
        (args, errors)
    }
}

/// The text of a name, whether it is a raw identifier or not.
pub(crate) fn word(name: &Ident) -> String {
    name.unraw().to_string()
}

/// What the attribute adds to itself when it moves.
pub(crate) const MOVED: &str = "__moved";

#[derive(Default)]
struct Reader {
    /// What is said of the only option.
    own: Vec<Argument>,
    accepts: Vec<(Ident, TokenStream)>,
    with: Option<(Ident, TokenStream)>,
    allowed: Vec<Lint>,
    route: Vec<Call>,
    root: Option<syn::Path>,
    moved: bool,
}

impl Reader {
    fn read(&mut self, argument: Argument, errors: &mut Errors) {
        let Some(name) = argument.name.clone() else {
            self.own.push(argument);
            return;
        };
        match word(&name).as_str() {
            "price" | "upto" | "network" | "scheme" | "pay_to" => self.own.push(argument),
            "accepts" => {
                if let Some(list) = argument.list_of(errors) {
                    self.accepts.push((name, list));
                }
            }
            "with" => {
                if let Some(function) = argument.function(errors) {
                    self.with = Some((name, function));
                }
            }
            "allow" => self.allowed.extend(argument.lints(errors)),
            "crate" => {
                self.root = argument
                    .text(errors)
                    .and_then(|text| text.parse().map_err(|error| errors.add(error)).ok());
            }
            MOVED => self.moved = true,
            _ => match Call::read(&name, &argument, errors) {
                Some(call) => self.route.extend(call),
                None => unknown(&argument, &name, errors),
            },
        }
    }

    fn finish(self, errors: &mut Errors) -> Args {
        let options: Vec<Accept> = if let Some((with, _)) = &self.with {
            refuse_beside_function(with, &self.own, &self.accepts, errors);
            Vec::new()
        } else if self.accepts.is_empty() {
            Accept::read(self.own, None, errors).into_iter().collect()
        } else {
            refuse_beside_list(&self.own, errors);
            let read = |(name, list)| {
                let arguments = Argument::list(list, errors);
                refuse_repeated(&arguments, errors);
                Accept::read(arguments, Some(&name), errors)
            };
            self.accepts.into_iter().filter_map(read).collect()
        };
        for call in &self.route {
            refuse_contradiction(call, &options, self.with.is_some(), errors);
        }
        let mut warnings = Vec::new();
        for option in &options {
            warnings.extend(check::option(option, &self.allowed, errors));
        }
        Args {
            price: match self.with {
                _ if !errors.is_empty() => Pricing::Nowhere,
                Some((_, function)) => Pricing::With(function),
                None => Pricing::Options(options),
            },
            route: self.route,
            warnings,
            root: self.root,
            moved: self.moved,
        }
    }
}

fn refuse_repeated(arguments: &[Argument], errors: &mut Errors) {
    for (i, argument) in arguments.iter().enumerate() {
        let name = argument.word();
        let again = arguments[..i].iter().any(|earlier| earlier.word() == name);
        match name.as_str() {
            "accepts" | "allow" | MOVED => {}
            "price" if again => errors.at(
                argument,
                "a second price; where a handler accepts several, each stands in a list of its own: \
                 `accepts(\"$0.01\", network = \"base\"), accepts(\"0.1 USDT\", network = \"celo\")`",
            ),
            _ if again => errors.at(argument, format!("`{name}` is said twice")),
            _ => {}
        }
    }
}

fn refuse_beside_function(
    with: &Ident,
    own: &[Argument],
    accepts: &[(Ident, TokenStream)],
    errors: &mut Errors,
) {
    let own = own
        .iter()
        .map(|argument| (argument.word(), argument.to_token_stream()));
    let accepts = accepts
        .iter()
        .map(|(name, _)| (word(name), name.to_token_stream()));
    for (name, tokens) in own.chain(accepts) {
        errors.at(
            tokens,
            format!("`{name}` contradicts `{with}`: the function says all that is accepted, so leave one of them out"),
        );
    }
}

fn refuse_beside_list(own: &[Argument], errors: &mut Errors) {
    for argument in own {
        let name = argument.word();
        errors.at(
            argument,
            format!("`{name}` is said beside a list of options: move it into an `accepts(…)`"),
        );
    }
}

fn refuse_contradiction(call: &Call, options: &[Accept], dynamic: bool, errors: &mut Errors) {
    let name = word(&call.method);
    if name == "quote_window" && !dynamic {
        errors.at(
            &call.method,
            "`quote_window` is how long a price holds that a function gave: it goes with `with = price_of`",
        );
    }
    if call.is_settled_before() && options.iter().any(|option| option.upto) {
        errors.at(
            call,
            "`settle = before` contradicts `upto`: how much it is shows when the handler has answered; \
             leave one of them out",
        );
    }
}

#[cfg(test)]
mod tests;
