use std::error::Error as StdError;
use std::fmt;

type BoxError = Box<dyn StdError + Send + Sync>;

/// A facilitator did not answer.
///
/// What matters is whether it may have acted all the same: see [`FacilitatorError::is_not_sent`].
#[derive(Debug)]
pub struct FacilitatorError {
    kind: FacilitatorErrorKind,
    source: Option<BoxError>,
}

/// Why a facilitator did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FacilitatorErrorKind {
    /// Nothing was sent: no connection, or no credentials to send with it.
    NotSent,
    /// The request went out and no whole answer came back.
    Lost,
    /// An answer came back that is none: another status without a message, another format, too large.
    Unreadable,
}

impl FacilitatorError {
    /// Nothing was sent, so nothing can have happened.
    pub fn not_sent(source: impl Into<BoxError>) -> Self {
        Self {
            kind: FacilitatorErrorKind::NotSent,
            source: Some(source.into()),
        }
    }

    /// The request may have been acted on, but the answer is lost.
    pub fn lost(source: impl Into<BoxError>) -> Self {
        Self {
            kind: FacilitatorErrorKind::Lost,
            source: Some(source.into()),
        }
    }

    /// What came back is no answer.
    pub fn unreadable(source: impl Into<BoxError>) -> Self {
        Self {
            kind: FacilitatorErrorKind::Unreadable,
            source: Some(source.into()),
        }
    }

    pub(crate) const fn timed_out() -> Self {
        Self {
            kind: FacilitatorErrorKind::Lost,
            source: None,
        }
    }

    /// Why.
    pub const fn kind(&self) -> FacilitatorErrorKind {
        self.kind
    }

    /// Whether it is certain that the facilitator has not seen the request.
    pub const fn is_not_sent(&self) -> bool {
        matches!(self.kind, FacilitatorErrorKind::NotSent)
    }
}

impl fmt::Display for FacilitatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            FacilitatorErrorKind::NotSent => "the facilitator could not be reached",
            FacilitatorErrorKind::Lost => "the facilitator's answer did not arrive",
            FacilitatorErrorKind::Unreadable => "the facilitator's answer could not be read",
        })
    }
}

impl StdError for FacilitatorError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}
