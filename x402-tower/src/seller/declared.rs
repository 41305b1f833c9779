use std::collections::BTreeMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};

use super::{ConfigError, RouteBuilder, Seller, X402};
use crate::gate::GateLayer;
use crate::log;

/// The price that an attribute puts on a handler. There is one static for each, and where it lies is what it is known by.
///
/// ```
/// use x402_tower::{Declaration, Priced, X402};
///
/// // What `#[paid("$0.01")]` makes of a handler named `weather`, in short.
/// struct weather;
///
/// static WEATHER: Declaration = Declaration::new("weather", |x402| x402.route("$0.01"));
///
/// impl Priced for weather {
///     fn declaration(&self) -> &'static Declaration {
///         &WEATHER
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), x402_tower::ConfigError> {
/// let x402 = X402::local().priced([&weather]).build()?;
/// let layer = x402.declared(&WEATHER)?;
/// # drop(layer);
/// # Ok(())
/// # }
/// ```
pub struct Declaration {
    name: &'static str,
    route: fn(&X402) -> RouteBuilder,
}

impl Declaration {
    /// The price of the handler of this name.
    pub const fn new(name: &'static str, route: fn(&X402) -> RouteBuilder) -> Self {
        Self { name, route }
    }

    /// The name of the handler.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Debug for Declaration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Declaration")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A handler that declares its price, as those do that have the attribute.
pub trait Priced {
    /// What it declares.
    fn declaration(&self) -> &'static Declaration;
}

/// What became of the declarations that a seller has seen, by where they lie.
///
/// They are kept here and not in statics: two sellers in one process share nothing.
#[derive(Debug, Default)]
pub(super) struct Declared(RwLock<BTreeMap<usize, Result<GateLayer, ConfigError>>>);

impl<L: From<GateLayer>> Seller<L> {
    /// The layer that a declaration stands for. It is built when it is first asked for, and remembered.
    ///
    /// It goes around a handler and nothing else: whether a browser may ask is answered by what is around it.
    ///
    /// # Errors
    ///
    /// If anything is wrong or missing, with all of it; every time.
    pub fn declared(&self, declaration: &'static Declaration) -> Result<L, ConfigError> {
        let place = std::ptr::from_ref(declaration).addr();
        let known = &self.declared.0;
        if let Some(found) = known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&place)
        {
            return found.clone().map(L::from);
        }
        let built = (declaration.route)(&self.with_layer()).alone().build();
        if let Err(error) = &built {
            log::error!("a declared price cannot be paid"; handler = declaration.name, error = error.to_string());
        }
        let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(place).or_insert(built).clone().map(L::from)
    }

    /// Finds out whether the prices that these handlers declare can be paid, which otherwise their first requests would.
    ///
    /// # Errors
    ///
    /// If any of them cannot, with all that is wrong.
    pub fn check<const N: usize>(&self, handlers: [&dyn Priced; N]) -> Result<(), ConfigError> {
        self.check_all(handlers.map(|handler| handler.declaration()))
    }

    pub(super) fn check_all(
        &self,
        declarations: impl IntoIterator<Item = &'static Declaration>,
    ) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        for declaration in declarations {
            if let Err(error) = self.declared(declaration) {
                let named = |problem| format!("`{}`: {problem}", declaration.name);
                problems.extend(error.problems().map(named));
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ConfigError::new(problems))
        }
    }
}
