//! What users declare in the histories: of either direction, each in a few variants.

use serde_json::{Value, json};

use crate::operations::{LOYAL_GAMERS, OTHER, partner, shop};
use crate::operator::{NAMESPACE, OWNER, World};
use crate::standing;

/// What a `SharedAudience` shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// An audience of Experience Platform, by id.
    Audience(&'static str),
    /// A segment of Audience Manager, by sid.
    Segment(u64),
    /// A trait with this name, and this sid to whoever made it.
    Trait(&'static str, u64),
    /// The segment that stands for an audience of Experience Platform: never shared back.
    Echo(&'static str),
}

const CONSOLE_BUYERS: u64 = 16_460_001;
const CONSOLE_VISITORS: u64 = 16_460_002;
/// The realistic tenant has it in both systems: the source connector delivers it.
const SPENDERS: u64 = 16_450_001;

/// Each with its connection and its source. Twice two ask for the same.
pub(super) const SHARES: [(&str, &str, Source); 10] = [
    ("loyal", "acme", Source::Audience(LOYAL_GAMERS)),
    ("loyal-again", "acme", Source::Audience(LOYAL_GAMERS)),
    ("readers", "acme", Source::Audience(OTHER)),
    (
        "carts",
        "beta",
        Source::Audience("d3f602b4-9e5c-402b-8c88-4b6fbe309c03"),
    ),
    (
        "prospects",
        "beta",
        Source::Audience("a0009aab-1111-4222-8333-00000007fd7d"),
    ),
    ("buyers", "acme", Source::Segment(CONSOLE_BUYERS)),
    ("buyers-again", "acme", Source::Segment(CONSOLE_BUYERS)),
    (
        "visitors",
        "beta",
        Source::Trait("Console visitors", CONSOLE_VISITORS),
    ),
    ("spenders", "beta", Source::Segment(SPENDERS)),
    ("echo", "acme", Source::Echo(OTHER)),
];

impl Source {
    /// Where it stands, for whoever changes it by hand.
    pub(super) fn stands(self) -> Option<(&'static str, String)> {
        match self {
            Self::Audience(id) => Some(("audiences", id.to_owned())),
            Self::Segment(sid) => Some(("segments", sid.to_string())),
            Self::Trait(_, sid) => Some(("traits", sid.to_string())),
            Self::Echo(_) => None,
        }
    }

    /// The source connector may begin to deliver it.
    pub(super) fn is_undelivered(self) -> bool {
        match self {
            Self::Audience(_) | Self::Echo(_) => false,
            Self::Segment(sid) | Self::Trait(_, sid) => sid != SPENDERS,
        }
    }
}

/// The company's own segment and trait.
pub(super) fn make_sources(world: &World) {
    world.create(
        "segments",
        json!({
            "sid": CONSOLE_BUYERS, "pid": 1794, "name": "Console buyers", "description": "Bought a console",
            "dataSourceId": 29_771, "folderId": 0, "segmentRule": "16440001T", "status": "ACTIVE",
        }),
    );
    world.create(
        "traits",
        json!({
            "sid": CONSOLE_VISITORS, "pid": 1794, "name": "Console visitors", "description": "Saw a console",
            "dataSourceId": 29_771, "folderId": 0, "traitType": "RULE_BASED_TRAIT",
            "traitRule": "page == \"console\"", "status": "ACTIVE", "ttl": 120,
        }),
    );
}

pub(super) const VARIANTS: usize = 11;
pub(super) const STRATEGIES: [&str; 3] = ["ExternalAudience", "MetadataOnly", "SegmentDefinition"];

/// `strategy`: how it comes to Experience Platform, if it goes there.
pub(super) fn declared(share: usize, variant: usize, strategy: &str) -> Value {
    let (name, connection, source) = SHARES[share];
    let (source, target) = match source {
        Source::Audience(id) => (
            json!({"experiencePlatform": {"id": id}}),
            json!({"audienceManager": to_audience_manager(name, variant)}),
        ),
        Source::Segment(sid) => (
            json!({"audienceManager": {"segment": {"sid": sid}}}),
            json!({"experiencePlatform": to_experience_platform(name, variant, strategy)}),
        ),
        Source::Trait(named, _) => (
            json!({"audienceManager": {"trait": {"name": named}}}),
            json!({"experiencePlatform": to_experience_platform(name, variant, strategy)}),
        ),
        Source::Echo(code) => (
            json!({"audienceManager": {"segment": {"integrationCode": code}}}),
            json!({"experiencePlatform": to_experience_platform(name, variant, strategy)}),
        ),
    };
    json!({
        "apiVersion": "audience-sharing.dev/v1alpha1", "kind": "SharedAudience", "metadata": {"name": name},
        "spec": {
            "connectionRef": {"name": connection}, "source": source, "target": target, "adoptionPolicy": "Always",
        },
    })
}

fn to_audience_manager(name: &str, variant: usize) -> Value {
    let segment = |key: &str| json!({"key": key, "name": format!("{name} and {key}"), "rule": "{trait} AND 16440001T"});
    match variant {
        0 => json!({}),
        1 => json!({"name": format!("{name}, named"), "ttlDays": 30}),
        2 => json!({"description": "Described by hand"}),
        3 => json!({"additionalSegments": [segment("one")]}),
        4 => json!({"additionalSegments": [segment("one"), segment("two")]}),
        5 => json!({"additionalSegments": [segment("two")], "name": "ümläut & <tag>"}),
        6 => json!({"destinations": [shop("first")]}),
        7 => json!({"destinations": [shop("second"), partner("gamers")]}),
        // The key of the one leads to the other, and the one is another segment's.
        8 => {
            let mut one = segment("one");
            one["destinations"] = json!([shop("one")]);
            json!({
                "destinations": [{"key": "shop", "id": 4712, "alias": "players"}], "additionalSegments": [one],
            })
        }
        9 => json!({"models": [{
            "key": "look", "name": format!("like {name}"), "baseline": "Segment", "dataSourceIds": [6601],
            "lookBackDays": 30,
        }]}),
        _ => json!({"additionalSegments": [{
            "key": "one", "name": format!("{name} and traits by name"), "rule": "{trait} AND ({auto} OR {pets})",
            "traits": [
                {"key": "auto", "name": "Auto intenders", "dataSourceId": 6601}, {"key": "pets", "sid": 9913},
            ],
            "destinations": [partner("named")],
        }]}),
    }
}

fn to_experience_platform(name: &str, variant: usize, strategy: &str) -> Value {
    match variant % 3 {
        0 => json!({"strategy": strategy}),
        1 => json!({"strategy": strategy, "name": format!("{name}, named")}),
        _ => json!({"strategy": strategy, "description": "Described by hand & <tag>"}),
    }
}

pub(super) fn mark_of(name: &str) -> String {
    standing::mark(
        OWNER,
        &json!({"metadata": {"namespace": NAMESPACE, "name": name}}),
    )
}
