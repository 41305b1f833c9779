//! Sellers: how they are set up, and the runtime that they live on.

mod configuration;
mod environment;
mod home;
mod offers;
mod secrets;

const PAYEE: &str = "0x1111111111111111111111111111111111111111";
