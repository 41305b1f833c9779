//! The behaviours. What one of them says is true of every framework, or it is not tested.

pub mod books;
pub mod bypass;
pub mod challenge;
pub mod concurrent;
pub mod disconnect;
pub mod faults;
pub mod files;
pub mod owed;
pub mod pages;
pub mod panics;
pub mod parked;
pub mod pay;
pub mod repeat;
pub mod replicas;
pub mod services;
pub mod stream;
pub mod tamper;
pub mod upto;
pub mod windows;

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
                names_the_server_that_is_asked,
            ];
            pay: [
                serves_and_charges_once,
                serves_both_versions_on_one_route,
                takes_permit2,
                takes_any_of_several_offers,
                understands_other_spellings,
                gives_one_receipt_and_that_is_the_buyers,
                cannot_be_asked_for_twice,
                charges_nothing_for_errors,
                charges_nothing_for_failures,
                charges_by_status,
                charges_when_the_seller_says,
                can_be_settled_before_serving,
                passes_the_request_body_on,
                shows_the_payment_to_nobody,
                gives_nothing_out_if_refused,
                wants_time_to_serve_and_settle,
                wants_a_window_that_is_open_and_short,
                names_payers_canonically,
            ];
            tamper: [
                is_refused_whatever_was_changed,
                is_for_any_resource_unless_the_seller_is_strict,
                is_one_payment_in_every_spelling,
                conflicts_with_the_payment_that_it_was,
                is_told_from_no_payment_at_all,
                is_refused_for_another_token,
                is_bounded,
                tells_nothing_of_what_is_inside,
            ];
            concurrent: [
                twenty_are_one,
                two_hundred_are_one,
                only_one_is_served_without_a_reference,
                only_one_is_served_again,
                the_next_one_runs_if_the_first_fails,
                waiting_is_bounded,
                another_request_does_not_wait,
                the_same_leave_room_for_others,
                slow_bodies_are_in_nobodys_way,
                flights_are_bounded,
                flights_are_bounded_when_they_are_paid_before,
                places_are_for_those_who_have_signed,
                places_are_for_those_who_can_be_charged,
                places_are_for_answers_that_come,
                bodies_are_read_for_payments_only,
                prices_that_do_not_come_are_in_nobodys_way,
                places_are_counted_for_those_who_are_served_again,
                those_in_one_write_are_sold_one_by_one,
            ];
            repeat: [
                gets_the_kept_answer,
                says_how_old_its_answer_is,
                is_the_same_by_http_2,
                is_for_the_same_host_however_it_is_said,
                is_the_same_however_it_is_sent,
                has_no_body_for_head,
                is_known_as_long_as_it_could_be_used,
                gets_nothing_without_the_reference,
                can_be_paid_without_a_reference,
                is_for_the_same_body,
                is_for_the_same_headers,
                is_for_as_many_headers,
                stays_delivered,
                is_encoded_anew,
                gets_the_whole_answer_after_its_head,
                does_not_ask_for_the_price,
                honours_a_price_that_was_told,
                honours_no_price_of_something_else,
                honours_no_price_of_another_host,
                honours_no_price_of_no_host,
            ];
            replicas: [
                serve_what_a_dead_one_was_paid_for,
                owe_what_one_had_in_hand_that_has_died_since,
                charge_nothing_while_a_dead_one_may_have,
                sell_once_more_beside_one_that_lives,
                know_better_what_they_do_themselves,
                say_that_they_serve_again,
                do_not_wait_for_other_orders,
                wait_for_payers_only,
                forget_whoever_does_not_wait,
                charge_nothing_without_a_ledger,
                sell_once_to_whoever_asks_twice,
                say_again_what_was_not_answered,
                owe_nothing_for_another_shop,
                leave_what_another_shop_has_parked,
                forget_what_another_looks_after,
            ];
            disconnect: [
                while_the_payment_is_verified,
                while_the_handler_works,
                while_the_money_moves,
                while_the_answer_is_read,
                or_answers_that_break_off,
                or_prepaid_answers_that_break_off,
                before_the_end_of_a_large_answer,
                before_the_end_of_one_large_piece,
                while_the_ledger_answers,
                while_waiting_for_another,
                again_and_again_fills_no_books,
            ];
            owed: [
                are_served_after_a_reset,
                are_served_if_the_ledger_has_missed_it,
                are_looked_up_again_if_they_are_gone,
                are_served_in_version_1,
                are_served_after_a_timeout,
                are_served_after_leaving_at_its_beginning,
                are_served_after_503,
                are_served_though_they_have_nothing_left,
                are_the_only_ones_to_be_served,
                are_served_what_they_asked_for,
                are_found_by_what_was_ordered,
                are_found_among_a_few,
                are_found_by_an_order_that_failed,
                lose_nothing_to_another_order_that_failed,
                may_order_something_longer,
                may_order_something_else_meanwhile,
                buy_anew_what_was_delivered_meanwhile,
                buy_anew_what_is_delivered_meanwhile,
                are_told_if_nothing_is_left,
                are_told_if_nothing_is_left_in_the_end,
                are_all_to_be_given_back,
                may_buy_twice_at_once,
            ];
            faults: [
                at_verification_cost_nothing,
                may_just_be_delays,
                are_not_believed_in_what_is_no_dollar,
                that_lose_requests_are_asked_again,
                that_lose_answers_are_believed_once,
                that_lose_answers_are_caught_by_a_witness,
                may_have_a_witness_that_says_nothing,
                that_name_a_transaction_tell_a_witness,
                may_be_the_buyers_doing,
                that_say_pending_are_waited_for,
                that_say_pending_may_fall_silent,
                that_say_pending_for_ever_are_given_up,
                that_revert_have_charged_nothing,
                that_refuse_after_a_loss_prove_nothing,
                that_find_an_empty_account_after_a_loss_prove_nothing,
                that_refuse_after_another_look_prove_nothing,
                that_hang_are_asked_again_later,
                that_cannot_be_reached_have_done_nothing,
                do_not_keep_a_server_from_starting,
                are_believed_as_far_as_the_seller_says,
            ];
            panics: [
                of_an_observer_cost_nothing,
                of_a_facilitator_are_in_nobody_elses_way,
                of_a_ledger_pass,
                of_a_ledger_that_is_told_the_end_are_not_the_end,
                of_a_ledger_that_hears_of_a_settlement_lose_none,
            ];
            parked: [
                are_in_nobodys_way_if_they_hang,
                are_not_settled_by_who_may_have_lost_them,
                are_given_up_though_they_have_no_end,
                are_forgotten_though_they_have_no_end,
                are_begun_in_time_though_they_have_no_end,
                are_given_up_though_nobody_knows_their_scheme,
            ];
            services: [
                that_time_out_are_asked_again_later,
                that_answer_too_late_charge_once,
                that_are_limited_serve_everybody,
            ];
            pages: [
                read_whatever_a_gate_says,
                ask_before_they_pay,
                share_nothing_that_was_paid_for,
            ];
            stream: [
                begins_right_after_settlement,
                begins_with_nothing_before_settlement,
                is_kept_while_it_is_small,
                ends_where_it_says,
                is_as_long_as_it_is,
                is_over_though_it_does_not_end,
                may_have_trailers,
                is_owed_when_it_breaks_off_late,
                can_be_an_upgraded_connection_by_http_1_1_alone,
                can_be_an_upgraded_connection,
            ];
            books: [
                that_are_full_take_no_more,
                that_are_down_let_nothing_through,
                that_go_down_stop_settlements,
                that_cannot_begin_give_the_payment_back,
                that_gave_a_payment_to_somebody_else,
                that_cannot_commit_learn_it_later,
                that_cannot_commit_for_long_believe_who_has_delivered,
                that_miss_a_delivery_are_told_again,
                that_miss_a_release_are_told_again,
                that_miss_a_refusal_ask_for_no_other_payment,
                that_miss_the_end_of_a_forgery_are_told_again,
                that_cannot_park_are_told_again,
                are_closed_by_draining,
                that_are_open_are_told_by_draining,
                that_take_time_are_waited_for_by_draining,
                that_cannot_commit_are_waited_for_by_draining,
            ];
            bypass: [
                is_no_other_spelling_of_a_path,
                is_no_other_method,
                is_no_header_that_names_another_path,
                is_no_cheaper_neighbour,
            ];
            upto: [
                offers_a_limit_in_version_2_alone,
                charges_what_was_metered,
                charges_the_limit_if_nothing_was_said,
                charges_nothing_for_zero,
                tells_the_handler_what_is_too_much,
                ends_with_the_answer,
                ends_with_the_answer_that_is_made_again,
                charges_nothing_for_errors,
                wants_permit2_to_be_allowed,
                is_asked_for_again_as_it_was,
                is_looked_after_as_it_was,
                is_witnessed_as_it_was,
                is_verified_again_to_the_limit,
                is_charged_once,
                can_be_served_again,
                is_what_was_charged_when_it_is_served_again,
                is_not_mistaken_for_a_fixed_price,
                shares_its_nonces_with_fixed_prices,
                is_refused_whatever_was_changed,
                is_settled_by_any_account_of_the_facilitator,
                is_never_settled_before_serving,
                can_be_what_a_price_function_says,
            ];
            files: [
                are_sold_in_parts,
                cost_nothing_if_there_is_nothing_to_give,
            ];
            windows: [
                that_never_open_get_nothing,
                that_open_a_little_get_a_little,
                that_open_late_get_all,
                of_many_streams_share_one_payment,
                that_are_left_are_bought_once,
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
