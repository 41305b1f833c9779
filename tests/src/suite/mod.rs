//! The behaviours. What one of them says is true of every framework, or it is not tested.

pub mod challenge;
pub mod concurrent;
pub mod pay;
pub mod repeat;
pub mod tamper;

/// Makes a test of every behaviour, for one [`App`](crate::App).
#[macro_export]
macro_rules! behaviours {
    ($app:ty) => {
        $crate::behaviours! { $app;
            challenge: [
                says_what_it_costs_in_both_versions,
                is_made_anew_and_asks_nobody,
                is_for_every_method_but_a_preflight,
                leaves_other_routes_alone,
                says_in_v1_only_what_v1_can_say,
                is_not_for_requests_that_are_free,
                asks_what_a_price_function_says,
            ];
            pay: [
                serves_and_charges_once,
                serves_both_versions_on_one_route,
                takes_permit2,
                takes_any_of_several_offers,
                understands_other_spellings,
                charges_nothing_for_errors,
                charges_nothing_for_failures,
                charges_by_status,
                charges_when_the_seller_says,
                can_be_settled_before_serving,
                passes_the_request_body_on,
                gives_nothing_out_if_refused,
                wants_time_to_serve_and_settle,
                wants_a_window_that_is_open_and_short,
                names_payers_canonically,
            ];
            tamper: [
                is_refused_whatever_was_changed,
                is_one_payment_in_every_spelling,
                conflicts_with_the_payment_that_it_was,
                is_told_from_no_payment_at_all,
                is_bounded,
                tells_nothing_of_what_is_inside,
            ];
            concurrent: [
                twenty_are_one,
                two_hundred_are_one,
                only_one_is_served_without_a_reference,
                the_next_one_runs_if_the_first_fails,
                waiting_is_bounded,
                another_request_does_not_wait,
                flights_are_bounded,
            ];
            repeat: [
                gets_the_kept_answer,
                gets_nothing_without_the_reference,
                can_be_paid_without_a_reference,
                is_for_the_same_body,
                does_not_ask_for_the_price,
                honours_a_price_that_was_told,
            ];
        }
    };
    ($app:ty; $($module:ident: [$($behaviour:ident,)*];)*) => {$(
        mod $module {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $behaviour() {
                    $crate::suite::$module::$behaviour::<$app>().await;
                }
            )*
        }
    )*};
}
