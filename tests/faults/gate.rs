//! Holds chosen calls before their effect and before their answer, and lets them go in an order that a test generates.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::watch;

use crate::choke_point::Call;

/// Where a call is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    /// Before it takes effect, or is read.
    Effect,
    /// Before its answer arrives.
    Answer,
}

/// A held call: which row of calls it belongs to, and its place in it.
pub(crate) type Held = (usize, usize);

/// Rows of calls that each go one after another; the rows go side by side.
pub(crate) struct Gate {
    /// Which row a call belongs to, if it is to be held.
    row_of: fn(&Call) -> Option<usize>,
    seen: Mutex<Vec<usize>>,
    arrived: watch::Sender<BTreeSet<(Held, Moment)>>,
    open: watch::Sender<BTreeSet<(Held, Moment)>>,
    wide_open: watch::Sender<bool>,
}

/// A call that is not made is not waited for.
const ARRIVES_WITHIN: Duration = Duration::from_secs(5);

impl Gate {
    pub(crate) fn new(rows: usize, row_of: fn(&Call) -> Option<usize>) -> Self {
        Self {
            row_of,
            seen: Mutex::new(vec![0; rows]),
            arrived: watch::channel(BTreeSet::new()).0,
            open: watch::channel(BTreeSet::new()).0,
            wide_open: watch::channel(false).0,
        }
    }

    /// The place of a call that is to be held.
    pub(crate) fn holds(&self, call: &Call) -> Option<Held> {
        let row = (self.row_of)(call)?;
        let mut seen = self.seen.lock().unwrap();
        seen[row] += 1;
        Some((row, seen[row] - 1))
    }

    /// Waits until the call may go on.
    pub(crate) async fn pass(&self, held: Held, moment: Moment) {
        self.arrived
            .send_if_modified(|arrived| arrived.insert((held, moment)));
        let (mut open, mut wide_open) = (self.open.subscribe(), self.wide_open.subscribe());
        // Both senders live as long as the gate.
        tokio::select! {
            _ = open.wait_for(|open| open.contains(&(held, moment))) => {}
            _ = wide_open.wait_for(|open| *open) => {}
        }
    }

    /// Whether a call comes to its effect.
    pub(crate) async fn arrives(&self, held: Held) -> bool {
        let mut arrived = self.arrived.subscribe();
        let comes = arrived.wait_for(|arrived| arrived.contains(&(held, Moment::Effect)));
        tokio::time::timeout(ARRIVES_WITHIN, comes).await.is_ok()
    }

    /// Lets a call go on once it is there; `false` if it does not come.
    pub(crate) async fn let_go(&self, held: Held, moment: Moment) -> bool {
        let mut arrived = self.arrived.subscribe();
        let comes = arrived.wait_for(|arrived| arrived.contains(&(held, moment)));
        let came = tokio::time::timeout(ARRIVES_WITHIN, comes).await.is_ok();
        self.open
            .send_if_modified(|open| open.insert((held, moment)));
        came
    }

    /// Holds nothing any more.
    pub(crate) fn open_wide(&self) {
        self.wide_open.send_replace(true);
    }
}
