//! Usage labels of what comes from Audience Manager: they follow the export controls of what counts for the source.

use adobe_simulator::{ExternalAudienceLabels, TraitDataSources};

use super::*;

const PUT_INTO_CART: u64 = 16_440_002;
const BUYERS_WHO_INTEND: u64 = 16_450_004;
const PARTNER_BUYERS: u64 = 16_440_004;

fn labelled(mut request: SettleRequest, labels: &[&str]) -> SettleRequest {
    if let Direction::ToExperiencePlatform(target) = &mut request.share.direction {
        target.labels = UsageLabels::parse(labels.iter().copied()).unwrap();
    }
    request
}

fn cart(strategy: Strategy) -> SettleRequest {
    share(
        "cart",
        SourceKind::Trait,
        Naming::Sid(PUT_INTO_CART),
        strategy,
    )
}

fn labels(world: &World, settled: &Settled) -> Value {
    stands(world, settled)["labels"].clone()
}

fn restrict(world: &World, data_source: u64, names: &[&str]) {
    let change = json!({ "dataExportRestrictions": names });
    world
        .simulator
        .patch_object("dataSources", &data_source.to_string(), &change)
        .unwrap();
}

fn flags(world: &World, change: impl FnOnce(&mut adobe_simulator::Flags)) {
    let mut flags = world.simulator.flags();
    change(&mut flags);
    world.simulator.set_flags(flags);
}

/// The data source of its trait is under "no PII"; that of the segment itself counts for nothing.
#[rstest]
#[case::external(Strategy::ExternalAudience)]
#[case::metadata(Strategy::MetadataOnly)]
#[tokio::test(start_paused = true)]
async fn an_audience_is_created_with_the_labels_of_its_traits_data_sources(
    #[case] strategy: Strategy,
) {
    let world = world();
    let settled = world.settle(buyers(strategy)).await;
    assert_eq!(settled.obstacle, None);
    assert_eq!(labels(&world, &settled), json!(["core/C3"]));
    let plain = cart(strategy);
    let plain = labelled(plain, &["core/C9", "custom/partners-only"]);
    let settled = world.settle(plain).await;
    assert_eq!(
        labels(&world, &settled),
        json!(["core/C9", "custom/partners-only"])
    );
    let told = settled.audience.unwrap().labels;
    assert_eq!(told.listed(), "core/C9, custom/partners-only");
}

#[tokio::test(start_paused = true)]
async fn a_control_that_appears_is_added_to_the_labels_and_one_that_goes_takes_none() {
    let world = world();
    let plain = cart(Strategy::ExternalAudience);
    let settled = world.settle(plain.clone()).await;
    assert_eq!(labels(&world, &settled), json!([]));
    let id = settled.audience.clone().unwrap().id.unwrap();
    let by_a_person = json!({"labels": ["core/S1"]});
    world
        .simulator
        .patch_object("audiences", id.as_str(), &by_a_person)
        .unwrap();
    virtual_time::passes(Duration::from_secs(120)).await;
    restrict(&world, 29_769, &["PII"]);
    let plain = after(plain, &settled);
    world.engine.refresh().await.unwrap();
    world.simulator.clear_calls();
    let settled = world.settle(plain.clone()).await;
    assert_eq!(labels(&world, &settled), json!(["core/C3", "core/S1"]));
    assert_eq!(
        world.calls(),
        [
            "POST /data/core/ups/audiences/bulk-get".to_owned(),
            format!("PATCH /data/core/ups/audiences/{id}")
        ]
    );
    restrict(&world, 29_769, &[]);
    world.engine.refresh().await.unwrap();
    world.simulator.clear_calls();
    world.settle(plain).await;
    assert_eq!(world.writes(), Vec::<String>::new());
}

/// The engine looks again by itself when the data source of a trait changes.
#[tokio::test(start_paused = true)]
async fn a_data_source_concerns_the_audiences_whose_traits_it_holds() {
    let mut world = world();
    let plain = cart(Strategy::ExternalAudience);
    world.settle(plain).await;
    virtual_time::passes(Duration::from_secs(120)).await;
    world.engine.refresh().await.unwrap();
    while world.woken.try_recv().is_ok() {}
    restrict(&world, 29_769, &["PII"]);
    world.engine.refresh().await.unwrap();
    let woken: Vec<_> = std::iter::from_fn(|| world.woken.try_recv().ok()).collect();
    assert_eq!(woken, [share_name("cart")]);
}

#[rstest]
#[case::a_control_without_a_label(
    share("partner", SourceKind::Trait, Naming::Sid(PARTNER_BUYERS), Strategy::ExternalAudience),
    "Data source 29771 has the export control \"SOMETHING_NEW\"",
    &["core/C5"]
)]
#[case::another_providers_trait(
    segment("intend", BUYERS_WHO_INTEND, Strategy::MetadataOnly),
    "does not show the export controls of data source 6601",
    &["core/C2"]
)]
#[tokio::test(start_paused = true)]
async fn what_nobody_can_tell_costs_no_audience_and_a_declared_label_mends_it(
    #[case] request: SettleRequest,
    #[case] told: &str,
    #[case] label: &[&str],
) {
    let world = world();
    world.engine.refresh().await.unwrap();
    let settled = world.settle(request.clone()).await;
    assert_eq!(reason(&settled), Some(Reason::UsageLabelsUnknown));
    assert!(message(&settled).contains(told), "{}", message(&settled));
    assert_eq!(world.writes(), Vec::<String>::new());
    let settled = world.settle(labelled(request, label)).await;
    assert_eq!(settled.obstacle, None);
    assert_eq!(labels(&world, &settled), json!(label));
}

#[rstest]
#[case::only_on_request(TraitDataSources::OnRequest, None)]
#[case::never(TraitDataSources::Never, Some(Reason::UsageLabelsUnknown))]
#[tokio::test(start_paused = true)]
async fn the_data_sources_of_the_traits_are_asked_for(
    #[case] told: TraitDataSources,
    #[case] expected: Option<Reason>,
) {
    let world = world();
    flags(&world, |flags| flags.trait_data_sources = told);
    let settled = world.settle(buyers(Strategy::ExternalAudience)).await;
    assert_eq!(reason(&settled), expected);
    if expected.is_none() {
        assert_eq!(labels(&world, &settled), json!(["core/C3"]));
        // Nor does the next list say less.
        let recorded = after(buyers(Strategy::ExternalAudience), &settled);
        world.engine.refresh().await.unwrap();
        world.simulator.clear_calls();
        assert_eq!(world.settle(recorded).await.obstacle, None);
        assert_eq!(world.writes(), Vec::<String>::new());
    }
}

#[rstest]
#[case::refused(ExternalAudienceLabels::Refused, false)]
#[case::ignored(ExternalAudienceLabels::Ignored, true)]
#[tokio::test(start_paused = true)]
async fn labels_that_the_service_does_not_take_are_told(
    #[case] behaviour: ExternalAudienceLabels,
    #[case] created: bool,
) {
    let world = world();
    flags(&world, |flags| flags.external_audience_labels = behaviour);
    let settled = world.settle(buyers(Strategy::ExternalAudience)).await;
    assert_eq!(reason(&settled), Some(Reason::UsageLabelsRefused));
    let told = message(&settled);
    assert!(
        told.contains("with the usage labels core/C3") && told.contains("SegmentDefinition"),
        "{told}"
    );
    assert_eq!(settled.audience.clone().unwrap().id.is_some(), created);
    // A person sets them.
    if let Some(id) = settled.audience.clone().unwrap().id {
        let by_a_person = json!({"labels": ["core/C3"]});
        world
            .simulator
            .patch_object("audiences", id.as_str(), &by_a_person)
            .unwrap();
        let recorded = after(buyers(Strategy::ExternalAudience), &settled);
        virtual_time::passes(Duration::from_secs(120)).await;
        world.engine.refresh().await.unwrap();
        assert_eq!(world.settle(recorded).await.obstacle, None);
    }
}
