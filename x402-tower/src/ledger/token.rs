use crate::scheme::Key;

/// The right to say what becomes of a payment, until somebody else gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    key: Key,
    fence: u64,
}

impl Token {
    /// The right to this payment. A ledger gives each right to a payment a greater number than all before.
    pub const fn new(key: Key, fence: u64) -> Self {
        Self { key, fence }
    }

    /// The payment.
    pub const fn key(&self) -> &Key {
        &self.key
    }

    /// The number.
    pub const fn fence(&self) -> u64 {
        self.fence
    }
}
