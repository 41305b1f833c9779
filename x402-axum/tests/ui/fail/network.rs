use x402_axum::paid;

#[paid("$0.01", network = "bass")]
async fn unknown_network() {}

#[paid("$0.01", network = "somewhere")]
async fn unknown_network_like_none() {}

#[paid("0.1 USDT", network = "tron:nil")]
async fn unknown_tron() {}

#[paid("$0.01", network = "eip155:84532x")]
async fn no_chain_id() {}

#[paid("$0.01", network = "base", scheme = "exat")]
async fn unknown_scheme() {}

#[paid("$0.01", scheme = "gold")]
async fn unknown_scheme_like_none() {}

#[paid("$0.01", pay_to = "0x1111111111111111111111111111111111111111")]
async fn account_without_network() {}

#[paid("$0.01", network = "base", pay_to = "0x1234")]
async fn no_evm_address() {}

#[paid("$0.01", network = "base", pay_to = "0x036CBD53842c5426634e7929541eC2318f3dCF7e")]
async fn evm_checksum() {}

#[paid("0.1 USDT", network = "tron:nile", pay_to = "0x1111111111111111111111111111111111111111")]
async fn no_tron_address() {}

#[paid("0.1 USDT", network = "tron:nile", pay_to = "TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBg")]
async fn tron_checksum() {}

#[paid("$0.01", network = "solana", pay_to = "EPjF")]
async fn no_solana_address() {}

#[paid("$0.01", network = "stellar", pay_to = "a b")]
async fn no_address() {}

#[paid(
    accepts("$0.01", network = "base"),
    accepts("$0.01", network = "aptoss", scheme = "upfront"),
)]
async fn second_option() {}

fn main() {}
