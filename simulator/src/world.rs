//! Everything that a service reads and writes: objects, credentials, tokens, clock, switches. Knows no service; what a
//! request does to it is in `simulation.rs`.

use std::collections::BTreeMap;

use serde_json::json;

use crate::caller::{Bucket, Token};
use crate::calls::System;
use crate::clock::{Clock, START_MS, midnight};
use crate::flags::{Flags, Preset};
use crate::schedule::Schedule;
use crate::state::{Account, ClockState, Credential, State};
use crate::store::{Key, Kind, Object, Store};

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) flags: Flags,
    pub(crate) credentials: Vec<Credential>,
    pub(crate) accounts: BTreeMap<u64, Account>,
    pub(crate) store: Store,
    pub(crate) tokens: BTreeMap<String, Token>,
    pub(crate) buckets: BTreeMap<(String, System), Bucket>,
    /// Audiences that cannot be read before this moment.
    pub(crate) visible_from: BTreeMap<String, u64>,
    /// Deleted audiences that can still be read until this moment.
    pub(crate) tombstones: BTreeMap<String, (u64, Object)>,
    pub(crate) schedule: Schedule,
    /// The midnight of the last count of members.
    pub(crate) counted_ms: u64,
    noise: u64,
}

impl World {
    pub(crate) fn empty() -> Self {
        Self {
            clock: Clock::starting_at(START_MS),
            flags: Flags::default(),
            credentials: Vec::new(),
            accounts: BTreeMap::new(),
            store: Store::default(),
            tokens: BTreeMap::new(),
            buckets: BTreeMap::new(),
            visible_from: BTreeMap::new(),
            tombstones: BTreeMap::new(),
            schedule: Schedule::default(),
            counted_ms: 0,
            noise: 0,
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// A number nobody guesses from the one before, the same in every run.
    pub(crate) fn random(&mut self) -> u64 {
        // splitmix64
        self.noise = self.noise.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.noise;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.random(), self.random());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0x0fff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }

    pub(crate) fn account(&self, pid: u64) -> Account {
        self.accounts.get(&pid).cloned().unwrap_or(Account {
            pid,
            ..Account::default()
        })
    }

    /// Takes a whole state over; `preset` is what the flags of the state are laid over.
    pub(crate) fn load(&mut self, mut state: State, preset: Preset) {
        for credential in &mut state.credentials {
            credential.inherit_secrets(&self.credentials);
        }
        if let Some(now_ms) = state.clock.now_ms {
            self.clock = Clock::starting_at(now_ms);
        }
        let mut store = Store::default();
        for kind in Kind::ALL {
            for object in std::mem::take(state.objects_mut(kind)) {
                if let Some(key) = Key::of(kind, &object) {
                    store.set(kind, key, Some(object));
                }
            }
        }
        store.forget_history();
        store.count_on_from(&self.store);
        self.store = store;
        self.credentials = state.credentials;
        self.accounts = state
            .accounts
            .into_iter()
            .map(|account| (account.pid, account))
            .collect();
        // They were read once when the state was checked.
        self.flags = Flags::read(&state.flags, preset).unwrap_or_default();
        self.visible_from.clear();
        self.tombstones.clear();
        self.schedule = Schedule::of(&self.store, state.connector_deliveries);
        self.counted_ms = midnight(self.now_ms());
    }

    /// The state without its objects, which the document's writer adds.
    pub(crate) fn frame(&self) -> State {
        State {
            clock: ClockState {
                now_ms: Some(self.now_ms()),
            },
            credentials: self.credentials.clone(),
            accounts: self.accounts.values().cloned().collect(),
            connector_deliveries: self.schedule.deliveries().collect(),
            flags: json!(self.flags),
            ..State::default()
        }
    }
}
