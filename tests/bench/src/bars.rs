//! What a request may cost. A change that misses a bar has to be worth it, and has to move it here.
//!
//! Where a target is not met yet, the bar is what has been reached and a twentieth more, and the target stands beside it; and
//! where it is met by little, some more.

use std::fmt;

use crate::case::Case;
use crate::measure::Measured;

#[derive(Clone, Copy, Debug, Default)]
pub struct Bar {
    instructions: Option<Most>,
    /// More than the bare handler.
    more_instructions: Option<Most>,
    allocations: Option<Most>,
}

/// How much something may be, and how much it should be at the most if that is less.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    may: u64,
    should: u64,
}

impl Most {
    /// The target is met.
    pub const fn met(may: u64) -> Self {
        Self { may, should: may }
    }

    /// The target is met, but by so little that another compiler or library may miss it.
    pub const fn just_met(may: u64, should: u64) -> Self {
        Self { may, should }
    }

    /// The target is not met yet.
    pub const fn missed(may: u64, should: u64) -> Self {
        Self { may, should }
    }

    pub const fn allows(self, measured: u64) -> bool {
        measured <= self.may
    }
}

impl Bar {
    pub fn is_met(self, measured: Measured, bare: Measured) -> bool {
        let Measured {
            instructions,
            allocations,
        } = measured;
        let more = instructions.saturating_sub(bare.instructions);
        [
            (self.instructions, instructions),
            (self.more_instructions, more),
            (self.allocations, allocations),
        ]
        .into_iter()
        .all(|(most, measured)| most.is_none_or(|most| most.allows(measured)))
    }
}

pub fn of(case: Case) -> Bar {
    let bar = |instructions, allocations| Bar {
        instructions: Some(instructions),
        allocations: Some(allocations),
        ..Bar::default()
    };
    let only = |instructions| Bar {
        instructions: Some(instructions),
        ..Bar::default()
    };
    match case {
        Case::Bare
        | Case::Layered
        | Case::ByHand
        | Case::ActixBare
        | Case::BareWaiting
        | Case::Waiting => Bar::default(),
        // Out of reach for a layer: one that does nothing costs a thousand, because axum boxes what is behind it once more.
        Case::Free => Bar {
            more_instructions: Some(Most::missed(1_850, 500)),
            ..Bar::default()
        },
        Case::Challenge => bar(Most::met(11_000), Most::met(18)),
        Case::Paid => bar(Most::just_met(56_000, 55_000), Most::met(45)),
        // The same answer takes 8 thousand if it is ready beforehand: the row before it.
        Case::Declared => bar(Most::just_met(9_200, 9_000), Most::met(16)),
        Case::DeclaredPaid => bar(Most::just_met(55_500, 55_000), Most::met(45)),
        // The `http` of actix takes eight instructions for each byte of a header that is no constant.
        Case::ActixChallenge => only(Most::met(20_000)),
        Case::ActixPaid => only(Most::met(70_000)),
        Case::ActixDeclared => only(Most::just_met(20_200, 20_000)),
        Case::ActixDeclaredPaid => only(Most::just_met(70_500, 70_000)),
        Case::BadBase64 => only(Most::met(24_000)),
        Case::BadJson => only(Most::met(24_000)),
        Case::OverReqwest => only(Most::met(210_000)),
        Case::OverHyper => only(Most::met(120_000)),
    }
}

impl fmt::Display for Most {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.may)?;
        if self.should < self.may {
            write!(f, " (target {})", self.should)?;
        }
        Ok(())
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(most) = self.instructions {
            write!(f, "≤ {most}")?;
        }
        if let Some(most) = self.more_instructions {
            write!(f, "≤ bare + {most}")?;
        }
        if let Some(most) = self.allocations {
            write!(f, ", ≤ {most} allocs")?;
        }
        Ok(())
    }
}
