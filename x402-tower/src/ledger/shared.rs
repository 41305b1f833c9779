use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Claim, Claimed, Due, Fenced, Found, Handed, Identity, Ledger, LedgerError, MemoryLedger,
    Parked, Release, Rerun, Settled, Token, Unresolved,
};
use crate::scheme::Key;

/// Any ledger behind one type, cheap to clone.
#[derive(Clone)]
pub struct SharedLedger(Inner);

#[derive(Clone)]
enum Inner {
    /// The usual one, without a box for every verb.
    Memory(Arc<MemoryLedger>),
    Other(Arc<dyn Erased>),
}

impl SharedLedger {
    /// Shares a ledger.
    pub fn new(ledger: impl Ledger) -> Self {
        Self(Inner::Other(Arc::new(ledger)))
    }

    /// Shares a ledger in memory.
    pub fn memory(ledger: Arc<MemoryLedger>) -> Self {
        Self(Inner::Memory(ledger))
    }

    /// Whether no verb ever waits for anything.
    pub(crate) const fn answers_at_once(&self) -> bool {
        match self.0 {
            Inner::Memory(_) => true,
            Inner::Other(_) => false,
        }
    }
}

impl fmt::Debug for SharedLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Memory(ledger) => ledger.fmt(f),
            Inner::Other(_) => f.debug_struct("SharedLedger").finish_non_exhaustive(),
        }
    }
}

/// One declaration a verb: its form in [`Ledger`], how it is boxed, and how it is handed on.
macro_rules! verbs {
    ($($verb:ident / $boxed:ident($($argument:ident: $how:ident $type:ty),*) -> $answer:ty;)*) => {
        impl Ledger for SharedLedger {
            $(
                async fn $verb(&self, $($argument: argument!($how $type)),*) -> Result<$answer, LedgerError> {
                    match &self.0 {
                        Inner::Memory(ledger) => ledger.$verb($($argument),*).await,
                        Inner::Other(ledger) => ledger.$boxed($($argument),*).await,
                    }
                }
            )*
        }

        /// [`Ledger`] with boxed futures, which a trait object needs.
        trait Erased: Send + Sync {
            $( fn $boxed<'a>(&'a self, $($argument: argument!('a $how $type)),*) -> Answering<'a, $answer>; )*
        }

        impl<L: Ledger> Erased for L {
            $(
                fn $boxed<'a>(&'a self, $($argument: argument!('a $how $type)),*) -> Answering<'a, $answer> {
                    Box::pin(self.$verb($($argument),*))
                }
            )*
        }
    };
}

macro_rules! argument {
    ($($life:lifetime)? by $type:ty) => { &$($life)? $type };
    ($($life:lifetime)? maybe $type:ty) => { Option<&$($life)? $type> };
    ($($life:lifetime)? plain $type:ty) => { $type };
}

type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<T, LedgerError>> + Send + 'a>>;

verbs! {
    find/find_boxed(identity: by Identity) -> Option<Found>;
    claim/claim_boxed(claim: by Claim) -> Claimed;
    begin_settlement/begin_settlement_boxed(token: by Token, parked: by Arc<Parked>, lease: plain Duration) -> Fenced;
    attend/attend_boxed(tokens: by [Token]) -> ();
    abandon/abandon_boxed(token: by Token) -> Fenced;
    commit/commit_boxed(token: by Token, settled: by Settled) -> Fenced;
    park/park_boxed(token: by Token, parked: by Arc<Parked>) -> Fenced;
    release/release_boxed(token: by Token, release: plain Release) -> Fenced;
    give_up/give_up_boxed(token: by Token, unresolved: by Unresolved) -> Fenced;
    rerun/rerun_boxed(key: by Key, most: plain u8, delivered: plain bool) -> Rerun;
    deliver/deliver_boxed(token: by Token, handed: by Handed) -> Fenced;
    due/due_boxed(seller: maybe str, most: plain usize, lease: plain Duration) -> Vec<Due>;
}
