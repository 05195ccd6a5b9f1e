//! The leaves of additional segments, of the traits in their rules, and of destinations.

use serde_json::{Value, json};

use super::table::{Text, Values, leaf};
use super::table_of_audience::to_audience_manager;

/// Destinations of the tenant for a member each: one that is called by its address.
pub(crate) const PIXEL: u64 = 4_930;
const SHOP_PIXEL: u64 = 4_701;
const SITE_COOKIE: u64 = 4_703;
/// Server to server, and it chooses no alias by itself.
pub(crate) const SERVER: u64 = 4_960;
/// A data source of a provider, and its trait.
const PROVIDER: u64 = 6_601;
const AUTO_INTENDERS: u64 = 9_912;
const NO_ONES: u64 = 4_711;

fn destination(number: usize) -> Value {
    json!({"key": format!("k{number}"), "id": PIXEL + number as u64, "url": "https://pixel.example/a"})
}

fn segment(number: usize) -> Value {
    json!({"key": format!("k{number}"), "name": format!("Extra {number}"), "rule": "{trait} AND 16440001T"})
}

fn named_trait(number: usize) -> Value {
    let key = match number {
        0 => "auto".to_owned(),
        number => format!("k{number}"),
    };
    json!({"key": key, "sid": AUTO_INTENDERS})
}

/// A rule of just this length: of traits with long and short sids as many as it takes.
fn rule(length: usize) -> String {
    let (long, short) = (" OR 16440001T", " OR 9912T");
    let left = length - "{trait}".len();
    let mut counts = (0..short.len()).map(|count| (count, left - count * long.len()));
    let (count, left) = counts.find(|(_, left)| left % short.len() == 0).unwrap();
    let shorts = short.repeat(left / short.len());
    format!("{{trait}}{}{shorts}", long.repeat(count))
}

/// An audience with one additional segment, of which this is said.
fn extra(fields: Value) -> impl Fn(usize) -> Value + Send + Sync + 'static {
    move |patient| {
        let mut segment = segment(0);
        for (field, value) in fields.as_object().unwrap() {
            segment[field] = value.clone();
        }
        to_audience_manager(patient, &json!({"additionalSegments": [segment]}))
    }
}

fn of_segments() -> Vec<Values> {
    const ANOTHER: &str = "another key is another segment";
    vec![
        leaf(
            "SharedAudience spec.target.audienceManager.additionalSegments",
            extra(json!({})),
        )
        .of(segment)
        .remade("a segment that was taken out is deleted"),
        leaf(
            "SharedAudience spec.target.audienceManager.additionalSegments[]",
            extra(json!({})),
        ),
        leaf(
            "SharedAudience spec.target.audienceManager.additionalSegments[].key",
            extra(json!({})),
        )
        .or(&[("another", json!("another"))])
        .bad(&[("upper case", "Extra"), ("hyphen first", "-extra")])
        .text(Text::Word)
        .remade(ANOTHER),
        leaf(
            "SharedAudience spec.target.audienceManager.additionalSegments[].name",
            extra(json!({})),
        )
        .or(&[("another", json!("Another"))])
        .trimmed(),
        leaf(
            "SharedAudience spec.target.audienceManager.additionalSegments[].description",
            extra(json!({"description": "First"})),
        )
        .or(&[("another", json!("Another"))]),
        leaf(
            "SharedAudience spec.target.audienceManager.additionalSegments[].rule",
            extra(json!({})),
        )
        .or(&[
            ("another", json!("{trait} OR 16440001T")),
            ("no rule", json!("{trait} AND")),
            ("a trait of nobody", json!("{trait} AND 4711T")),
            ("a key of nobody", json!("{trait} AND {nobody}")),
        ])
        .bad(&[("without the shared trait", "16440001T")])
        .text(Text::Like(rule)),
        leaf(
            "SharedAudience spec.target.audienceManager.additionalSegments[].traits",
            extra(json!({"rule": "{trait} AND {auto}", "traits": [named_trait(0)]})),
        )
        .of(named_trait),
        leaf(
            "SharedAudience spec.target.audienceManager.additionalSegments[].destinations",
            extra(json!({"destinations": [destination(0)]})),
        )
        .of(destination)
        .remade("a mapping that was taken out is deleted"),
    ]
}

/// An additional segment whose rule has this trait.
fn with_trait(fields: Value) -> impl Fn(usize) -> Value + Send + Sync + 'static {
    let mut named = fields;
    named["key"] = json!("auto");
    extra(json!({"rule": "{trait} AND {auto}", "traits": [named]}))
}

fn of_traits() -> Vec<Values> {
    vec![
        leaf(
            "SharedAudience spec.target.audienceManager.additionalSegments[].traits[]",
            with_trait(json!({"sid": AUTO_INTENDERS})),
        ),
        leaf(
            "SharedAudience spec.target.audienceManager.additionalSegments[].traits[].key",
            with_trait(json!({"sid": AUTO_INTENDERS})),
        )
        .or(&[("another", json!("another"))])
        .bad(&[("the shared trait's", "trait"), ("upper case", "Auto")])
        .text(Text::Word),
        leaf(
            "SharedAudience spec.target.audienceManager.additionalSegments[].traits[].sid",
            with_trait(json!({"sid": AUTO_INTENDERS})),
        )
        .or(&[("another", json!(16_440_001)), ("unknown", json!(NO_ONES))])
        .needed(),
        leaf(
            "SharedAudience spec.target.audienceManager.additionalSegments[].traits[].integrationCode",
            with_trait(json!({"integrationCode": "sweep-code"})),
        )
        .or(&[("another", json!("sweep-code-other")), ("unknown", json!("nobodys"))])
        .of_one_line()
        .needed(),
        leaf(
            "SharedAudience spec.target.audienceManager.additionalSegments[].traits[].name",
            with_trait(json!({"name": "Auto intenders", "dataSourceId": PROVIDER})),
        )
        .or(&[("another", json!("Pet owners")), ("unknown", json!("Nobody's"))])
        .of_one_line()
        .needed(),
        leaf(
            "SharedAudience spec.target.audienceManager.additionalSegments[].traits[].dataSourceId",
            with_trait(json!({"name": "Auto intenders", "dataSourceId": PROVIDER})),
        )
        .or(&[("another", json!(29_769))])
        .needed(),
    ]
}

/// The leaves of a destination; `leaves` in the order of the list below, `around` what holds it.
fn of_destinations<Around>(leaves: [&'static str; 9], around: Around) -> Vec<Values>
where
    Around: Fn(usize, Value) -> Value + Copy + Send + Sync + 'static,
{
    let [object, key, id, name, url, alias, value_alias, start, end] = leaves;
    let one = |leaf_of: &'static str, mut declared: Value| {
        declared["key"] = json!("first");
        leaf(leaf_of, move |patient| around(patient, declared.clone()))
    };
    let shop = json!({"id": SHOP_PIXEL, "url": "https://shop.example/a"});
    let dated = json!({"id": SHOP_PIXEL, "url": "https://shop.example/a", "startDate": "2027-07-04",
        "endDate": "2030-12-31"});
    const MAPPED_ANEW: &str = "a mapping to another destination is another mapping";
    const A_DAY: Text = Text::Fixed("a day has ten characters");
    vec![
        one(object, shop.clone()),
        one(key, shop.clone())
            .or(&[("another", json!("second"))])
            .bad(&[("upper case", "First"), ("hyphen last", "first-")])
            .text(Text::Word),
        one(id, shop.clone())
            .or(&[("another", json!(PIXEL)), ("unknown", json!(NO_ONES))])
            .needed()
            .remade(MAPPED_ANEW),
        one(
            name,
            json!({"name": "Shop pixel", "url": "https://shop.example/a"}),
        )
        .or(&[
            ("another", json!("Sweep pixel 0")),
            ("unknown", json!("Nobody's")),
        ])
        .of_one_line()
        .needed()
        .remade(MAPPED_ANEW),
        one(url, shop)
            .or(&[("another", json!("http://shop.example/b?c&d"))])
            .bad(&[
                ("of another scheme", "ftp://shop.example"),
                ("space", "https://shop.example/a b"),
            ])
            .text(Text::Like(|length| {
                format!("https://{}", "x".repeat(length - 8))
            })),
        one(alias, json!({"id": SERVER, "alias": "first"}))
            .or(&[("another", json!("another"))])
            .trimmed(),
        one(
            value_alias,
            json!({"id": SITE_COOKIE, "valueAlias": "first"}),
        )
        .or(&[("another", json!("another"))])
        .trimmed(),
        one(start, dated.clone())
            .or(&[
                ("another", json!("2027-08-01")),
                ("a day before", json!("2027-07-03")),
                ("no day", json!("2027-02-30")),
            ])
            .bad(&[
                ("in another form", "4.7.2027"),
                ("after the end", "2031-01-01"),
            ])
            .text(A_DAY)
            .silent("a day before", "Audience Manager shows the day before")
            .silent("removed", "a mapping that stands keeps its day"),
        one(end, dated)
            .or(&[
                ("another", json!("2031-02-01")),
                ("a day after", json!("2031-01-01")),
                ("no day", json!("2031-02-30")),
            ])
            .bad(&[
                ("in another form", "31.12.2030"),
                ("before the start", "2027-01-01"),
            ])
            .text(A_DAY)
            .silent("a day after", "Audience Manager may show the day before"),
    ]
}

macro_rules! destination_leaves {
    ($list:literal) => {
        [
            concat!("SharedAudience ", $list, "[]"),
            concat!("SharedAudience ", $list, "[].key"),
            concat!("SharedAudience ", $list, "[].id"),
            concat!("SharedAudience ", $list, "[].name"),
            concat!("SharedAudience ", $list, "[].url"),
            concat!("SharedAudience ", $list, "[].alias"),
            concat!("SharedAudience ", $list, "[].valueAlias"),
            concat!("SharedAudience ", $list, "[].startDate"),
            concat!("SharedAudience ", $list, "[].endDate"),
        ]
    };
}

pub(crate) fn table() -> Vec<Values> {
    let mut all = of_segments();
    all.extend(of_traits());
    all.push(
        leaf(
            "SharedAudience spec.target.audienceManager.destinations",
            |patient| to_audience_manager(patient, &json!({"destinations": [destination(0)]})),
        )
        .of(destination)
        .remade("a mapping that was taken out is deleted"),
    );
    all.extend(of_destinations(
        destination_leaves!("spec.target.audienceManager.destinations"),
        |patient, declared| to_audience_manager(patient, &json!({"destinations": [declared]})),
    ));
    all.extend(of_destinations(
        destination_leaves!("spec.target.audienceManager.additionalSegments[].destinations"),
        |patient, declared| extra(json!({"destinations": [declared]}))(patient),
    ));
    all
}
