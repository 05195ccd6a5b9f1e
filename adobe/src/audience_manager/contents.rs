//! The lists of what is in data sources, and of what has a code in one: the same for traits and segments.

use audience_sharing_core::domain::identifier::{DataSourceId, IntegrationCode};

use super::wire::PERMISSIONS;
use crate::resource::{List, query};

/// What is in some data sources, and what the credential may do with each. One list asks for all of them; whether the
/// filter counts each time is not proven (audience-manager.md §2.8), so the client compares what it shows.
pub(super) fn contents(
    word: &'static str,
    path: &str,
    data_sources: &[DataSourceId],
    details: (&str, &str),
) -> List {
    let ids: Vec<String> = data_sources.iter().map(DataSourceId::to_string).collect();
    let ids = ids.iter().map(|id| ("dataSourceId", id.as_str()));
    let pairs: Vec<_> = ids.chain([details, PERMISSIONS]).collect();
    List {
        tells_rights: true,
        ..List::new(word, query(path, &pairs))
    }
}

/// Each of several data sources by itself.
pub(super) fn each_alone(data_sources: &[DataSourceId]) -> Vec<Vec<DataSourceId>> {
    match data_sources {
        [_] => Vec::new(),
        several => several.iter().map(|id| vec![*id]).collect(),
    }
}

/// What has this integration code in this data source.
pub(super) fn with_code(
    word: &'static str,
    path: &str,
    (data_source, code): &(DataSourceId, IntegrationCode),
    details: (&str, &str),
) -> List {
    let source = data_source.to_string();
    let pairs = [
        ("dataSourceId", source.as_str()),
        ("integrationCode", code.as_str()),
        details,
    ];
    List::new(word, query(path, &pairs))
}
