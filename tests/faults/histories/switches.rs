//! The readings of Adobe's references that are unsure: each history is played under one of the presets with a few of them
//! turned, both drawn by its seed.
//!
//! A table of switches of the simulator (`simulator/src/flags`), as far as they leave what must exist in the end the same.

use adobe_simulator::{ConnectorNamespaces, DataSourceChange, Flags, Preset, Simulator};
use proptest::prelude::Strategy;
use proptest::sample::select;
use serde_json::Value;

/// One switch, as `service.name` of the simulator, and its value as JSON.
pub(super) type Switch = (&'static str, &'static str);

/// Every value beside the default.
pub(super) const SWITCHES: &[Switch] = &[
    ("ims.invalidClientStatus", "400"),
    ("ims.tokenTtlSeconds", "600"),
    ("ims.removedSecretsKillTokens", "true"),
    (
        "shared.rateLimit",
        r#"{"requestsPerMinute": 120, "burst": 20, "retryAfter": true}"#,
    ),
    (
        "shared.rateLimit",
        r#"{"requestsPerMinute": 120, "burst": 20}"#,
    ),
    ("audienceManager.needsOrganization", "true"),
    ("audienceManager.escapeHtml", "false"),
    ("audienceManager.escapedCharacters", r#""&""#),
    ("audienceManager.escapedCharacters", r#""&<>\"'""#),
    ("audienceManager.statusSpelling", r#""lower""#),
    ("audienceManager.statusSpelling", r#""numeric""#),
    ("audienceManager.statusSpelling", r#""mixed""#),
    ("audienceManager.omitNulls", "true"),
    ("shared.unknownFields", "true"),
    ("audienceManager.maxPageSize", "3"),
    ("audienceManager.dataSourcesTellPermissions", "false"),
    ("audienceManager.repeatedDataSourceId", r#""last""#),
    ("audienceManager.repeatedDataSourceId", r#""notFound""#),
    ("audienceManager.putLenient", "true"),
    ("audienceManager.duplicateIntegrationCodeStatus", "400"),
    ("audienceManager.dataSourceIntegrationCodeUnique", "false"),
    ("audienceManager.uniqueFlagsChangeRefused", "true"),
    ("audienceManager.traitInUseDelete", r#""badRequest""#),
    ("audienceManager.traitInUseDelete", r#""allow""#),
    ("audienceManager.dataSourceInUseDelete", r#""badRequest""#),
    ("audienceManager.dataSourceInUseDelete", r#""allow""#),
    ("audienceManager.folderConflictStatus", "400"),
    ("audienceManager.folderPostAnswersId", "false"),
    ("audienceManager.folderPostNeedsPid", "true"),
    ("audienceManager.folderTraits", "false"),
    ("audienceManager.etags", "true"),
    ("audienceManager.traitDataSources", r#""onRequest""#),
    ("audienceManager.ruleRefusalStatus", "409"),
    ("audienceManager.exportControlStatus", "null"),
    ("audienceManager.destinationListCompact", "false"),
    ("audienceManager.destinationListTellsMappings", "false"),
    ("audienceManager.mappingList", r#""bare""#),
    ("audienceManager.mappingList", r#""pages""#),
    ("audienceManager.mappingDestinationId", r#""required""#),
    ("audienceManager.mappingDestinationId", r#""refused""#),
    ("audienceManager.emptyMappingsNotFound", "false"),
    ("audienceManager.mappingStartDateShifted", "false"),
    ("audienceManager.mappingIdNames", r#""mappingId""#),
    (
        "audienceManager.mappingIdNames",
        r#""destinationMappingId""#,
    ),
    ("audienceManager.mappingIdNames", r#""byKind""#),
    ("audienceManager.mappedDestinationStatus", "409"),
    ("connector.audienceIds", r#""uuid""#),
    ("connector.namespaces", r#""lowerCamel""#),
    ("connector.namespaces", r#""one""#),
    ("connector.renames", "false"),
    ("connector.deletion", r#""keeps""#),
    ("connector.deletion", r#""removes""#),
    ("connector.pausedIsInactive", "true"),
    ("experiencePlatform.sandboxIdsListed", "true"),
    ("experiencePlatform.definitionCreateStatus", "201"),
    ("experiencePlatform.audienceCreateStatus", "201"),
    ("experiencePlatform.audienceUpdateStatus", "201"),
    ("experiencePlatform.definitionDeleteBody", "false"),
    ("experiencePlatform.definitionNameUnique", "false"),
    ("experiencePlatform.definitionFirstPage", "1"),
    ("experiencePlatform.audiencePaging", r#""itemOffset""#),
    ("experiencePlatform.nextSpelling", r#""integer""#),
    ("experiencePlatform.audienceDefaultLimit", "3"),
    ("experiencePlatform.audienceMaxLimit", "3"),
    ("experiencePlatform.inactiveListed", r#""withAnyQuery""#),
    ("experiencePlatform.audiencePutKeepsMissing", "true"),
    ("experiencePlatform.jsonPatchAllOperations", "true"),
    (
        "experiencePlatform.duplicateExternalAudience",
        r#""badRequest""#,
    ),
    ("experiencePlatform.externalAudienceIds", r#""composite""#),
    ("experiencePlatform.readAfterWriteDelayMs", "3000"),
    ("experiencePlatform.deletedReadableMs", "3000"),
    ("experiencePlatform.readOnlyAudience", r#""forbidden""#),
    ("experiencePlatform.readOnlyAudience", r#""allow""#),
    ("experiencePlatform.externalAudienceLabels", r#""ignored""#),
    ("experiencePlatform.inSegmentNames", r#""audienceId""#),
    ("experiencePlatform.membershipIsDependency", "false"),
    ("experiencePlatform.unknownAudienceRefused", "true"),
    ("externalAudiences.operationMs", "0"),
    ("externalAudiences.operationMs", "120000"),
    ("externalAudiences.deleteStatus", "202"),
    ("externalAudiences.path", r#""audienceId""#),
    ("externalAudiences.errors", r#""code""#),
    ("externalAudiences.metadataOnlyChangeable", "true"),
];

/// Up to five of them; of two values of one switch the last holds.
pub(super) fn switches() -> impl Strategy<Value = Vec<Switch>> {
    proptest::collection::vec(select(SWITCHES), 0..6)
}

/// The readings of a preset, as far as they leave what must exist in the end the same.
fn flags(preset: Preset) -> Flags {
    let mut flags = preset.flags();
    let audience_manager = &mut flags.audience_manager;
    audience_manager.data_source_change = DataSourceChange::Follows;
    audience_manager.mixed_export_controls_refused = false;
    flags
}

fn pointer(name: &str) -> String {
    format!("/{}", name.replace('.', "/"))
}

pub(super) fn turn(simulator: &Simulator, preset: Preset, switches: &[Switch]) {
    let mut flags = serde_json::to_value(flags(preset)).unwrap();
    for (name, value) in switches {
        let known = flags.pointer_mut(&pointer(name));
        *known.unwrap() = serde_json::from_str::<Value>(value).unwrap();
    }
    let mut flags: Flags = serde_json::from_value(flags).unwrap();
    // A service whose audiences lie in one namespace knows no audience in the two that its documents name, by which a
    // definition of ours tests: refusing it, it would refuse every one.
    if flags.connector.namespaces == ConnectorNamespaces::One {
        flags.experience_platform.unknown_audience_refused = false;
    }
    simulator.set_flags(flags);
}

/// A switch that is at its default plays nothing new.
#[test]
fn every_switch_exists_and_changes_something() {
    let before = serde_json::to_value(Flags::default()).unwrap();
    for (name, value) in SWITCHES {
        let value: Value = serde_json::from_str(value).unwrap();
        assert_ne!(before.pointer(&pointer(name)), Some(&value), "{name}");
        let mut changed = before.clone();
        *changed.pointer_mut(&pointer(name)).unwrap() = value;
        serde_json::from_value::<Flags>(changed).unwrap();
    }
}
