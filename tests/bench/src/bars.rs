//! What a request may cost. A change that misses a bar has to be worth it, and has to move it here.

use std::fmt;

use crate::case::Case;
use crate::measure::Measured;

#[derive(Clone, Copy, Debug, Default)]
pub struct Bar {
    instructions: Option<u64>,
    /// More than the bare handler.
    more_instructions: Option<u64>,
    allocations: Option<u64>,
}

impl Bar {
    pub fn is_met(self, measured: Measured, bare: Measured) -> bool {
        self.instructions
            .is_none_or(|most| measured.instructions <= most)
            && self
                .more_instructions
                .is_none_or(|most| measured.instructions <= bare.instructions + most)
            && self
                .allocations
                .is_none_or(|most| measured.allocations <= most)
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
        Case::Bare | Case::Layered | Case::BareWaiting | Case::Waiting => Bar::default(),
        Case::Free => Bar {
            more_instructions: Some(500),
            ..Bar::default()
        },
        Case::Challenge => bar(11_000, 18),
        Case::Paid => bar(55_000, 45),
        Case::BadBase64 | Case::BadJson => only(24_000),
        Case::OverReqwest => only(210_000),
        Case::OverHyper => only(120_000),
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
