//! What is told of every exchange to whoever watches: both sides whole, without anything that is a secret.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::calls::{System, is_secret, redacted};
use crate::exchange::{Answer, Incoming, Payload, Query};

/// One exchange.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    pub system: System,
    pub method: String,
    /// The path, with `?` and the query where there is one; secrets and tokens are `REDACTED`.
    pub target: String,
    /// Of the request, names in small letters. Of `authorization` only the scheme is told.
    pub headers: Vec<(String, String)>,
    /// The request's body; a text where it is no JSON, a form as an object. Secrets are `REDACTED`.
    pub request: Option<Value>,
    /// `None`: no answer came, or a fault made it.
    pub answer: Option<Told>,
}

/// An answer that no fault changed.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    pub status: u16,
    /// A token is `REDACTED`.
    pub body: Option<Value>,
}

type Watcher = Arc<dyn Fn(&Exchange) + Send + Sync>;

/// Whoever watches; none at first.
#[derive(Clone, Default)]
pub(crate) struct Observer(Arc<Mutex<Option<Watcher>>>);

impl Observer {
    pub(crate) fn set(&self, watcher: Watcher) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(watcher);
    }

    /// `answer`: unless a fault made it, or none came.
    pub(crate) fn tell(&self, system: System, incoming: &Incoming, answer: Option<&Answer>) {
        let watcher = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(watcher) = watcher {
            watcher(&Exchange {
                system,
                method: incoming.method.clone(),
                target: match incoming.raw_query.as_str() {
                    "" => incoming.path.clone(),
                    query => format!("{}?{}", incoming.path, redacted(query)),
                },
                headers: headers(incoming),
                request: request(incoming),
                answer: answer.map(told),
            });
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Observer")
    }
}

fn headers(incoming: &Incoming) -> Vec<(String, String)> {
    let all = incoming.headers.iter();
    let told = all.map(|(name, value)| {
        let value = value.to_str().unwrap_or_default();
        let told = match name.as_str() {
            "authorization" => value.split(' ').next().unwrap_or_default(),
            "cookie" | "proxy-authorization" => "REDACTED",
            _ => value,
        };
        (name.as_str().to_owned(), told.to_owned())
    });
    told.collect()
}

fn request(incoming: &Incoming) -> Option<Value> {
    if incoming.body.is_empty() {
        return None;
    }
    let text = String::from_utf8_lossy(&incoming.body);
    if incoming.content_type_is(&["application/x-www-form-urlencoded"]) {
        let form = Query::parse(&redacted(&text));
        let pairs = form.pairs().iter();
        let members = pairs.map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        return Some(Value::Object(members.collect::<Map<_, _>>()));
    }
    Some(serde_json::from_slice(&incoming.body).unwrap_or_else(|_| Value::from(text.as_ref())))
}

fn told(answer: &Answer) -> Told {
    let body = match &answer.payload {
        Payload::Empty => None,
        Payload::Text { text, .. } => Some(Value::from(text.as_str())),
        Payload::Json(Value::Object(members)) => {
            let told = members.iter().map(|(name, value)| {
                let secret = is_secret(name) && value.is_string();
                let value = if secret {
                    Value::from("REDACTED")
                } else {
                    value.clone()
                };
                (name.clone(), value)
            });
            Some(Value::Object(told.collect()))
        }
        Payload::Json(body) => Some(body.clone()),
    };
    Told {
        status: answer.status,
        body,
    }
}
