//! A list in a message: bounded, whatever it holds.

use std::fmt::{self, Display, Formatter};

pub(super) const SHOWN_MAX: usize = 8;

/// In a message at most eight of them, and how many more there are.
#[derive(Debug)]
pub struct Bounded<'a, T>(pub &'a [T]);

impl<T: Display> Display for Bounded<'_, T> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let shown: Vec<String> = self.0.iter().take(SHOWN_MAX).map(T::to_string).collect();
        formatter.write_str(&shown.join(", "))?;
        match self.0.len().checked_sub(SHOWN_MAX) {
            None | Some(0) => Ok(()),
            Some(more) => write!(formatter, " and {more} more"),
        }
    }
}
