//! The readings of Adobe's references that are unsure: each history is played under a few of them, drawn by its seed.
//!
//! A table of switches of the simulator (`simulator/src/flags`), as far as they leave what must exist in the end the same.

use adobe_simulator::{Flags, Simulator};
use proptest::prelude::Strategy;
use proptest::sample::select;
use serde_json::Value;

/// One switch, as the simulator names it, and its value as JSON.
pub(super) type Switch = (&'static str, &'static str);

/// Every value beside the default.
pub(super) const SWITCHES: &[Switch] = &[
    ("imsInvalidClientStatus", "400"),
    ("tokenTtlSeconds", "600"),
    ("removedSecretsKillTokens", "true"),
    (
        "rateLimit",
        r#"{"requestsPerMinute": 120, "burst": 20, "retryAfter": true}"#,
    ),
    ("rateLimit", r#"{"requestsPerMinute": 120, "burst": 20}"#),
    ("audienceManagerNeedsOrganization", "true"),
    ("escapeHtml", "false"),
    ("escapedCharacters", r#""&""#),
    ("escapedCharacters", r#""&<>\"'""#),
    ("statusSpelling", r#""lower""#),
    ("statusSpelling", r#""numeric""#),
    ("statusSpelling", r#""mixed""#),
    ("omitNulls", "true"),
    ("unknownFields", "true"),
    ("maxPageSize", "3"),
    ("putLenient", "true"),
    ("duplicateIntegrationCodeStatus", "400"),
    ("dataSourceIntegrationCodeUnique", "false"),
    ("uniqueFlagsChangeRefused", "true"),
    ("traitInUseDelete", r#""badRequest""#),
    ("traitInUseDelete", r#""allow""#),
    ("dataSourceInUseDelete", r#""badRequest""#),
    ("dataSourceInUseDelete", r#""allow""#),
    ("folderConflictStatus", "400"),
    ("folderPostAnswersId", "false"),
    ("folderTraits", "false"),
    ("etags", "true"),
    ("traitDataSources", r#""onRequest""#),
    ("ruleRefusalStatus", "409"),
    ("exportControlStatus", "null"),
    ("destinationListTellsMappings", "false"),
    ("emptyMappingsNotFound", "false"),
    ("mappingStartDateShifted", "false"),
    ("mappingIdNames", r#""mappingId""#),
    ("mappingIdNames", r#""destinationMappingId""#),
    ("mappingIdNames", r#""byKind""#),
    ("mappedDestinationStatus", "409"),
    ("connectorAudienceIds", r#""uuid""#),
    ("connectorNamespaces", r#""lowerCamel""#),
    ("connectorNamespaces", r#""one""#),
    ("connectorRenames", "false"),
    ("connectorDeletion", r#""keeps""#),
    ("connectorDeletion", r#""removes""#),
    ("connectorPausedIsInactive", "true"),
    ("sandboxIdsListed", "true"),
    ("definitionCreateStatus", "201"),
    ("audienceCreateStatus", "201"),
    ("audienceUpdateStatus", "201"),
    ("definitionDeleteBody", "false"),
    ("definitionNameUnique", "false"),
    ("definitionFirstPage", "1"),
    ("audiencePaging", r#""itemOffset""#),
    ("nextSpelling", r#""integer""#),
    ("audienceDefaultLimit", "3"),
    ("audienceMaxLimit", "3"),
    ("inactiveListed", r#""withAnyQuery""#),
    ("audiencePutKeepsMissing", "true"),
    ("jsonPatchAllOperations", "true"),
    ("duplicateExternalAudience", r#""badRequest""#),
    ("externalAudienceIds", r#""composite""#),
    ("readAfterWriteDelayMs", "3000"),
    ("deletedReadableMs", "3000"),
    ("readOnlyAudience", r#""forbidden""#),
    ("readOnlyAudience", r#""allow""#),
    ("externalAudienceLabels", r#""ignored""#),
    ("inSegmentNames", r#""audienceId""#),
    ("membershipIsDependency", "false"),
    ("unknownAudienceRefused", "true"),
    ("externalAudienceOperationMs", "0"),
    ("externalAudienceOperationMs", "120000"),
    ("externalAudienceDeleteStatus", "202"),
    ("externalAudiencePath", r#""audienceId""#),
    ("externalAudienceErrors", r#""code""#),
    ("metadataOnlyChangeable", "true"),
];

/// Up to five of them; of two values of one switch the last holds.
pub(super) fn switches() -> impl Strategy<Value = Vec<Switch>> {
    proptest::collection::vec(select(SWITCHES), 0..6)
}

pub(super) fn turn(simulator: &Simulator, switches: &[Switch]) {
    let mut flags = serde_json::to_value(simulator.flags()).unwrap();
    let is_on = |wanted: Switch| switches.contains(&wanted);
    // A service whose audiences lie in one namespace knows no audience in the two that its documents name, by which a
    // definition of ours tests: refusing it, it would refuse every one.
    let refuses_all = is_on(("connectorNamespaces", r#""one""#));
    for (name, value) in switches {
        if refuses_all && *name == "unknownAudienceRefused" {
            continue;
        }
        let known = flags.get_mut(*name);
        *known.unwrap() = serde_json::from_str::<Value>(value).unwrap();
    }
    simulator.set_flags(serde_json::from_value::<Flags>(flags).unwrap());
}

/// A switch that is at its default plays nothing new.
#[test]
fn every_switch_exists_and_changes_something() {
    let before = serde_json::to_value(Flags::default()).unwrap();
    for (name, value) in SWITCHES {
        let value: Value = serde_json::from_str(value).unwrap();
        assert_ne!(before.get(name), Some(&value), "{name} is {value}");
        let mut changed = before.clone();
        changed[*name] = value;
        serde_json::from_value::<Flags>(changed).unwrap();
    }
}
