//! Saved queries of the leads, through the product's own statements.

use futures_util::future::try_join_all;
use oslira_app::features::{
    leads::{FilterDeletion, FilterName, FilterOutcome, FilterRepository, NewFilter, SavedFilter, SavedQuery},
    members::MemberStore,
};
use oslira_app::shared::{ids::LeadFilterId, pagination::PageQuery};
use oslira_testkit::{Member, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::members::colleague;
use crate::support::{CROWD, Stage, acting, counts, outcomes};

fn filter(name: &str, query: Value) -> NewFilter {
    let query: SavedQuery = serde_json::from_value(query).unwrap();
    NewFilter { name: FilterName::parse(name).unwrap(), query: query.checked().unwrap() }
}

async fn saved(stage: &Stage, new: &NewFilter) -> SavedFilter {
    match stage.tenant().save_filter(acting(&stage.member), new).await.unwrap() {
        FilterOutcome::Done { filter } => *filter,
        refused => panic!("{refused:?}"),
    }
}

#[tokio::test]
async fn a_filter_is_saved_changed_and_deleted_and_each_is_written_down() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (tenant, who) = (stage.tenant(), acting(&stage.member));
    let open = filter("Open", json!({ "status": "new,contacted", "owner": "me" }));
    let first = saved(&stage, &open).await;
    assert_eq!((first.version, &first.query), (1, &open.query));
    assert_eq!(saved(&stage, &open).await, first, "a repeat gives the first answer");
    let other = filter("OPEN", json!({}));
    assert_eq!(tenant.save_filter(who, &other).await.unwrap(), FilterOutcome::NameTaken);
    let hot = saved(&stage, &filter("hot", json!({ "score_min": 80 }))).await;
    let names = async || -> Vec<String> {
        stage.tenant().filters(who).await.unwrap().into_iter().map(|filter| filter.name).collect()
    };
    assert_eq!(names().await, ["hot", "Open"]);

    assert_eq!(tenant.change_filter(who, hot.id, &other, None).await.unwrap(), FilterOutcome::NameTaken);
    let changed = filter("Open or lost", json!({ "status": "new,lost" }));
    let FilterOutcome::Done { filter: second } = tenant.change_filter(who, first.id, &changed, Some(1)).await.unwrap()
    else {
        panic!("not changed")
    };
    assert_eq!((second.version, second.name.as_str(), second.created_at), (2, "Open or lost", first.created_at));
    // A repeat changes nothing; somebody who has read the first version does not overwrite the second.
    assert_eq!(
        tenant.change_filter(who, first.id, &changed, Some(1)).await.unwrap(),
        FilterOutcome::Done { filter: second }
    );
    assert_eq!(
        tenant.change_filter(who, first.id, &open, Some(1)).await.unwrap(),
        FilterOutcome::OtherVersion { version: 2 }
    );

    let deleted = tenant.delete_filter(who, first.id).await.unwrap();
    assert!(matches!(deleted, FilterDeletion::Deleted { .. }));
    assert_eq!(tenant.delete_filter(who, first.id).await.unwrap(), deleted);
    assert_eq!(tenant.change_filter(who, first.id, &open, None).await.unwrap(), FilterOutcome::NotFound);
    let unknown = LeadFilterId::new(Uuid::new_v4());
    assert_eq!(tenant.delete_filter(who, unknown).await.unwrap(), FilterDeletion::NotFound);
    assert_eq!(names().await, ["hot"]);

    let page = PageQuery { limit: 20, after: None };
    let actions = MemberStore::actions(&tenant, who, page).await.unwrap().unwrap().items;
    let told: Vec<_> = actions.iter().map(|action| (action.action.as_str(), &action.details)).collect();
    assert_eq!(
        told,
        [
            ("filter_deleted", &json!({})),
            ("filter_changed", &json!({ "version": 2 })),
            ("filter_saved", &json!({})),
            ("filter_saved", &json!({})),
        ]
    );
    Ok(())
}

#[tokio::test]
async fn filters_are_an_accounts_own_and_a_viewer_only_reads_them() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let mine = saved(&stage, &filter("Open", json!({}))).await;
    let (tenant, other) = (stage.tenant(), filter("Other", json!({})));
    let eve = stage.database.member("eve", 0).await?;
    for who in [eve, Member { user_id: eve.user_id, ..stage.member }] {
        assert_eq!(tenant.filters(acting(&who)).await.unwrap(), []);
        assert!(!matches!(
            tenant.change_filter(acting(&who), mine.id, &other, None).await.unwrap(),
            FilterOutcome::Done { .. }
        ));
        assert!(!matches!(tenant.delete_filter(acting(&who), mine.id).await.unwrap(), FilterDeletion::Deleted { .. }));
    }
    let disguised = Member { user_id: eve.user_id, ..stage.member };
    assert_eq!(tenant.save_filter(acting(&disguised), &other).await.unwrap(), FilterOutcome::Forbidden);

    let (vic, _) = colleague(&stage, "vic", "viewer").await?;
    let vic = acting(&Member { user_id: vic, ..stage.member });
    assert_eq!(tenant.filters(vic).await.unwrap(), std::slice::from_ref(&mine));
    for refused in [
        tenant.save_filter(vic, &other).await.is_err(),
        tenant.change_filter(vic, mine.id, &other, None).await.is_err(),
        tenant.delete_filter(vic, mine.id).await.is_err(),
    ] {
        assert!(refused);
    }
    Ok(())
}

#[tokio::test]
async fn a_hundred_filters_are_enough_and_a_thousand_changes_a_day() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let fill = "insert into lead_filters (account_id, name, query, created_by)
        select $1, 'filter ' || n, '{}', $2 from generate_series(1, 90) n";
    stage.execute(fill, &[&stage.member.account_id, &stage.member.user_id]).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.crowd().await?;
    let answers = try_join_all(crowd.iter().enumerate().map(async |(number, session)| {
        let sql = "select api.save_lead_filter($1, $2, '{}')";
        session.call(sql, &[&stage.member.account_id, &format!("of the crowd {number}")]).await
    }))
    .await?;
    assert_eq!(outcomes(&answers), counts([("ok", 10), ("filter_limit", CROWD - 10)]));

    let noted = "insert into member_actions (account_id, actor_id, action)
        select $1, $2, 'filter_changed' from generate_series(1, 1000)";
    stage.execute(noted, &[&stage.member.account_id, &stage.member.user_id]).await?;
    let (tenant, who) = (stage.tenant(), acting(&stage.member));
    let one = tenant.filters(who).await.unwrap().remove(0);
    let changed = tenant.change_filter(who, one.id, &filter("Another", json!({})), None).await.unwrap();
    assert!(matches!(changed, FilterOutcome::Limit { daily_max: 1000, .. }), "{changed:?}");
    Ok(())
}
