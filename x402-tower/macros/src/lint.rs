use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Attribute, LitStr};

use crate::args::word;
use crate::errors::Errors;
use crate::nearest::did_you_mean;

/// Something that is allowed, and hardly ever meant.
pub(crate) struct Warning {
    pub(crate) lint: Lint,
    pub(crate) price: LitStr,
    pub(crate) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lint {
    /// More than a dollar.
    Expensive,
    /// A token that is not the one of dollars on its network.
    UnusualToken,
}

impl Lint {
    const ALL: [Self; 2] = [Self::Expensive, Self::UnusualToken];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Expensive => "expensive",
            Self::UnusualToken => "unusual_token",
        }
    }

    /// The lint of this name.
    pub(crate) fn read(name: &Ident, errors: &mut Errors) -> Option<Self> {
        let text = word(name);
        let found = Self::ALL.into_iter().find(|lint| lint.name() == text);
        if found.is_none() {
            let names = Self::ALL.map(Self::name);
            errors.at(
                name,
                format!(
                    "nothing called `{text}` can be allowed here, only `{}`{}",
                    names.join("` and `"),
                    did_you_mean(&text, names)
                ),
            );
        }
        found
    }
}

impl Warning {
    /// Makes the compiler warn.
    ///
    /// Macros have no warnings of their own on stable. The use of something deprecated is one, and says what a note says.
    pub(crate) fn to_tokens(&self, attributes: &[&Attribute]) -> TokenStream {
        let name = Ident::new(self.lint.name(), self.price.span());
        let note = format!(
            "{}; if you mean it, add `allow({})`",
            self.message,
            self.lint.name()
        );
        quote! {
            #(#attributes)*
            const _: () = {
                #[deprecated(note = #note)]
                #[allow(non_upper_case_globals)]
                const #name: () = ();
                #name
            };
        }
    }
}
