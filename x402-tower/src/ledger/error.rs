use std::error::Error as StdError;
use std::fmt;

/// A ledger could not answer. Nothing is served then: never is silence taken for consent.
#[derive(Debug)]
pub struct LedgerError {
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl LedgerError {
    /// There is no room for another payment.
    pub const fn full() -> Self {
        Self { source: None }
    }

    /// The ledger cannot be reached, or fails.
    pub fn unavailable(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
        }
    }

    /// Whether there is no room for another payment.
    pub const fn is_full(&self) -> bool {
        self.source.is_none()
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_full() {
            "the ledger is full"
        } else {
            "the ledger does not answer"
        })
    }
}

impl StdError for LedgerError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}
