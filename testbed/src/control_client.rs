//! The simulator's control port: what was called, what stands in the two tenants, faults, the clock. Not a door that
//! the operator knows.

use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::Error;
use crate::http;

/// One request that the simulator met.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Call {
    /// Grows by one per call, over all systems.
    pub sequence: u64,
    /// `ims`, `audienceManager` or `experiencePlatform`.
    pub system: String,
    pub method: String,
    pub path: String,
    #[serde(default)]
    pub query: Option<String>,
    /// Absent where a fault left the call without an answer.
    #[serde(default)]
    pub status: Option<u16>,
    /// The simulator's own time.
    #[serde(default)]
    pub time: Value,
}

impl Call {
    /// Whether it asked for a change in one of the two tenants: everything but GET and HEAD, the token of IMS apart.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.system != "ims" && !matches!(self.method.as_str(), "GET" | "HEAD")
    }
}

/// A client of the control port.
#[derive(Clone, Debug)]
pub struct ControlClient {
    address: String,
    client: reqwest::Client,
}

impl ControlClient {
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(address: &str) -> Result<Self, Error> {
        Ok(Self {
            address: address.to_owned(),
            client: http::client()?,
        })
    }

    /// Every call since the start or [`Self::clear_calls`], oldest first.
    ///
    /// # Errors
    /// [`Error::Unreachable`], [`Error::Refused`] or [`Error::Unreadable`], as for every function here.
    pub async fn calls(&self) -> Result<Vec<Call>, Error> {
        self.read("/calls").await
    }

    /// # Errors
    /// As for [`Self::calls`].
    pub async fn clear_calls(&self) -> Result<(), Error> {
        self.send(Method::DELETE, "/calls", None).await.map(drop)
    }

    /// The log of changes, oldest first: a page of those after the first `since`, empty at the end.
    ///
    /// # Errors
    /// As for [`Self::calls`].
    pub async fn changes(&self, since: usize) -> Result<Vec<Value>, Error> {
        self.read(&format!("/changes?since={since}")).await
    }

    /// A person who copies what clients create; the simulator documents the members of each entry.
    ///
    /// # Errors
    /// As for [`Self::calls`].
    pub async fn copy_created(&self, copies: &Value) -> Result<(), Error> {
        self.send(Method::PUT, "/copies", Some(copies))
            .await
            .map(drop)
    }

    /// All that stands in the two tenants, by collection: `traits`, `segments`, `dataSources`, …
    ///
    /// # Errors
    /// As for [`Self::calls`].
    pub async fn state(&self) -> Result<Value, Error> {
        self.read("/state").await
    }

    /// Replaces everything.
    ///
    /// # Errors
    /// As for [`Self::calls`].
    pub async fn put_state(&self, state: &Value) -> Result<(), Error> {
        self.send(Method::PUT, "/state", Some(state))
            .await
            .map(drop)
    }

    /// Adds an object, as someone else would; the answer is the simulator's.
    ///
    /// # Errors
    /// As for [`Self::calls`].
    pub async fn create(&self, collection: &str, object: &Value) -> Result<Value, Error> {
        let path = format!("/state/{collection}");
        let body = self.send(Method::POST, &path, Some(object)).await?;
        parse(&path, &body)
    }

    /// Changes fields of an object by hand (a JSON merge patch).
    ///
    /// # Errors
    /// As for [`Self::calls`].
    pub async fn patch(&self, collection: &str, id: &str, fields: &Value) -> Result<(), Error> {
        let path = format!("/state/{collection}/{id}");
        self.send(Method::PATCH, &path, Some(fields))
            .await
            .map(drop)
    }

    /// Takes an object away by hand.
    ///
    /// # Errors
    /// As for [`Self::calls`].
    pub async fn delete(&self, collection: &str, id: &str) -> Result<(), Error> {
        let path = format!("/state/{collection}/{id}");
        self.send(Method::DELETE, &path, None).await.map(drop)
    }

    /// Adds faults, in the simulator's own words.
    ///
    /// # Errors
    /// As for [`Self::calls`].
    pub async fn faults(&self, faults: &Value) -> Result<(), Error> {
        self.send(Method::POST, "/faults", Some(faults))
            .await
            .map(drop)
    }

    /// # Errors
    /// As for [`Self::calls`].
    pub async fn clear_faults(&self) -> Result<(), Error> {
        self.send(Method::DELETE, "/faults", None).await.map(drop)
    }

    /// Moves the simulator's clock forward; tokens run out, statistics age.
    ///
    /// # Errors
    /// As for [`Self::calls`].
    pub async fn advance_clock(&self, by: std::time::Duration) -> Result<(), Error> {
        let body = json!({"advanceMs": u64::try_from(by.as_millis()).unwrap_or(u64::MAX)});
        self.send(Method::POST, "/clock", Some(&body))
            .await
            .map(drop)
    }

    /// Back to the state of the start.
    ///
    /// # Errors
    /// As for [`Self::calls`].
    pub async fn reset(&self) -> Result<(), Error> {
        self.send(Method::POST, "/reset", None).await.map(drop)
    }

    /// Sets switches for what the references mark as unsure.
    ///
    /// # Errors
    /// As for [`Self::calls`].
    pub async fn flags(&self, flags: &Value) -> Result<(), Error> {
        self.send(Method::PUT, "/flags", Some(flags))
            .await
            .map(drop)
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let body = self.send(Method::GET, path, None).await?;
        parse(path, &body)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<String, Error> {
        let url = format!("{}{path}", self.address);
        let mut request = self.client.request(method.clone(), &url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(http::unreachable(&url))?;
        let status = response.status();
        let body = response.text().await.map_err(http::unreachable(&url))?;
        if status.is_success() {
            return Ok(body);
        }
        Err(Error::Refused {
            method: method.to_string(),
            url,
            status: status.as_u16(),
            body,
        })
    }
}

fn parse<T: DeserializeOwned>(path: &str, body: &str) -> Result<T, Error> {
    serde_json::from_str(body).map_err(|source| Error::Unreadable {
        what: format!("the answer to {path}"),
        source,
    })
}
