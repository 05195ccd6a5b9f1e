//! How near the tenant is to Audience Manager's item limits (audience-manager.md §2.7), as far as the lists of a pass
//! tell. Adobe's own counters have no documented form.

use crate::domain::identifier::DataSourceId;
use crate::inventory::Inventory;
use crate::plan::shared_objects::ObservedSharedObjects;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ItemCount {
    pub count: u64,
    /// What Adobe documents for a company.
    pub limit: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ItemCounts {
    /// All of the company.
    pub trait_folders: ItemCount,
    /// Those of the connection's data sources.
    pub traits: ItemCount,
    /// Those of the connection's data sources.
    pub segments: ItemCount,
}

const TRAIT_FOLDERS_MAX: u64 = 2_000;
const ONBOARDED_TRAITS_MAX: u64 = 100_000;
const SEGMENTS_MAX: u64 = 20_000;

pub fn count(inventory: &Inventory, state: &ObservedSharedObjects) -> ItemCounts {
    let of = |count: usize, limit| ItemCount {
        count: count as u64,
        limit,
    };
    let data_sources: Vec<DataSourceId> = state.data_sources().collect();
    let ours = |found: DataSourceId| data_sources.contains(&found);
    // The root is a folder of the list and none that anybody made.
    let folders = inventory.trait_folders.iter();
    let folders = folders.filter(|entry| entry.record.id.0 != 0).count();
    let traits = inventory.traits.iter();
    let segments = inventory.segments.iter();
    ItemCounts {
        trait_folders: of(folders, TRAIT_FOLDERS_MAX),
        traits: of(
            traits
                .filter(|entry| ours(entry.record.data_source))
                .count(),
            ONBOARDED_TRAITS_MAX,
        ),
        segments: of(
            segments
                .filter(|entry| ours(entry.record.data_source))
                .count(),
            SEGMENTS_MAX,
        ),
    }
}

impl ItemCount {
    /// Percent of the limit at which a person may want to act.
    const THRESHOLDS: [u64; 3] = [80, 95, 100];

    /// Whether it is worth a write after `reported`: it moved by a percent of the limit, or passed a threshold.
    pub fn is_news_after(self, reported: Self) -> bool {
        let percent = |count: u64| count.saturating_mul(100) / self.limit.max(1);
        let passed = |threshold: &u64| {
            (percent(reported.count) >= *threshold) != (percent(self.count) >= *threshold)
        };
        self.limit != reported.limit
            || self.count.abs_diff(reported.count).saturating_mul(100) >= self.limit
            || Self::THRESHOLDS.iter().any(passed)
    }
}

impl ItemCounts {
    /// Whether any of them is worth a write after `reported`.
    pub fn is_news_after(self, reported: Self) -> bool {
        self.trait_folders.is_news_after(reported.trait_folders)
            || self.traits.is_news_after(reported.traits)
            || self.segments.is_news_after(reported.segments)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::ItemCount;

    #[rstest]
    #[case::the_same(100, 100, false)]
    #[case::the_first(0, 1, false)]
    #[case::less_than_a_percent(100, 1_099, false)]
    #[case::a_percent(100, 1_100, true)]
    #[case::a_percent_down(1_100, 100, true)]
    #[case::past_a_threshold(79_999, 80_000, true)]
    #[case::back_below_it(95_000, 94_999, true)]
    #[case::at_the_limit(99_999, 100_000, true)]
    fn a_count_is_told_when_it_moved_by_a_percent_or_passed_a_threshold(
        #[case] reported: u64,
        #[case] count: u64,
        #[case] news: bool,
    ) {
        let of = |count| ItemCount {
            count,
            limit: 100_000,
        };
        assert_eq!(of(count).is_news_after(of(reported)), news);
    }
}
