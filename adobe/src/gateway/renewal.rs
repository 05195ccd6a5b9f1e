//! How a gateway comes by its token: at hand, renewed while the old one works, or asked for.

use tokio::time::Instant;

use super::breaker::Pass;
use super::token::{AtHand, Token};
use super::{Gateway, Shared, identity};
use crate::error::{Error, Kind};

impl Gateway {
    /// The token, asked for if need be by one caller for all who wait.
    pub(super) async fn token<'a>(
        &'a self,
        identity: Pass<'a>,
    ) -> Result<(Token, Pass<'a>), Error> {
        let tokens = &self.shared.tokens;
        let attempts = match tokens.at_hand(Instant::now()) {
            AtHand::Fresh(token) => return Ok((token, identity)),
            AtHand::Aging(token) => return Ok((self.renewed(token).await, identity)),
            AtHand::Nothing(attempts) => attempts,
        };
        let _asking = tokens.asking.lock().await;
        if let Some(outcome) = tokens.outcome_since(attempts, Instant::now()) {
            return outcome.map(|token| (token, identity));
        }
        match self.ask().await {
            Ok(token) => Ok((token, identity)),
            Err(error) => {
                // The next request for a token would be asked to wait too.
                let certain = matches!(error.kind(), Kind::CredentialsRefused | Kind::Throttled);
                identity.failed(
                    error.clone(),
                    Instant::now(),
                    certain,
                    self.shared.exchange.chance(),
                );
                Err(error)
            }
        }
    }

    /// A younger token if it can be had; the old one does meanwhile.
    async fn renewed(&self, old: Token) -> Token {
        let Ok(_asking) = self.shared.tokens.asking.try_lock() else {
            return old;
        };
        match self.ask().await {
            Ok(token) => token,
            Err(error) => {
                tracing::warn!(%error, "the token could not be renewed; the old one still works");
                self.shared.tokens.renew_later(Instant::now());
                old
            }
        }
    }

    async fn ask(&self) -> Result<Token, Error> {
        let credential = self.shared.tokens.credential();
        let Shared {
            exchange,
            endpoints,
            ..
        } = &*self.shared;
        self.limiter.charge_connection();
        let outcome = identity::request_token(exchange, &endpoints.ims, &credential).await;
        if outcome.is_ok() {
            self.limiter.charge_client();
        }
        self.shared.tokens.keep(&credential, outcome)
    }
}
