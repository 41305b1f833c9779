use x402_actix::paid;

#[paid("$0.01")]
struct Weather;

#[paid("$0.01")]
mod weather {}

impl Weather {
    #[paid("$0.01")]
    async fn method(&self) {}
}

#[paid("$0.01")]
const CONSTANT: u8 = 1;

#[paid("$0.01")]
async fn generic<T: Default>() {}

#[paid("$0.01")]
async fn of_a_lifetime<'a>(_: std::borrow::Cow<'a, str>) {}

#[paid("$0.01")]
async fn borrowed(_: &str) {}

#[paid("$0.01")]
async fn generic_argument(_: impl Send) {}

#[paid("$0.01")]
const fn constant() {}

#[paid("$0.01")]
unsafe fn dangerous() {}

#[paid("$0.01")]
extern "C" fn foreign() {}

#[paid("$0.01")]
async fn seventeen(
    _: (), _: (), _: (), _: (), _: (), _: (), _: (), _: (), _: (), _: (), _: (), _: (), _: (), _: (), _: (), _: (),
    _: String,
) {
}

trait Trait {
    #[paid("$0.01")]
    async fn without_body();
}

#[paid("$0.01")]
#[paid("0.02 USDC", network = "celo")]
async fn twice() -> &'static str {
    ""
}

fn main() {}
