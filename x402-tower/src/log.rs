//! Log lines with fields, so that no logic depends on whether the `tracing` feature is on.
//!
//! Without it the fields are still compiled, and nothing is done with them.

macro_rules! error {
    ($($line:tt)*) => { $crate::log::line!(error $($line)*) };
}

macro_rules! warning {
    ($($line:tt)*) => { $crate::log::line!(warn $($line)*) };
}

macro_rules! info {
    ($($line:tt)*) => { $crate::log::line!(info $($line)*) };
}

macro_rules! line {
    ($level:ident $message:literal $(; $($name:ident = $value:expr),* $(,)?)?) => {{
        #[cfg(feature = "tracing")]
        tracing::$level!(target: "x402", $($($name = %$value,)*)? $message);
        #[cfg(not(feature = "tracing"))]
        { $($(let _ = &$value;)*)? }
    }};
}

pub(crate) use {error, info, line, warning};

/// An error with everything that caused it, for the log and for nobody else.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
