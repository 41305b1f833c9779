use std::fmt;

/// A version of the protocol. Both are spoken on every route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Version {
    /// Demands in the body, payments in `X-PAYMENT`.
    V1,
    /// Demands in `PAYMENT-REQUIRED`, payments in `PAYMENT-SIGNATURE`.
    V2,
}

impl Version {
    /// The number on the wire.
    pub const fn number(self) -> u64 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number())
    }
}
