//! What the seller's side has to know of a payment scheme, and the schemes that are known.
//!
//! A [`Scheme`] never talks to a network. It says what goes into an offer, reads what a buyer signed, and knows what the
//! reasons of a facilitator prove. A seller can bring schemes of their own.

mod authorization;
mod evm;
mod flaw;
mod meaning;
mod offer;

use std::fmt::Debug;

use crate::money::{Address, Asset, Network};
use crate::proto::{Object, Presented, SupportedKind, SupportedResponse};

pub use self::authorization::{Authorization, Key, Malformed};
pub(crate) use self::evm::UPTO;
pub use self::evm::{ExactEvm, PERMIT2, PERMIT2_EXACT_PROXY, PERMIT2_UPTO_PROXY, UptoEvm};
pub use self::flaw::Flaw;
pub use self::meaning::Meaning;
pub use self::offer::Offer;

/// A way to pay, as far as a seller is concerned.
///
/// [`ExactEvm`] is the model to follow, and can be called for what is the same:
///
/// ```
/// use x402_tower::X402;
/// use x402_tower::money::{Address, Asset, Network};
/// use x402_tower::proto::{Object, Presented, SupportedKind};
/// use x402_tower::scheme::{
///     Authorization, ExactEvm, Extra, Flaw, Malformed, Meaning, Offer, Scheme,
/// };
///
/// /// Like `exact`, for members of a club: an offer says which.
/// #[derive(Debug)]
/// struct Club;
///
/// impl Scheme for Club {
///     fn name(&self) -> &str {
///         "club"
///     }
///
///     fn serves(&self, asset: &Asset) -> bool {
///         ExactEvm.serves(asset)
///     }
///
///     fn extra(&self, offer: &Offer, kind: Option<&SupportedKind>) -> Result<Extra, String> {
///         let extra = ExactEvm.extra(offer, kind)?;
///         let Extra::Ready(mut extra) = extra else { return Ok(extra) };
///         extra.set("club", &"tea").map_err(|error| error.to_string())?;
///         Ok(Extra::Ready(extra))
///     }
///
///     fn read(
///         &self,
///         presented: &Presented<'_>,
///         network: &Network,
///         asset: &Address,
///     ) -> Result<Authorization, Malformed> {
///         ExactEvm.read(presented, network, asset)
///     }
///
///     fn misfit(&self, authorization: &Authorization, offer: &Offer) -> Option<Flaw> {
///         ExactEvm.misfit(authorization, offer)
///     }
///
///     fn name_flaw(&self, flaw: Flaw) -> &'static str {
///         ExactEvm.name_flaw(flaw)
///     }
///
///     fn meaning(&self, reason: &str) -> Meaning {
///         ExactEvm.meaning(reason)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), x402_tower::ConfigError> {
/// let x402 = X402::local().scheme(Club).build()?;
/// assert_eq!(x402.price("$0.01")?.offers()[0].scheme.name(), "club");
/// # Ok(())
/// # }
/// ```
pub trait Scheme: Debug + Send + Sync + 'static {
    /// The name on the wire, such as `exact`. Several schemes can share one name on different networks.
    fn name(&self) -> &str;

    /// Whether this token can be paid with on its network.
    fn serves(&self, asset: &Asset) -> bool;

    /// What has to stand in the `extra` of an offer.
    ///
    /// `kind` is what the facilitator says about this scheme and network, once it has been heard. An offer that cannot
    /// be made without it is left out until then ([`Extra::NotYet`]).
    fn extra(&self, offer: &Offer, kind: Option<&SupportedKind>) -> Result<Extra, String>;

    /// The keys of `extra` whose values come and go between an offer and its payment, such as a fee payer. A payment may
    /// have any that was offered not long ago, and the facilitator gets the one that the buyer signed for.
    fn volatile(&self) -> &[&str] {
        &[]
    }

    /// Whether the value of a volatile key is good, though nobody here has offered it: by what the facilitator says of
    /// itself, or because it proves itself. Other servers of the same seller may have offered it.
    fn vouches_for(&self, key: &str, value: &str, supported: Option<&SupportedResponse>) -> bool {
        let _ = (key, value, supported);
        false
    }

    /// Whether an offer names the most that may be charged, and how much it is in the end is said by a
    /// [`Meter`](crate::Meter).
    ///
    /// A facilitator is asked to verify the offer's amount then, and to settle what was used.
    fn is_metered(&self) -> bool {
        false
    }

    /// Whether version 1 of the protocol can say this offer, in a way that the clients of version 1 understand.
    fn is_sayable_in_v1(&self, offer: &Offer) -> bool {
        let _ = offer;
        false
    }

    /// Reads what a buyer signed.
    ///
    /// It must not depend on prices or on time: a payment that was seen before has to be known again whatever has changed
    /// since. What is wrong with a payment of the right shape goes into [`Authorization::flaw`].
    ///
    /// `network` and `asset` are those that the client names; in version 1, which names no asset, the one that is offered.
    fn read(
        &self,
        presented: &Presented<'_>,
        network: &Network,
        asset: &Address,
    ) -> Result<Authorization, Malformed>;

    /// What is wrong with this payment for this offer, beyond amount, payee, token and time, which are always compared.
    fn misfit(&self, authorization: &Authorization, offer: &Offer) -> Option<Flaw> {
        let _ = (authorization, offer);
        None
    }

    /// The reason to give for a flaw.
    fn name_flaw(&self, flaw: Flaw) -> &'static str;

    /// What it proves when a facilitator gives this reason.
    fn meaning(&self, reason: &str) -> Meaning;

    /// Whether a facilitator that gives this reason to `/verify` has found the signature to be the payer's.
    fn proves_payer(&self, reason: &str) -> bool {
        let _ = reason;
        false
    }

    /// Whether a settled payment always has a transaction.
    fn has_transaction(&self) -> bool {
        true
    }
}

/// What [`Scheme::extra`] answers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Extra {
    /// The offer is complete with this.
    Ready(Object),
    /// Something only the facilitator knows is missing.
    NotYet,
}
