//! A log line whether the `tracing` feature is on or not.

macro_rules! error {
    ($message:literal; $($name:ident = $value:expr),*) => {{
        #[cfg(feature = "tracing")]
        tracing::error!(target: "x402", $($name = %$value,)* $message);
        #[cfg(not(feature = "tracing"))]
        { $(let _ = &$value;)* }
    }};
}

pub(crate) use error;
