use x402_axum::price;

const PRICE: &str = "$0.01";

fn main() {
    price!();
    price!(PRICE);
    price!(0.01);
    price!("a cent");
    price!("$0");
    price!("0.01 USDX");
    price!("$0.01", "$0.02");
    price!("$0.01", network = "base");
    price!("$2", allow(expansive));
}
