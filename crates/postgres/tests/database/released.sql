-- What the last release sends, and its migrations with the SHA-256 of their texts. Written with the release, by
-- `OSLIRA_CUT_RELEASE=<tag> cargo xtask test -- -p oslira-postgres --test database releases`, and never by hand:
-- docs/upgrading.md says what it is for.

-- release v0.1.0
-- migration 20261125100000_roles_and_schemas.sql 8c9ba99d4f883c16e7f31b8199a3c457e53cfed3a1a0ba75587276473b0cb00f
-- migration 20261125100100_plans_and_prices.sql 1f97869a3c698ca3300e106ce4ed64e8025f5646fbdd281e0fed1b25947b64eb
-- migration 20261125100150_permissions.sql adca17313ef0329147605909b28753498c487c868b705dae2afa34c5435d62e2
-- migration 20261125100200_accounts.sql 08bd61d828d3a7a893d2039b9520f27a0e4fbc99fb6eb7ba066121206b4ccded
-- migration 20261125100300_business_profiles.sql 86ef43b50d4446575956bb8802b18a04b858b51b89b51a4bed932837b655f799
-- migration 20261125100400_leads.sql 5691ec64d79abb93ad703332c2d32664417a8b2c0d6d3d4481fac1cf1c181dcb
-- migration 20261125100420_erased_subjects.sql 8393430406b33902b0cac148257b7559912dc997811f7ffe83386d1c575cd89f
-- migration 20261125100450_bulk_runs.sql fee78eb2438bc1029b8b87275ecf25dd3183b16c8796c68fceedc03906aa366d
-- migration 20261125100500_runs.sql 795a1540da6dea542606bb3b1182b963de5f20e55fcd609423316ccef9ee6d68
-- migration 20261125100550_subscriptions.sql 90d78b9fe68ddc60db13fe53df7bd46cba5872b398866721fec2a7fcc1d96772
-- migration 20261125100560_payments.sql be4038acb56efeb1a9d8008c3ffbaefd7fc55942ed445bd4e05a105565c6112f
-- migration 20261125100600_ledger.sql 89cce69b48a6026f26ea9afe2b7ea3f9695e9d7ac0b304c47bba5f1ae0948e99
-- migration 20261125100650_top_ups.sql 367a142e48cb0d7db82ed02bf1a3480983eee69c0e2953f8f06b1dfdd729347c
-- migration 20261125100700_analyses.sql 68f1f243deb362934978c6bd1b6bd7787c13b718174f988394ff1301811ffd17
-- migration 20261125100800_usage_logs.sql 75a56a41f6cd4b39551d43f6b64dbd777d5ffb14152fd3491edef72884e32635
-- migration 20261125100900_sign_up.sql ba188c014f33343e2f34d1a57951d8c8db5702a45d07692799a995aec0dcc941
-- migration 20261125101000_circuit_breaker.sql 44948eb908f4d610178a8de5e6bcc987e1383a1f55755e30e095190e0d3fb5f5
-- migration 20261125101100_model_lifecycles.sql ab1c75f1aeaf590b63669c5ddcb54776828a9b6c6f2678245a1448cbe722ea4a
-- migration 20261125101200_daily_cap.sql 5dedab2b251738703bb2bcda2d849893ddc3160b806d97c065a11620c1baad1a
-- migration 20261125101300_run_transitions.sql 114037cbc8cd5297d1085f65a75e9e795b591744c0779b52fcf764a9493e3170
-- migration 20261125101400_begin_analysis.sql f8dcf3537ffb1b521940b3255f8cdbbb858e91b3311f50b28463d89263f93855
-- migration 20261125101500_complete_run.sql 8a113aba30709b29a19aa9341e64c4a71c93e70c9e0996cb19cdf2f0a4f15a66
-- migration 20261125101600_stale_analyses.sql 3a2c70493ee31b809805b8bcef17e75ced2a00c4c2545a8a60aa522509b811c0
-- migration 20261125101700_business_profile_functions.sql 9600e0f58d2faeffc12712ce3be4f4edd03e72fefdae49830e926f58a77f75ee
-- migration 20261125101800_delete_lead.sql 50ba7cfa7fef4b757933229f07ac9d52ba1d727c7271dbced5eb8740d486525e
-- migration 20261125101900_run_costs.sql e6d82e41c398f6f8a8784d625d2b898d62e3e3dd5f0e1152b18350fe5040268f
-- migration 20261125102000_search_leads.sql d9876716a90b3bf4a8b1b17d40382a7bfdc1bd7d08e22e6eddf4a13dd558d52f
-- migration 20261125102100_personal_data.sql cee59f60484d6b18acc32685af5e9e8aace527b1fc3521cc6d8d2ae81e68058d
-- migration 20261126100000_lead_outcomes.sql 4a6f9211219bf2d2d4ff013d0cc001ddee19a44b93923087bf3e66a548af75c5
-- migration 20261126100100_begin_bulk.sql 805e5e76b55f7798b95d7f1be0ec5f6561037a372ddcce30132845478c1754af
-- migration 20261126100200_bulk_transitions.sql 97f6db78113968483ad257551ed4cfcfe65af4741feddf26a6ec083038afb1dc
-- migration 20261126110000_job_runs.sql 44108ff6f5126bcd00a858d5f91bdca77e7ea8c6bc9f18fc792da2f09a297534
-- migration 20261126110100_clean_up.sql 8d721736c8fd488ee15607192862c94f9e2e4b3953ce39d51d6492418d0f94d4
-- migration 20261126120000_billing.sql c6e72e08a024d04ab0e614c62ab4962de341d0f398ea5ed74f04d5c6ac936501
-- migration 20261126120100_webhook_events.sql ec07a1f75ab57ce6058e0684d8cf587cc4beba43ebe210997b0b882da21dfb61
-- migration 20261126120200_apply_event.sql df91dec6b813f1452322da9a5f6436ce5ce223c5366cb0c516b39100fafae893
-- migration 20261126120300_renewals.sql c4f782cbfed03c4e8705e04ce03a343bca330cb5ce0acfe5c6bf44fd8c5549ee
-- migration 20261127100000_members.sql 8ce1423e823841e438e168a093d66fc4cbc2d20cf2d66a200e7228463557bc3a
-- migration 20261127100100_api_keys.sql 644a0896f3ae04cee2a5b479d5fdf37738e0b3d2db8ae10b19bcd145f63a8555
-- migration 20261127100150_ghosts.sql b6c3346a410d8b059ca2708a83bcb0e351837f4f33b2db265ef91b409e537b6c
-- migration 20261127100200_lead_work.sql efe5a6bb2cb333b42f6098bfa39918c1f867e781a597541b7bc396e0b5c8f640
-- migration 20261127100210_lead_filters.sql c96930e6f67c73cace981b8d4037c72d0eb198e72a176315a4bb0568f2078579
-- migration 20261127100300_close_account.sql 726426e6e11b6d1dd98bf4eb41cbe9d9914d257cea1d819d811a50be1a900150
-- migration 20261127100310_export_account.sql d9c6f7ab0bc8e2733397f6e0e09b03763a667b48ed1d52c7c924a090b839ca72
-- migration 20261127100320_card_fingerprints.sql 7e7c2fad8c331d3591f8fe87a567eb6d9d29a22cd57c25fe0486922212fb6777
-- migration 20261127100400_operators.sql 46a232a13c24df02d7c9c349b633dc6b95dc0a3f06aaa50d1485b55e841f9529
-- migration 20261127100410_erasure.sql dbec2e4febae57b111dab968fb5c973a7fb493ee4693901ae52aa8e6a0797a9a
-- migration 20261127100500_operator_commands.sql 41158a59bf80db6609b8b3e4c443d95369d0e9b82a63fd2a1f3e4452340174de
-- migration 20261127100510_insights.sql 602e0cdc02696eaf341059d0479383d43198e9e00f31d731a0c74ebe2c84facf
-- migration 20261127100520_alarms.sql 9df55725f09b317c79903052c765177cac757a04b07177ae9ad38da81a4590a5
-- migration 20261127100530_diagnostics.sql 17d2608c7d61babbda0a99f052ddaa03d341353e8b7e1f024555f31932b5e248

-- role service_role
prepare "admin run_state.RUN_STATE" (text) as
select jsonb_build_object('account_id', r.account_id, 'status', r.status, 'phase', r.phase, 'error_message', r.error_message) from public.runs r where r.id = $1::uuid;

-- role service_role
prepare "admin/alarms.check" (text, text) as
select system.check_alarms($1::jsonb, $2::timestamptz);

-- role service_role
prepare "admin/alarms.note_dead_letters" (text, text) as
select to_jsonb(true) from system.note_dead_letters($1, $2::integer);

-- role service_role
prepare "admin/alarms.note_told" (text) as
select to_jsonb(system.note_alarms_told($1::jsonb));

-- role service_role
prepare "admin/billing.apply" (text, text) as
select system.apply_event($1, $2::jsonb);

-- role service_role
prepare "admin/billing.attempt_top_up" (text) as
select coalesce(system.attempt_top_up($1::uuid), 'null');

-- role service_role
prepare "admin/billing.claim" (text) as
select system.claim_events($1::integer);

-- role service_role
prepare "admin/billing.correct" (text) as
select to_jsonb(system.correct_subscription($1::jsonb));

-- role service_role
prepare "admin/billing.differing" (text) as
select system.differing_subscriptions($1::jsonb);

-- role service_role
prepare "admin/billing.end_grants" (text, text) as
select to_jsonb(system.end_grants($1::timestamptz, $2::integer));

-- role service_role
prepare "admin/billing.missed" (text) as
select system.missed_events($1::jsonb);

-- role service_role
prepare "admin/billing.note_cards" (text, text, text) as
select to_jsonb(system.note_cards($1::uuid, $2::jsonb, $3::timestamptz));

-- role service_role
prepare "admin/billing.open_top_ups" (text) as
select system.open_top_ups($1::integer);

-- role service_role
prepare "admin/billing.payers_of" (text) as
select system.unnoted_payers($1, null, 1);

-- role service_role
prepare "admin/billing.put_off" (text, text, text) as
select to_jsonb(true) from system.put_off_event($1, $2::boolean, $3);

-- role service_role
prepare "admin/billing.receive" (text, text, text, text, text, text) as
select to_jsonb(system.receive_event($1, $2, $3, $4, $5::boolean, $6::timestamptz));

-- role service_role
prepare "admin/billing.renew" (text, text) as
select to_jsonb(system.renew_subscription($1::uuid, $2::timestamptz));

-- role service_role
prepare "admin/billing.renewable" (text, text, text) as
select system.renewable_subscriptions($1::timestamptz, $2::uuid, $3::integer);

-- role service_role
prepare "admin/billing.settle_top_up" (text) as
select system.settle_top_up($1::jsonb);

-- role service_role
prepare "admin/billing.unknown_prices" (text) as
select system.unknown_prices($1::jsonb);

-- role service_role
prepare "admin/billing.unnoted_payers" (text, text) as
select system.unnoted_payers(null, $1::uuid, $2::integer);

-- role service_role
prepare "admin/bulks.beat_unstarted" (text, text) as
select system.beat_unstarted($1::uuid, $2::uuid[]);

-- role service_role
prepare "admin/bulks.end_finished" (text) as
select to_jsonb(system.end_finished_bulks($1::bigint));

-- role service_role
prepare "admin/bulks.tend" (text) as
select system.tend_bulk($1::uuid);

-- role service_role
prepare "admin/erasures.end" (text, text) as
select to_jsonb(system.end_erasure($1::uuid, $2::timestamptz));

-- role service_role
prepare "admin/erasures.end_runs" (text, text) as
select system.end_runs_of_subject($1::uuid, $2::integer);

-- role service_role
prepare "admin/erasures.erase" (text, text, text) as
select system.erase_subject($1::uuid, $2::integer, $3::uuid[]);

-- role service_role
prepare "admin/erasures.erase_from_bulks" (text, text) as
select to_jsonb(system.erase_from_bulks($1::uuid, $2::integer));

-- role service_role
prepare "admin/erasures.note_id" (text, text) as
select system.note_subject($1::uuid, $2);

-- role service_role
prepare "admin/erasures.take_up" (text) as
select system.take_up_erasures($1::integer);

-- role service_role
prepare "admin/insights.sum_up" (text) as
select system.sum_up($1::timestamptz);

-- role service_role
prepare "admin/jobs.begin" (text, text) as
select to_jsonb(system.begin_job($1, $2::timestamptz));

-- role service_role
prepare "admin/jobs.end" (text, text, text) as
select to_jsonb(system.end_job($1::bigint, $2::jsonb, $3));

-- role service_role
prepare "admin/models.record" (text) as
select to_jsonb(true) from system.record_model_lifecycles($1::jsonb);

-- role service_role
prepare "admin/profiles.abandoned" (text, text, text, text, text) as
select to_jsonb(u) from system.abandoned_pictures($1::timestamptz, $2::timestamptz, $3::timestamptz, $4, $5::bigint) u;

-- role service_role
prepare "admin/profiles.forget_changes" (text) as
select to_jsonb(system.forget_profile_changes($1::timestamptz));

-- role service_role
prepare "admin/remains.remove" (text, text) as
select to_jsonb(system.remove_ghosts($1::timestamptz, $2::integer));

-- role service_role
prepare "admin/remains.remove 10" (text, text) as
select to_jsonb(system.remove_invitations($1::timestamptz, $2::integer));

-- role service_role
prepare "admin/remains.remove 11" (text, text) as
select to_jsonb(system.release_left_owners($1::timestamptz, $2::integer));

-- role service_role
prepare "admin/remains.remove 12" (text, text) as
select to_jsonb(system.forget_bulk_keys($1::timestamptz, $2::integer));

-- role service_role
prepare "admin/remains.remove 13" (text, text) as
select to_jsonb(system.forget_proofs($1::timestamptz, $2::integer));

-- role service_role
prepare "admin/remains.remove 14" (text, text) as
select to_jsonb(system.remove_job_runs($1::timestamptz, $2::integer));

-- role service_role
prepare "admin/remains.remove 2" (text, text) as
select to_jsonb(system.remove_analyses($1::timestamptz, $2::integer));

-- role service_role
prepare "admin/remains.remove 3" (text, text) as
select to_jsonb(system.remove_leads($1::timestamptz, $2::integer));

-- role service_role
prepare "admin/remains.remove 4" (text, text) as
select to_jsonb(system.remove_business_profiles($1::timestamptz, $2::integer));

-- role service_role
prepare "admin/remains.remove 5" (text, text) as
select to_jsonb(system.empty_business_profiles($1::timestamptz, $2::integer));

-- role service_role
prepare "admin/remains.remove 6" (text, text) as
select to_jsonb(system.erase_accounts($1::timestamptz, $2::integer));

-- role service_role
prepare "admin/remains.remove 7" (text, text) as
select to_jsonb(system.remove_scrape_logs($1::timestamptz, $2::integer));

-- role service_role
prepare "admin/remains.remove 8" (text, text) as
select to_jsonb(system.remove_ai_usage($1::timestamptz, $2::integer));

-- role service_role
prepare "admin/remains.remove 9" (text, text) as
select to_jsonb(system.forget_payloads($1::timestamptz, $2::integer));

-- role service_role
prepare "admin/runs.advance" (text, text) as
select system.advance_run($1::uuid, $2);

-- role service_role
prepare "admin/runs.claim_silent" (text, text) as
select system.claim_silent_runs(make_interval(secs => $1::float8), $2::integer);

-- role service_role
prepare "admin/runs.complete" (text, text, text) as
select system.complete_run($1::uuid, $2::jsonb, $3::jsonb);

-- role service_role
prepare "admin/runs.fail" (text, text, text) as
select system.fail_run($1::uuid, $2, $3);

-- role service_role
prepare "admin/runs.mark_stale" (text, text) as
select to_jsonb(system.mark_stale($1, $2::timestamptz));

-- role service_role
prepare "admin/runs.note_woken" (text) as
select to_jsonb(system.note_woken(array(select jsonb_array_elements_text($1::jsonb)::uuid)));

-- role service_role
prepare "admin/runs.record_usage" (text, text, text, text) as
select to_jsonb(system.record_usage($1::uuid, $2, $3, $4::jsonb));

-- role service_role
prepare "admin/runs.refuse_erased" (text, text, text) as
select to_jsonb(system.refuse_erased($1, $2, $3));

-- role service_role
prepare "admin/runs.report_outage" (text, text, text) as
select system.report_outage($1, $2, $3::uuid);

-- role service_role
prepare "admin/runs.sweep" (text, text, text) as
select system.sweep_stale_runs(make_interval(secs => $1::float8), make_interval(secs => $2::float8), $3::integer);

-- role service_role
prepare "admin/runs.take_up" (text) as
/* system.advance_run */ select case when (a.answer ->> 'active')::boolean then jsonb_build_object('account_id', r.account_id, 'username', r.username, 'analysis_type', r.analysis_type, 'business', to_jsonb(bp) || jsonb_build_object('ideal_customer', to_jsonb(bp)), 'paused', system.paused_services()) else 'null' end from system.advance_run($1::uuid, 'cache') as a (answer) join public.runs r on r.id = $1::uuid left join public.business_profiles bp on bp.id = r.business_profile_id;

-- role operator
prepare "operator/accounts.account" (text, text) as
select operator.find_account($1::uuid, $2);

-- role operator
prepare "operator/accounts.accounts_of" (text, text) as
select operator.find_accounts_of($1, $2);

-- role operator
prepare "operator/accounts.actions" (text, text, text) as
select operator.list_actions($1::bigint, $2::integer, $3);

-- role operator
prepare "operator/commands.adjust" (text, text, text, text) as
select operator.adjust_credits($1::uuid, $2::integer, $3, $4);

-- role operator
prepare "operator/commands.block" (text, text) as
select operator.block_account($1::uuid, $2);

-- role operator
prepare "operator/commands.drop_event" (text, text) as
select operator.drop_event($1, $2);

-- role operator
prepare "operator/commands.fail_run" (text, text) as
select operator.fail_run($1::uuid, $2);

-- role operator
prepare "operator/commands.pause" (text, text, text) as
select operator.pause_service($1, $2::timestamptz, $3);

-- role operator
prepare "operator/commands.pauses" (text) as
select operator.list_pauses($1);

-- role operator
prepare "operator/commands.refund_run" (text, text) as
select operator.refund_run($1::uuid, $2);

-- role operator
prepare "operator/commands.replay_event" (text, text) as
select operator.replay_event($1, $2);

-- role operator
prepare "operator/commands.resume" (text, text) as
select operator.resume_service($1, $2);

-- role operator
prepare "operator/commands.unblock" (text, text) as
select operator.unblock_account($1::uuid, $2);

-- role operator
prepare "operator/commands.wake_run" (text, text) as
select operator.wake_run($1::uuid, $2);

-- role operator
prepare "operator/diagnostics.begin_round_trips" (text, text) as
select operator.measure_round_trips($1::integer, $2);

-- role operator
prepare "operator/diagnostics.health" (text, text, text) as
select operator.health_summary($1::timestamptz, $2::jsonb, $3);

-- role operator
prepare "operator/diagnostics.run_timings" (text, text) as
select operator.find_run_timings($1::uuid, $2);

-- role operator
prepare "operator/erasures.begin" (text, text, text, text, text) as
select operator.begin_erasure($1::uuid, $2, $3, $4, $5);

-- role operator
prepare "operator/erasures.find" (text, text) as
select operator.find_erasure($1::uuid, $2);

-- role operator
prepare "operator/insights.insight" (text, text, text) as
select operator.insight_latency($1::integer, $2::date, $3);

-- role operator
prepare "operator/insights.insight 2" (text, text, text) as
select operator.insight_costs($1::integer, $2::date, $3);

-- role operator
prepare "operator/insights.insight 3" (text, text, text) as
select operator.insight_cache($1::integer, $2::date, $3);

-- role operator
prepare "operator/insights.insight 4" (text, text, text) as
select operator.insight_errors($1::integer, $2::date, $3);

-- role operator
prepare "operator/insights.insight 5" (text, text, text) as
select operator.insight_drivers($1::integer, $2::date, $3);

-- role authenticated
prepare "run_state.RUN_STATE" (text) as
select jsonb_build_object('account_id', r.account_id, 'status', r.status, 'phase', r.phase, 'error_message', r.error_message) from public.runs r where r.id = $1::uuid;

-- role login
prepare "session.CLOCK" as
select session.clock();

-- role login
prepare "session.RUN_AS" (text, text, text, text[]) as
select session.run_as($1, $2, $3, $4) where clock_timestamp() is not null;

-- role authenticated
prepare "tenant/account.account" (text) as
select api.account($1::uuid);

-- role authenticated
prepare "tenant/account.close" (text, text) as
select api.close_account($1::uuid, $2);

-- role authenticated
prepare "tenant/account.exported_rows" (text, text, text) as
select api.export_rows($1::uuid, $2, $3::jsonb);

-- role authenticated
prepare "tenant/account.exported_tables" (text) as
select coalesce(api.exported_tables($1::uuid), 'null');

-- role authenticated
prepare "tenant/account.restore" (text) as
select api.restore_account($1::uuid);

-- role authenticated
prepare "tenant/billing.alerts" (text) as
select coalesce(api.credit_alerts($1::uuid), 'null');

-- role authenticated
prepare "tenant/billing.begin_purchase" (text, text, text, text) as
select api.begin_purchase($1::uuid, $2::uuid, $3, $4);

-- role authenticated
prepare "tenant/billing.catalogue" as
select jsonb_build_object( 'plans', (select coalesce(jsonb_agg(to_jsonb(p) order by p.month_price_cents), '[]') from public.plans p where p.month_price_cents is not null), 'packs', (select coalesce(jsonb_agg(to_jsonb(c) order by c.price_cents), '[]') from public.credit_packs c));

-- role authenticated
prepare "tenant/billing.customer" (text) as
select api.billing_customer($1::uuid);

-- role authenticated
prepare "tenant/billing.link_customer" (text, text) as
select api.link_customer($1::uuid, $2);

-- role authenticated
prepare "tenant/billing.set_alerts" (text, text, text) as
select api.set_credit_alerts($1::uuid, $2::integer, $3::jsonb);

-- role authenticated
prepare "tenant/billing.subscriptions" (text) as
select jsonb_build_object('plan', s.plan_id, 'plan_name', p.name, 'status', s.status, 'interval', s.billing_interval, 'monthly_credits', p.monthly_credits, 'current_period_starts_at', s.current_period_starts_at, 'current_period_ends_at', s.current_period_ends_at, 'cancel_at', s.cancel_at, 'ended_at', s.ended_at, 'is_managed_by_stripe', s.stripe_subscription_id is not null) from public.subscriptions s join public.plans p on p.id = s.plan_id where s.account_id = $1::uuid order by s.created_at desc, s.id limit 20;

-- role authenticated
prepare "tenant/bulks.begin" (text, text, text, text, text, text, text, text, text) as
select api.begin_bulk($1::uuid, $2::uuid, $3::jsonb, $4::uuid, $5, $6::jsonb, $7, $8, $9::jsonb);

-- role authenticated
prepare "tenant/bulks.cancel" (text, text) as
select api.cancel_bulk($1::uuid, $2::boolean);

-- role authenticated
prepare "tenant/bulks.failed_lines" (text, text) as
select coalesce((select jsonb_agg(jsonb_build_object('line', r.bulk_line, 'username', r.username) order by r.bulk_line) from public.runs r where r.bulk_id = b.id and r.account_id = b.account_id and r.status = 'failed' and r.username <> 'erased..'), '[]') from public.bulk_runs b where b.id = $2::uuid and b.account_id = $1::uuid;

-- role authenticated
prepare "tenant/bulks.get" (text, text) as
with who as (select s.* from api.spenders($1::uuid, array( select r.created_by from public.runs r where r.bulk_id = $2::uuid and r.account_id = $1::uuid union select b.created_by from public.bulk_runs b where b.id = $2::uuid and b.account_id = $1::uuid)) s) select jsonb_build_object('id', b.id, 'account_id', b.account_id, 'spent_by', (select w.spender from who w where w.id = b.created_by), 'business_profile_id', b.business_profile_id, 'analysis_type', b.analysis_type, 'status', s.status, 'credits_each', b.credits_each, 'credits_spent', coalesce(i.spent, 0), 'refund_if_cancelled', api.refund_if_cancelled(b.id), 'items', coalesce(i.items, '[]'), 'held', (b.answer -> 'held') || coalesce(b.continued -> 'held', '[]'), 'skipped', (b.answer -> 'skipped') || coalesce(b.continued -> 'skipped', '[]'), 'waiting', coalesce((select jsonb_agg(w.line - 'run_id') from jsonb_array_elements(b.rest) as w (line) where s.status <> 'complete'), '[]'), 'continue_until', b.continue_until, 'created_at', b.created_at, 'finished_at', coalesce(b.finished_at, case when s.status = 'complete' then i.finished_at end)) from public.bulk_runs b cross join lateral (select case when b.status <> 'processing' then b.status when exists (select from public.runs r where r.bulk_id = b.id and r.status in ('pending', 'processing')) then 'processing' when b.rest is null or b.continue_until <= clock_timestamp() then 'complete' else 'awaiting_continue' end as status) s cross join lateral ( select sum(r.credits) filter (where r.charge_outcome is distinct from 'refunded') as spent, max(r.finished_at) as finished_at, jsonb_agg(jsonb_build_object('line', r.bulk_line, 'run_id', r.id, 'username', r.username, 'status', r.status, 'spent_by', (select w.spender from who w where w.id = r.created_by), 'phase', r.phase, 'credits', r.credits, 'charge_outcome', r.charge_outcome, 'error', case when r.error_code is not null then jsonb_build_object('code', r.error_code, 'message', r.error_message) end, 'lead_id', r.lead_id, 'score', a.score, 'summary', a.summary) order by r.bulk_line) as items from public.runs r left join public.analyses a on a.run_id = r.id and a.account_id = r.account_id and a.deleted_at is null where r.bulk_id = b.id and r.account_id = b.account_id) i where b.id = $2::uuid and b.account_id = $1::uuid;

-- role authenticated
prepare "tenant/bulks.go_on" (text, text) as
select api.continue_bulk($1::uuid, $2::jsonb);

-- role authenticated
prepare "tenant/bulks.progress" (text) as
select jsonb_build_object('status', s.status, 'waiting', coalesce(jsonb_array_length(b.rest), 0), 'ended', i.ended, 'active', coalesce(i.active, '[]')) from public.bulk_runs b cross join lateral (select case when b.status <> 'processing' then b.status when exists (select from public.runs r where r.bulk_id = b.id and r.status in ('pending', 'processing')) then 'processing' when b.rest is null or b.continue_until <= clock_timestamp() then 'complete' else 'awaiting_continue' end as status) s cross join lateral ( select count(*) filter (where r.status not in ('pending', 'processing')) as ended, jsonb_agg(r.phase) filter (where r.status in ('pending', 'processing')) as active from public.runs r where r.bulk_id = b.id and r.account_id = b.account_id) i where b.id = $1::uuid;

-- role authenticated
prepare "tenant/bulks.stale_leads" (text, text, text) as
select to_jsonb(l.username) from public.leads l where l.account_id = $1::uuid and l.business_profile_id = $2::uuid and l.is_stale and l.deleted_at is null order by l.score desc, l.id desc limit $3::bigint;

-- role authenticated
prepare "tenant/bulks.type_of" (text) as
select to_jsonb(b.analysis_type) from public.bulk_runs b where b.id = $1::uuid;

-- role authenticated
prepare "tenant/bulks.unstarted" (text) as
select to_jsonb(r.id) from public.runs r where r.bulk_id = $1::uuid and r.status in ('pending', 'processing') and coalesce(r.phase, 'cache') = 'cache';

-- role authenticated
prepare "tenant/business_profiles.create" (text, text, text, text) as
select api.create_business_profile($1::uuid, $2::jsonb, $3, $4);

-- role authenticated
prepare "tenant/business_profiles.delete" (text, text) as
select api.delete_business_profile($1::uuid, $2::uuid);

-- role authenticated
prepare "tenant/business_profiles.get" (text, text) as
select to_jsonb(bp) || jsonb_build_object('ideal_customer', to_jsonb(bp)) from public.business_profiles bp where bp.account_id = $1::uuid and bp.id = $2::uuid and bp.deleted_at is null;

-- role authenticated
prepare "tenant/business_profiles.list" (text, text, text, text) as
select to_jsonb(bp) || jsonb_build_object('ideal_customer', to_jsonb(bp)) from public.business_profiles bp where bp.account_id = $1::uuid and bp.deleted_at is null and ($2::text is null or (bp.created_at, bp.id) < ($2::timestamptz, $3::uuid)) order by bp.created_at desc, bp.id desc limit $4::bigint;

-- role authenticated
prepare "tenant/business_profiles.update" (text, text, text, text) as
select api.update_business_profile($1::uuid, $2::uuid, $3::jsonb, $4::integer);

-- role authenticated
prepare "tenant/credits.balance" (text) as
select jsonb_build_object('account_id', b.account_id, 'owed', b.owed, 'balance', (b.balance - (select coalesce(sum(g.remaining), 0) from public.credit_grants g where g.account_id = b.account_id and g.has_rest and g.expires_at <= clock_timestamp())), 'held', (select coalesce(sum(r.credits), 0) from public.runs r where r.account_id = b.account_id and r.status in ('pending', 'processing'))) from public.credit_balances b where b.account_id = $1::uuid;

-- role authenticated
prepare "tenant/credits.budget" (text) as
select coalesce(api.daily_budget($1::uuid), 'null');

-- role authenticated
prepare "tenant/credits.grants" (text, text, text) as
select jsonb_build_object('id', g.id, 'source', g.source, 'amount', g.amount, 'remaining', case when g.expires_at <= clock_timestamp() then 0 else g.remaining end, 'priority', g.priority, 'state', case when g.expires_at <= clock_timestamp() then 'expired' when g.has_rest then 'live' else 'spent' end, 'expires_at', g.expires_at, 'created_at', g.created_at) from public.credit_grants g where g.account_id = $1::uuid and ($2::bigint is null or g.id < $2::bigint) order by g.id desc limit $3::bigint;

-- role authenticated
prepare "tenant/credits.set_daily_cap" (text, text) as
select api.set_daily_cap($1::uuid, $2::integer);

-- role authenticated
prepare "tenant/credits.transactions" (text, text, text) as
with page as ( select t.*, r.id as of_run, r.charge_outcome, r.created_by from public.credit_transactions t left join public.runs r on r.id = t.run_id and r.account_id = $1::uuid where t.account_id = $1::uuid and ($2::bigint is null or t.id < $2::bigint) order by t.id desc limit $3::bigint) select jsonb_build_object('id', t.id, 'kind', t.kind, 'amount', t.amount, 'balance_after', t.balance_after, 'run_id', t.run_id, 'description', t.description, 'created_at', t.created_at, 'state', case when t.kind = 'charge' then case t.charge_outcome when 'refunded' then 'returned' when 'result' then 'spent' when 'kept' then 'spent' else case when t.of_run is not null then 'held' end end end, 'spent_by', s.spender) from page t left join api.spenders($1::uuid, array(select p.created_by from page p)) s on s.id = t.created_by order by t.id desc;

-- role authenticated
prepare "tenant/estimate.measure" (text, text) as
with recent as materialized ( select extract(epoch from r.finished_at - r.created_at)::float8 as seconds, (select true from public.scrape_logs l where l.run_id = r.id and l.account_id = $1::uuid limit 1) is not null as cold from public.runs r where r.account_id = $1::uuid and r.analysis_type = $2 and r.status = 'complete' and r.finished_at > r.created_at order by r.id desc limit 50 ), measured as ( select percentile_cont(array[0.5, 0.9]) within group (order by seconds) as "all", count(*) as all_runs, percentile_cont(array[0.5, 0.9]) within group (order by seconds) filter (where cold) as cold, count(*) filter (where cold) as cold_runs, percentile_cont(array[0.5, 0.9]) within group (order by seconds) filter (where not cold) as cached, count(*) filter (where not cold) as cached_runs from recent ) select jsonb_build_object('credits_each', p.credits, 'price_usd_each', p.price_usd, 'balance', (b.balance - (select coalesce(sum(g.remaining), 0) from public.credit_grants g where g.account_id = b.account_id and g.has_rest and g.expires_at <= clock_timestamp())), 'daily_cap', d.budget -> 'daily_cap', 'used_today', d.budget -> 'used_today', 'all', case when m.all_runs > 0 then jsonb_build_object('p50', m."all"[1], 'p90', m."all"[2], 'based_on_runs', m.all_runs) end, 'cold', case when m.cold_runs > 0 then jsonb_build_object('p50', m.cold[1], 'p90', m.cold[2], 'based_on_runs', m.cold_runs) end, 'cached', case when m.cached_runs > 0 then jsonb_build_object('p50', m.cached[1], 'p90', m.cached[2], 'based_on_runs', m.cached_runs) end) from public.analysis_prices p cross join public.credit_balances b cross join measured m cross join api.daily_budget($1::uuid) as d (budget) where p.analysis_type = $2 and b.account_id = $1::uuid and d.budget is not null;

-- role authenticated
prepare "tenant/insights.insight" (text, text, text) as
select coalesce(api.insight_latency($1::uuid, $2::integer, $3::date), 'null');

-- role authenticated
prepare "tenant/insights.insight 2" (text, text, text) as
select coalesce(api.insight_costs($1::uuid, $2::integer, $3::date), 'null');

-- role authenticated
prepare "tenant/insights.insight 3" (text, text, text) as
select coalesce(api.insight_cache($1::uuid, $2::integer, $3::date), 'null');

-- role authenticated
prepare "tenant/insights.insight 4" (text, text, text) as
select coalesce(api.insight_errors($1::uuid, $2::integer, $3::date), 'null');

-- role authenticated
prepare "tenant/insights.insight 5" (text, text, text) as
select coalesce(api.insight_drivers($1::uuid, $2::integer, $3::date), 'null');

-- role authenticated
prepare "tenant/lead_filters.change_filter" (text, text, text, text, text) as
select api.change_lead_filter($1::uuid, $2::uuid, $3, $4::jsonb, $5::integer);

-- role authenticated
prepare "tenant/lead_filters.delete_filter" (text, text) as
select api.delete_lead_filter($1::uuid, $2::uuid);

-- role authenticated
prepare "tenant/lead_filters.filters" (text) as
select to_jsonb(f) - 'account_id' from public.lead_filters f where f.account_id = $1::uuid order by lower(f.name), f.id;

-- role authenticated
prepare "tenant/lead_filters.save_filter" (text, text, text) as
select api.save_lead_filter($1::uuid, $2, $3::jsonb);

-- role authenticated
prepare "tenant/leads.are_more_than list newest" (text, text, text, text, text, text, text, text, text, text, text, text, text) as
select to_jsonb(count(*)) from (select f.id, row_number() over (order by f.created_at desc, f.id desc) as place from public.leads f where f.account_id = $1::uuid and f.deleted_at is null and ($2::uuid is null or f.business_profile_id = $2::uuid) and ($3::integer is null or f.score >= $3::integer) and ($4::integer is null or f.score <= $4::integer) and ($5::text is null or $5::text = any (f.analysis_types)) and ($6::boolean is null or f.is_stale = $6::boolean) and ($11::text is null or f.status = any (string_to_array($11::text, ','))) and ($12::text is null or f.tags @> string_to_array($12::text, ',')) and ($13::text is null or case when $13::text = 'none' then f.owner_id is null or f.owner_id <> all (array(select o.user_id from public.account_members o where o.account_id = $1::uuid and o.role <> 'key')) else f.owner_id = any (array(select o.user_id from public.account_members o where o.account_id = $1::uuid and o.role <> 'key' and o.user_id::text = $13::text)) end) and ($8::text is null or (f.created_at, f.id) < ($8::timestamptz, $9::uuid)) order by f.created_at desc, f.id desc limit $10::bigint) found;

-- role authenticated
prepare "tenant/leads.are_more_than list score" (text, text, text, text, text, text, text, text, text, text, text, text, text) as
select to_jsonb(count(*)) from (select f.id, row_number() over (order by f.score desc, f.id desc) as place from public.leads f where f.account_id = $1::uuid and f.deleted_at is null and ($2::uuid is null or f.business_profile_id = $2::uuid) and ($3::integer is null or f.score >= $3::integer) and ($4::integer is null or f.score <= $4::integer) and ($5::text is null or $5::text = any (f.analysis_types)) and ($6::boolean is null or f.is_stale = $6::boolean) and ($11::text is null or f.status = any (string_to_array($11::text, ','))) and ($12::text is null or f.tags @> string_to_array($12::text, ',')) and ($13::text is null or case when $13::text = 'none' then f.owner_id is null or f.owner_id <> all (array(select o.user_id from public.account_members o where o.account_id = $1::uuid and o.role <> 'key')) else f.owner_id = any (array(select o.user_id from public.account_members o where o.account_id = $1::uuid and o.role <> 'key' and o.user_id::text = $13::text)) end) and ($8::text is null or (f.score, f.id) < ($8::integer, $9::uuid)) order by f.score desc, f.id desc limit $10::bigint) found;

-- role authenticated
prepare "tenant/leads.are_more_than list updated" (text, text, text, text, text, text, text, text, text, text, text, text, text) as
select to_jsonb(count(*)) from (select f.id, row_number() over (order by f.updated_at desc, f.id desc) as place from public.leads f where f.account_id = $1::uuid and f.deleted_at is null and ($2::uuid is null or f.business_profile_id = $2::uuid) and ($3::integer is null or f.score >= $3::integer) and ($4::integer is null or f.score <= $4::integer) and ($5::text is null or $5::text = any (f.analysis_types)) and ($6::boolean is null or f.is_stale = $6::boolean) and ($11::text is null or f.status = any (string_to_array($11::text, ','))) and ($12::text is null or f.tags @> string_to_array($12::text, ',')) and ($13::text is null or case when $13::text = 'none' then f.owner_id is null or f.owner_id <> all (array(select o.user_id from public.account_members o where o.account_id = $1::uuid and o.role <> 'key')) else f.owner_id = any (array(select o.user_id from public.account_members o where o.account_id = $1::uuid and o.role <> 'key' and o.user_id::text = $13::text)) end) and ($8::text is null or (f.updated_at, f.id) < ($8::timestamptz, $9::uuid)) order by f.updated_at desc, f.id desc limit $10::bigint) found;

-- role authenticated
prepare "tenant/leads.are_more_than search newest" (text, text, text, text, text, text, text, text, text, text, text, text, text) as
select to_jsonb(count(*)) from (select s.id, s.place from api.search_leads('newest', $1::uuid, $2::uuid, $3::integer, $4::integer, $5, $6::boolean, $7, $8, $9::uuid, $10::bigint, string_to_array($11::text, ','), string_to_array($12::text, ','), $13) with ordinality as s (id, place)) found;

-- role authenticated
prepare "tenant/leads.are_more_than search score" (text, text, text, text, text, text, text, text, text, text, text, text, text) as
select to_jsonb(count(*)) from (select s.id, s.place from api.search_leads('score', $1::uuid, $2::uuid, $3::integer, $4::integer, $5, $6::boolean, $7, $8, $9::uuid, $10::bigint, string_to_array($11::text, ','), string_to_array($12::text, ','), $13) with ordinality as s (id, place)) found;

-- role authenticated
prepare "tenant/leads.are_more_than search updated" (text, text, text, text, text, text, text, text, text, text, text, text, text) as
select to_jsonb(count(*)) from (select s.id, s.place from api.search_leads('updated', $1::uuid, $2::uuid, $3::integer, $4::integer, $5, $6::boolean, $7, $8, $9::uuid, $10::bigint, string_to_array($11::text, ','), string_to_array($12::text, ','), $13) with ordinality as s (id, place)) found;

-- role authenticated
prepare "tenant/leads.delete" (text, text) as
select api.delete_lead($1::uuid, $2::uuid);

-- role authenticated
prepare "tenant/leads.get" (text, text, text) as
select jsonb_build_object('lead', jsonb_build_object('id', l.id, 'account_id', l.account_id, 'business_profile_id', l.business_profile_id, 'username', l.username, 'renamed_to', l.renamed_to, 'profile_url', 'https://www.instagram.com/' || coalesce(l.renamed_to, l.username) || '/', 'display_name', l.display_name, 'biography', l.biography, 'followers', l.followers, 'following', l.following, 'posts', l.posts, 'category', l.category, 'external_url', l.external_url, 'profile_picture', case when l.profile_pic_url is not null then '/leads/' || l.id || '/picture' end, 'is_verified', l.is_verified, 'is_business', l.is_business, 'score', l.score, 'status', l.status, 'tags', l.tags, 'owner_id', case when exists (select from public.account_members o where o.user_id = l.owner_id and o.account_id = $1::uuid and o.role <> 'key') then l.owner_id end, 'latest_analysis', case when n.id is not null then jsonb_build_object('id', n.id, 'run_id', n.run_id, 'analysis_type', n.analysis_type, 'summary', n.summary, 'is_stale', l.is_stale, 'created_at', n.created_at) end, 'scraped_at', l.scraped_at, 'created_at', l.created_at, 'updated_at', l.updated_at) || jsonb_build_object('outcome', case when m.outcome is not null then to_jsonb(m) end), 'analyses', coalesce((select jsonb_agg(h.entry order by h.created_at desc, h.id desc) from (select a.created_at, a.id, jsonb_build_object('id', a.id, 'run_id', a.run_id, 'analysis_type', a.analysis_type, 'score', a.score, 'model', a.model, 'provider', a.provider, 'is_stale', a.is_stale, 'summary', a.summary, 'scraped_at', a.scraped_at, 'created_at', a.created_at, 'profile', a.result -> 'profile') as entry from public.analyses a where a.lead_id = l.id and a.account_id = $1::uuid and a.deleted_at is null order by a.created_at desc, a.id desc limit $3::bigint) h), '[]')) from public.leads l left join lateral (select a.id, a.run_id, a.analysis_type, a.summary, a.created_at from public.analyses a where a.id = l.latest_analysis_id and a.account_id = $1::uuid and a.deleted_at is null limit 1) n on true left join lateral (select m.outcome, m.marked_at, m.analysis_id, m.score from public.lead_outcomes m where m.lead_id = l.id and m.account_id = $1::uuid order by m.id desc limit 1) m on true where l.account_id = $1::uuid and l.deleted_at is null and l.id = $2::uuid;

-- role authenticated
prepare "tenant/leads.list list newest" (text, text, text, text, text, text, text, text, text, text, text, text, text) as
select jsonb_build_object('id', l.id, 'account_id', l.account_id, 'business_profile_id', l.business_profile_id, 'username', l.username, 'renamed_to', l.renamed_to, 'profile_url', 'https://www.instagram.com/' || coalesce(l.renamed_to, l.username) || '/', 'display_name', l.display_name, 'biography', l.biography, 'followers', l.followers, 'following', l.following, 'posts', l.posts, 'category', l.category, 'external_url', l.external_url, 'profile_picture', case when l.profile_pic_url is not null then '/leads/' || l.id || '/picture' end, 'is_verified', l.is_verified, 'is_business', l.is_business, 'score', l.score, 'status', l.status, 'tags', l.tags, 'owner_id', case when exists (select from public.account_members o where o.user_id = l.owner_id and o.account_id = $1::uuid and o.role <> 'key') then l.owner_id end, 'latest_analysis', case when n.id is not null then jsonb_build_object('id', n.id, 'run_id', n.run_id, 'analysis_type', n.analysis_type, 'summary', n.summary, 'is_stale', l.is_stale, 'created_at', n.created_at) end, 'scraped_at', l.scraped_at, 'created_at', l.created_at, 'updated_at', l.updated_at) || jsonb_build_object('outcome', l.outcome) from (select f.id, row_number() over (order by f.created_at desc, f.id desc) as place from public.leads f where f.account_id = $1::uuid and f.deleted_at is null and ($2::uuid is null or f.business_profile_id = $2::uuid) and ($3::integer is null or f.score >= $3::integer) and ($4::integer is null or f.score <= $4::integer) and ($5::text is null or $5::text = any (f.analysis_types)) and ($6::boolean is null or f.is_stale = $6::boolean) and ($11::text is null or f.status = any (string_to_array($11::text, ','))) and ($12::text is null or f.tags @> string_to_array($12::text, ',')) and ($13::text is null or case when $13::text = 'none' then f.owner_id is null or f.owner_id <> all (array(select o.user_id from public.account_members o where o.account_id = $1::uuid and o.role <> 'key')) else f.owner_id = any (array(select o.user_id from public.account_members o where o.account_id = $1::uuid and o.role <> 'key' and o.user_id::text = $13::text)) end) and ($8::text is null or (f.created_at, f.id) < ($8::timestamptz, $9::uuid)) order by f.created_at desc, f.id desc limit $10::bigint) found cross join lateral (select l.* from public.leads l where l.id = found.id and l.account_id = $1::uuid limit 1) l left join lateral (select a.id, a.run_id, a.analysis_type, a.summary, a.created_at from public.analyses a where a.id = l.latest_analysis_id and a.account_id = $1::uuid and a.deleted_at is null limit 1) n on true order by found.place;

-- role authenticated
prepare "tenant/leads.list list score" (text, text, text, text, text, text, text, text, text, text, text, text, text) as
select jsonb_build_object('id', l.id, 'account_id', l.account_id, 'business_profile_id', l.business_profile_id, 'username', l.username, 'renamed_to', l.renamed_to, 'profile_url', 'https://www.instagram.com/' || coalesce(l.renamed_to, l.username) || '/', 'display_name', l.display_name, 'biography', l.biography, 'followers', l.followers, 'following', l.following, 'posts', l.posts, 'category', l.category, 'external_url', l.external_url, 'profile_picture', case when l.profile_pic_url is not null then '/leads/' || l.id || '/picture' end, 'is_verified', l.is_verified, 'is_business', l.is_business, 'score', l.score, 'status', l.status, 'tags', l.tags, 'owner_id', case when exists (select from public.account_members o where o.user_id = l.owner_id and o.account_id = $1::uuid and o.role <> 'key') then l.owner_id end, 'latest_analysis', case when n.id is not null then jsonb_build_object('id', n.id, 'run_id', n.run_id, 'analysis_type', n.analysis_type, 'summary', n.summary, 'is_stale', l.is_stale, 'created_at', n.created_at) end, 'scraped_at', l.scraped_at, 'created_at', l.created_at, 'updated_at', l.updated_at) || jsonb_build_object('outcome', l.outcome) from (select f.id, row_number() over (order by f.score desc, f.id desc) as place from public.leads f where f.account_id = $1::uuid and f.deleted_at is null and ($2::uuid is null or f.business_profile_id = $2::uuid) and ($3::integer is null or f.score >= $3::integer) and ($4::integer is null or f.score <= $4::integer) and ($5::text is null or $5::text = any (f.analysis_types)) and ($6::boolean is null or f.is_stale = $6::boolean) and ($11::text is null or f.status = any (string_to_array($11::text, ','))) and ($12::text is null or f.tags @> string_to_array($12::text, ',')) and ($13::text is null or case when $13::text = 'none' then f.owner_id is null or f.owner_id <> all (array(select o.user_id from public.account_members o where o.account_id = $1::uuid and o.role <> 'key')) else f.owner_id = any (array(select o.user_id from public.account_members o where o.account_id = $1::uuid and o.role <> 'key' and o.user_id::text = $13::text)) end) and ($8::text is null or (f.score, f.id) < ($8::integer, $9::uuid)) order by f.score desc, f.id desc limit $10::bigint) found cross join lateral (select l.* from public.leads l where l.id = found.id and l.account_id = $1::uuid limit 1) l left join lateral (select a.id, a.run_id, a.analysis_type, a.summary, a.created_at from public.analyses a where a.id = l.latest_analysis_id and a.account_id = $1::uuid and a.deleted_at is null limit 1) n on true order by found.place;

-- role authenticated
prepare "tenant/leads.list list updated" (text, text, text, text, text, text, text, text, text, text, text, text, text) as
select jsonb_build_object('id', l.id, 'account_id', l.account_id, 'business_profile_id', l.business_profile_id, 'username', l.username, 'renamed_to', l.renamed_to, 'profile_url', 'https://www.instagram.com/' || coalesce(l.renamed_to, l.username) || '/', 'display_name', l.display_name, 'biography', l.biography, 'followers', l.followers, 'following', l.following, 'posts', l.posts, 'category', l.category, 'external_url', l.external_url, 'profile_picture', case when l.profile_pic_url is not null then '/leads/' || l.id || '/picture' end, 'is_verified', l.is_verified, 'is_business', l.is_business, 'score', l.score, 'status', l.status, 'tags', l.tags, 'owner_id', case when exists (select from public.account_members o where o.user_id = l.owner_id and o.account_id = $1::uuid and o.role <> 'key') then l.owner_id end, 'latest_analysis', case when n.id is not null then jsonb_build_object('id', n.id, 'run_id', n.run_id, 'analysis_type', n.analysis_type, 'summary', n.summary, 'is_stale', l.is_stale, 'created_at', n.created_at) end, 'scraped_at', l.scraped_at, 'created_at', l.created_at, 'updated_at', l.updated_at) || jsonb_build_object('outcome', l.outcome) from (select f.id, row_number() over (order by f.updated_at desc, f.id desc) as place from public.leads f where f.account_id = $1::uuid and f.deleted_at is null and ($2::uuid is null or f.business_profile_id = $2::uuid) and ($3::integer is null or f.score >= $3::integer) and ($4::integer is null or f.score <= $4::integer) and ($5::text is null or $5::text = any (f.analysis_types)) and ($6::boolean is null or f.is_stale = $6::boolean) and ($11::text is null or f.status = any (string_to_array($11::text, ','))) and ($12::text is null or f.tags @> string_to_array($12::text, ',')) and ($13::text is null or case when $13::text = 'none' then f.owner_id is null or f.owner_id <> all (array(select o.user_id from public.account_members o where o.account_id = $1::uuid and o.role <> 'key')) else f.owner_id = any (array(select o.user_id from public.account_members o where o.account_id = $1::uuid and o.role <> 'key' and o.user_id::text = $13::text)) end) and ($8::text is null or (f.updated_at, f.id) < ($8::timestamptz, $9::uuid)) order by f.updated_at desc, f.id desc limit $10::bigint) found cross join lateral (select l.* from public.leads l where l.id = found.id and l.account_id = $1::uuid limit 1) l left join lateral (select a.id, a.run_id, a.analysis_type, a.summary, a.created_at from public.analyses a where a.id = l.latest_analysis_id and a.account_id = $1::uuid and a.deleted_at is null limit 1) n on true order by found.place;

-- role authenticated
prepare "tenant/leads.list search newest" (text, text, text, text, text, text, text, text, text, text, text, text, text) as
select jsonb_build_object('id', l.id, 'account_id', l.account_id, 'business_profile_id', l.business_profile_id, 'username', l.username, 'renamed_to', l.renamed_to, 'profile_url', 'https://www.instagram.com/' || coalesce(l.renamed_to, l.username) || '/', 'display_name', l.display_name, 'biography', l.biography, 'followers', l.followers, 'following', l.following, 'posts', l.posts, 'category', l.category, 'external_url', l.external_url, 'profile_picture', case when l.profile_pic_url is not null then '/leads/' || l.id || '/picture' end, 'is_verified', l.is_verified, 'is_business', l.is_business, 'score', l.score, 'status', l.status, 'tags', l.tags, 'owner_id', case when exists (select from public.account_members o where o.user_id = l.owner_id and o.account_id = $1::uuid and o.role <> 'key') then l.owner_id end, 'latest_analysis', case when n.id is not null then jsonb_build_object('id', n.id, 'run_id', n.run_id, 'analysis_type', n.analysis_type, 'summary', n.summary, 'is_stale', l.is_stale, 'created_at', n.created_at) end, 'scraped_at', l.scraped_at, 'created_at', l.created_at, 'updated_at', l.updated_at) || jsonb_build_object('outcome', l.outcome) from (select s.id, s.place from api.search_leads('newest', $1::uuid, $2::uuid, $3::integer, $4::integer, $5, $6::boolean, $7, $8, $9::uuid, $10::bigint, string_to_array($11::text, ','), string_to_array($12::text, ','), $13) with ordinality as s (id, place)) found cross join lateral (select l.* from public.leads l where l.id = found.id and l.account_id = $1::uuid limit 1) l left join lateral (select a.id, a.run_id, a.analysis_type, a.summary, a.created_at from public.analyses a where a.id = l.latest_analysis_id and a.account_id = $1::uuid and a.deleted_at is null limit 1) n on true order by found.place;

-- role authenticated
prepare "tenant/leads.list search score" (text, text, text, text, text, text, text, text, text, text, text, text, text) as
select jsonb_build_object('id', l.id, 'account_id', l.account_id, 'business_profile_id', l.business_profile_id, 'username', l.username, 'renamed_to', l.renamed_to, 'profile_url', 'https://www.instagram.com/' || coalesce(l.renamed_to, l.username) || '/', 'display_name', l.display_name, 'biography', l.biography, 'followers', l.followers, 'following', l.following, 'posts', l.posts, 'category', l.category, 'external_url', l.external_url, 'profile_picture', case when l.profile_pic_url is not null then '/leads/' || l.id || '/picture' end, 'is_verified', l.is_verified, 'is_business', l.is_business, 'score', l.score, 'status', l.status, 'tags', l.tags, 'owner_id', case when exists (select from public.account_members o where o.user_id = l.owner_id and o.account_id = $1::uuid and o.role <> 'key') then l.owner_id end, 'latest_analysis', case when n.id is not null then jsonb_build_object('id', n.id, 'run_id', n.run_id, 'analysis_type', n.analysis_type, 'summary', n.summary, 'is_stale', l.is_stale, 'created_at', n.created_at) end, 'scraped_at', l.scraped_at, 'created_at', l.created_at, 'updated_at', l.updated_at) || jsonb_build_object('outcome', l.outcome) from (select s.id, s.place from api.search_leads('score', $1::uuid, $2::uuid, $3::integer, $4::integer, $5, $6::boolean, $7, $8, $9::uuid, $10::bigint, string_to_array($11::text, ','), string_to_array($12::text, ','), $13) with ordinality as s (id, place)) found cross join lateral (select l.* from public.leads l where l.id = found.id and l.account_id = $1::uuid limit 1) l left join lateral (select a.id, a.run_id, a.analysis_type, a.summary, a.created_at from public.analyses a where a.id = l.latest_analysis_id and a.account_id = $1::uuid and a.deleted_at is null limit 1) n on true order by found.place;

-- role authenticated
prepare "tenant/leads.list search updated" (text, text, text, text, text, text, text, text, text, text, text, text, text) as
select jsonb_build_object('id', l.id, 'account_id', l.account_id, 'business_profile_id', l.business_profile_id, 'username', l.username, 'renamed_to', l.renamed_to, 'profile_url', 'https://www.instagram.com/' || coalesce(l.renamed_to, l.username) || '/', 'display_name', l.display_name, 'biography', l.biography, 'followers', l.followers, 'following', l.following, 'posts', l.posts, 'category', l.category, 'external_url', l.external_url, 'profile_picture', case when l.profile_pic_url is not null then '/leads/' || l.id || '/picture' end, 'is_verified', l.is_verified, 'is_business', l.is_business, 'score', l.score, 'status', l.status, 'tags', l.tags, 'owner_id', case when exists (select from public.account_members o where o.user_id = l.owner_id and o.account_id = $1::uuid and o.role <> 'key') then l.owner_id end, 'latest_analysis', case when n.id is not null then jsonb_build_object('id', n.id, 'run_id', n.run_id, 'analysis_type', n.analysis_type, 'summary', n.summary, 'is_stale', l.is_stale, 'created_at', n.created_at) end, 'scraped_at', l.scraped_at, 'created_at', l.created_at, 'updated_at', l.updated_at) || jsonb_build_object('outcome', l.outcome) from (select s.id, s.place from api.search_leads('updated', $1::uuid, $2::uuid, $3::integer, $4::integer, $5, $6::boolean, $7, $8, $9::uuid, $10::bigint, string_to_array($11::text, ','), string_to_array($12::text, ','), $13) with ordinality as s (id, place)) found cross join lateral (select l.* from public.leads l where l.id = found.id and l.account_id = $1::uuid limit 1) l left join lateral (select a.id, a.run_id, a.analysis_type, a.summary, a.created_at from public.analyses a where a.id = l.latest_analysis_id and a.account_id = $1::uuid and a.deleted_at is null limit 1) n on true order by found.place;

-- role authenticated
prepare "tenant/leads.may_export" (text) as
select to_jsonb(api.require_permission($1::uuid, 'export'));

-- role authenticated
prepare "tenant/members.accept" (text) as
select api.accept_invitation($1);

-- role authenticated
prepare "tenant/members.actions" (text, text, text) as
select api.list_member_actions($1::uuid, $2::bigint, $3::integer);

-- role authenticated
prepare "tenant/members.change_member" (text, text, text, text, text) as
select api.change_member($1::uuid, $2::uuid, $3, $4::integer, $5);

-- role authenticated
prepare "tenant/members.create_key" (text, text, text, text, text, text, text, text, text) as
select api.create_key($1::uuid, $2::uuid, $3, array(select jsonb_array_elements_text($4::jsonb)), $5::timestamptz, $6::integer, $7, $8, $9);

-- role authenticated
prepare "tenant/members.invitations" (text) as
select api.list_invitations($1::uuid);

-- role authenticated
prepare "tenant/members.invite" (text, text, text, text, text, text, text) as
select api.invite_member($1::uuid, $2::uuid, $3, $4, $5::integer, $6, $7);

-- role authenticated
prepare "tenant/members.keys" (text) as
select api.list_keys($1::uuid);

-- role authenticated
prepare "tenant/members.members" (text) as
select coalesce(api.list_members($1::uuid), 'null');

-- role authenticated
prepare "tenant/members.remove_member" (text, text) as
select api.remove_member($1::uuid, $2::uuid);

-- role authenticated
prepare "tenant/members.resolve" (text) as
select coalesce(api.resolve_key($1), 'null');

-- role authenticated
prepare "tenant/members.revoke_invitation" (text, text) as
select api.revoke_invitation($1::uuid, $2::uuid);

-- role authenticated
prepare "tenant/members.revoke_key" (text, text) as
select api.revoke_key($1::uuid, $2::uuid);

-- role authenticated
prepare "tenant/members.rotate_key" (text, text, text, text, text) as
select api.rotate_key($1::uuid, $2::uuid, $3::integer, $4, $5);

-- role authenticated
prepare "tenant/memberships.accounts_of" as
select api.my_memberships();

-- role authenticated
prepare "tenant/memberships.closed_accounts_of" as
select api.my_closed_accounts();

-- role authenticated
prepare "tenant/models.model_lifecycles" as
select api.model_lifecycles();

-- role authenticated
prepare "tenant/outcomes.are_more_outcomes_than" (text, text, text, text) as
select to_jsonb(count(*)) from (select m.id, m.outcome, m.marked_at, m.score, m.analysis_id, l.business_profile_id from public.lead_outcomes m join public.leads l on l.id = m.lead_id and l.account_id = $1::uuid and l.deleted_at is null where m.account_id = $1::uuid and m.outcome is not null and not exists (select from public.lead_outcomes later where later.lead_id = m.lead_id and later.account_id = $1::uuid and later.id > m.id) and ($2::uuid is null or l.business_profile_id = $2::uuid) and ($3::bigint is null or m.id < $3::bigint) order by m.id desc limit $4::bigint) m;

-- role authenticated
prepare "tenant/outcomes.mark" (text, text, text) as
select api.mark_lead_outcome($1::uuid, $2::uuid, $3);

-- role authenticated
prepare "tenant/outcomes.outcomes" (text, text, text, text) as
select jsonb_build_object('id', m.id, 'outcome', m.outcome, 'marked_at', m.marked_at, 'analysis_type', a.analysis_type, 'score', m.score, 'fit_score', a.result -> 'fit_score', 'confidence', a.result -> 'confidence', 'role', a.result -> 'role', 'seems_minor', a.result -> 'seems_minor', 'business', jsonb_build_object('name', bp.name, 'offering', bp.offering, 'target_audience', bp.target_audience, 'ideal_customer', to_jsonb(bp)), 'profile', a.result -> 'profile', 'facts', a.result -> 'facts') from (select m.id, m.outcome, m.marked_at, m.score, m.analysis_id, l.business_profile_id from public.lead_outcomes m join public.leads l on l.id = m.lead_id and l.account_id = $1::uuid and l.deleted_at is null where m.account_id = $1::uuid and m.outcome is not null and not exists (select from public.lead_outcomes later where later.lead_id = m.lead_id and later.account_id = $1::uuid and later.id > m.id) and ($2::uuid is null or l.business_profile_id = $2::uuid) and ($3::bigint is null or m.id < $3::bigint) order by m.id desc limit $4::bigint) m join public.analyses a on a.id = m.analysis_id and a.account_id = $1::uuid join public.business_profiles bp on bp.id = m.business_profile_id and bp.account_id = $1::uuid order by m.id desc;

-- role authenticated
prepare "tenant/runs.begin" (text, text, text, text, text, text, text, text) as
select api.begin_analysis($1::uuid, $2::uuid, $3, $4::uuid, $5, $6, $7, $8::jsonb);

-- role authenticated
prepare "tenant/runs.cancel" (text) as
select api.cancel_run($1::uuid);

-- role authenticated
prepare "tenant/runs.get" (text, text) as
with page as (select r.* from public.runs r where r.account_id = $1::uuid and r.id = $2::uuid) select jsonb_build_object('id', r.id, 'account_id', r.account_id, 'spent_by', s.spender, 'business_profile_id', r.business_profile_id, 'username', r.username, 'analysis_type', r.analysis_type, 'status', r.status, 'phase', r.phase, 'credits', r.credits, 'charge_outcome', r.charge_outcome, 'error', case when r.error_code is not null then jsonb_build_object('code', r.error_code, 'message', r.error_message) end, 'lead_id', r.lead_id, 'bulk_id', r.bulk_id, 'cache_hit', a.cache_hit, 'created_at', r.created_at, 'started_at', r.started_at, 'finished_at', r.finished_at, 'result', a.result, 'refund_if_cancelled', api.refund_if_cancelled(r.id)) from page r left join public.analyses a on a.run_id = r.id and a.account_id = r.account_id and a.deleted_at is null left join api.spenders($1::uuid, array(select p.created_by from page p)) s on s.id = r.created_by order by r.id desc;

-- role authenticated
prepare "tenant/runs.list" (text, text, text) as
with page as (select r.* from public.runs r where r.account_id = $1::uuid and ($2::uuid is null or r.id < $2::uuid) order by r.id desc limit $3::bigint) select jsonb_build_object('id', r.id, 'account_id', r.account_id, 'spent_by', s.spender, 'business_profile_id', r.business_profile_id, 'username', r.username, 'analysis_type', r.analysis_type, 'status', r.status, 'phase', r.phase, 'credits', r.credits, 'charge_outcome', r.charge_outcome, 'error', case when r.error_code is not null then jsonb_build_object('code', r.error_code, 'message', r.error_message) end, 'lead_id', r.lead_id, 'bulk_id', r.bulk_id, 'cache_hit', a.cache_hit, 'created_at', r.created_at, 'started_at', r.started_at, 'finished_at', r.finished_at) from page r left join public.analyses a on a.run_id = r.id and a.account_id = r.account_id and a.deleted_at is null left join api.spenders($1::uuid, array(select p.created_by from page p)) s on s.id = r.created_by order by r.id desc;

-- role authenticated
prepare "tenant/runs.note_scrapes" (text) as
select to_jsonb(api.note_scrapes(array(select jsonb_array_elements_text($1::jsonb)::uuid)));

-- role authenticated
prepare "tenant/runs.undo" (text) as
select api.undo_run($1::uuid);

-- role authenticated
prepare "tenant/work.actions" (text, text, text, text) as
select coalesce((select jsonb_agg(to_jsonb(o) - 'account_id' order by o.id desc) from (select * from public.lead_actions r where r.lead_id = l.id and r.account_id = $1::uuid and ($3::bigint is null or r.id < $3::bigint) order by r.id desc limit $4::bigint) o), '[]') from public.leads l where l.id = $2::uuid and l.account_id = $1::uuid and l.deleted_at is null;

-- role authenticated
prepare "tenant/work.add_note" (text, text, text) as
select api.add_lead_note($1::uuid, $2::uuid, $3);

-- role authenticated
prepare "tenant/work.change_note" (text, text, text, text, text) as
select api.change_lead_note($1::uuid, $2::uuid, $3::uuid, $4, $5::integer);

-- role authenticated
prepare "tenant/work.delete_note" (text, text, text) as
select api.delete_lead_note($1::uuid, $2::uuid, $3::uuid);

-- role authenticated
prepare "tenant/work.notes" (text, text, text, text) as
select coalesce((select jsonb_agg(to_jsonb(o) - 'account_id' order by o.number desc) from (select * from public.lead_notes r where r.lead_id = l.id and r.account_id = $1::uuid and ($3::bigint is null or r.number < $3::bigint) order by r.number desc limit $4::bigint) o), '[]') from public.leads l where l.id = $2::uuid and l.account_id = $1::uuid and l.deleted_at is null;

-- role authenticated
prepare "tenant/work.set_work" (text, text, text) as
select api.set_lead_work($1::uuid, $2::uuid, $3::jsonb);
