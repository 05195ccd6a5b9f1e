//! What Audience Manager lets the credential do with one object: its `permissions` (audience-manager.md §1.5).

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    Read,
    Write,
    /// Something in a data source.
    Create,
    Delete,
    MapToDestination,
}

impl Right {
    const ALL: [Self; 5] = [
        Self::Read,
        Self::Write,
        Self::Create,
        Self::Delete,
        Self::MapToDestination,
    ];

    /// Adobe's own word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::Create => "CREATE",
            Self::Delete => "DELETE",
            Self::MapToDestination => "MAP_TO_DESTINATION",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Right {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Those of an object that shows its permissions; other words among them are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights(u8);

impl Rights {
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let known = words.into_iter().filter_map(|word| {
            // Adobe's pages have this one in the plural too.
            let word = word.strip_suffix('S').unwrap_or(word);
            Right::ALL.into_iter().find(|right| right.as_str() == word)
        });
        Self(known.fold(0, |bits, right| bits | right.bit()))
    }

    /// Not one word was known: they say nothing.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn has(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    pub fn is_whole(self) -> bool {
        Right::ALL.into_iter().all(|right| self.has(right))
    }
}

#[cfg(test)]
mod tests {
    use super::{Right, Rights};

    #[test]
    fn rights_are_read_by_adobes_words() {
        let rights = Rights::of(["READ", "WRITE", "MAP_TO_DESTINATIONS", "write"]);
        assert!(rights.has(Right::Write) && rights.has(Right::MapToDestination));
        assert!(!rights.has(Right::Create) && !rights.has(Right::Delete));
        assert!(!rights.is_whole() && !rights.is_empty());
        assert!(Rights::of(["VIEW"]).is_empty());
        let all = Rights::of(["READ", "WRITE", "CREATE", "DELETE", "MAP_TO_DESTINATION"]);
        assert!(all.is_whole());
    }
}
