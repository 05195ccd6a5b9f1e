//! The token of a credential: kept until shortly before it expires, asked for by one caller at a time, whose outcome
//! holds for all who waited.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;

use super::identity::Granted;
use crate::credential::{Credential, repeats};
use crate::error::Error;

/// A token is renewed this long before it expires, or at nine tenths of a shorter life.
const RENEWED_BEFORE: Duration = Duration::from_secs(600);
/// While the old token still works, a renewal that failed is tried again after this.
const RENEWAL_AGAIN: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(super) struct Token {
    pub(super) authorization: HeaderValue,
    /// `x-api-key`: always that of the credential which got the token.
    pub(super) client_id: HeaderValue,
    serial: u64,
    renew_at: Instant,
    expires_at: Instant,
}

impl Token {
    /// Whether a text that would be reported repeats it.
    pub(super) fn is_in(&self, text: &str) -> bool {
        let whole = self.authorization.to_str().unwrap_or_default();
        repeats(text, whole.trim_start_matches("Bearer "))
    }
}

pub(super) struct Tokens {
    state: Mutex<TokenState>,
    /// Held by the one who asks IMS.
    pub(super) asking: tokio::sync::Mutex<()>,
}

struct TokenState {
    credential: Arc<Credential>,
    token: Option<Token>,
    /// How often IMS was asked.
    attempts: u64,
    failure: Option<Error>,
}

/// What is at hand.
pub(super) enum AtHand {
    Fresh(Token),
    /// Still valid, and due to be renewed.
    Aging(Token),
    /// Nothing; with the number of attempts so far.
    Nothing(u64),
}

impl Tokens {
    pub(super) fn new(credential: Credential) -> Self {
        let state = TokenState {
            credential: Arc::new(credential),
            token: None,
            attempts: 0,
            failure: None,
        };
        Self {
            state: Mutex::new(state),
            asking: tokio::sync::Mutex::new(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, TokenState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn credential(&self) -> Arc<Credential> {
        self.state().credential.clone()
    }

    /// Takes another credential; `false` if it is the same one.
    pub(super) fn replace(&self, credential: Credential) -> bool {
        let mut state = self.state();
        if state.credential.fingerprint() == credential.fingerprint() {
            return false;
        }
        let attempts = state.attempts;
        *state = TokenState {
            credential: Arc::new(credential),
            token: None,
            attempts,
            failure: None,
        };
        true
    }

    pub(super) fn at_hand(&self, now: Instant) -> AtHand {
        let state = self.state();
        match &state.token {
            Some(token) if now < token.renew_at => AtHand::Fresh(token.clone()),
            Some(token) if now < token.expires_at => AtHand::Aging(token.clone()),
            _ => AtHand::Nothing(state.attempts),
        }
    }

    /// How the attempt ended that someone else made meanwhile.
    pub(super) fn outcome_since(
        &self,
        attempts: u64,
        now: Instant,
    ) -> Option<Result<Token, Error>> {
        let state = self.state();
        match (&state.token, &state.failure) {
            (Some(token), _) if now < token.expires_at => Some(Ok(token.clone())),
            (_, Some(failure)) if state.attempts > attempts => Some(Err(failure.clone())),
            _ => None,
        }
    }

    /// Keeps what IMS said; a token for a credential that was replaced meanwhile is not kept.
    pub(super) fn keep(
        &self,
        asked_with: &Arc<Credential>,
        outcome: Result<Granted, Error>,
    ) -> Result<Token, Error> {
        let now = Instant::now();
        let mut state = self.state();
        state.attempts += 1;
        let current = Arc::ptr_eq(&state.credential, asked_with);
        let outcome = outcome.and_then(|granted| {
            let client_id = HeaderValue::try_from(asked_with.client_id.as_str()).map_err(|_| {
                super::identity::OPERATION
                    .error(crate::error::Kind::CredentialsRefused)
                    .with_detail("the client id holds a character that no header may hold")
            })?;
            let Granted {
                authorization,
                lifetime,
            } = granted;
            let expires_at = now + lifetime;
            let renew_at = expires_at - RENEWED_BEFORE.min(lifetime / 10);
            Ok(Token {
                authorization,
                client_id,
                serial: state.attempts,
                renew_at,
                expires_at,
            })
        });
        match (&outcome, current) {
            (Ok(token), true) => (state.token, state.failure) = (Some(token.clone()), None),
            (Err(error), true) => state.failure = Some(error.clone()),
            (_, false) => {}
        }
        outcome
    }

    /// Puts the renewal of a token that still works off.
    pub(super) fn renew_later(&self, now: Instant) {
        if let Some(token) = &mut self.state().token {
            token.renew_at = now + RENEWAL_AGAIN;
        }
    }

    /// Forgets a token that was refused, unless another took its place meanwhile.
    pub(super) fn discard(&self, refused: &Token) {
        let mut state = self.state();
        if state
            .token
            .as_ref()
            .is_some_and(|token| token.serial == refused.serial)
        {
            state.token = None;
            state.failure = None;
        }
    }
}
