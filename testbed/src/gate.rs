//! A gate between one operator and all that it calls: the API server and the three systems. Every call passes one
//! place, where a test holds or refuses it, and where stands afterwards who did what, in which order.
//!
//! A call that was let in goes on when its sender has died, as it does on the way through a real network. In the clear
//! on loopback; the way on to the API server is encrypted, as its administrator.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use axum::response::IntoResponse;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::control_plane::ControlPlane;
use crate::error::Error;
use crate::simulator::Addresses;

/// An operator sends manifests and single objects; nothing of either is larger.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Of one connection, never passed on; the length of a body is known anew.
const OF_A_CONNECTION: [header::HeaderName; 5] = [
    header::HOST,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::UPGRADE,
];

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    Kubernetes,
    Ims,
    AudienceManager,
    ExperiencePlatform,
}

impl Target {
    /// By the paths of the real systems, which have nothing in common.
    fn of(path: &str) -> Self {
        match path.split('/').nth(1) {
            Some("ims") => Self::Ims,
            Some("v1") => Self::AudienceManager,
            Some("data") => Self::ExperiencePlatform,
            _ => Self::Kubernetes,
        }
    }
}

/// One call that came to a gate.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Passage {
    /// The gate's name: whose call it is.
    pub client: String,
    pub target: Target,
    pub method: String,
    /// Without the query.
    pub path: String,
    /// The moment when it was sent on, counted over all gates of a [`Ledger`]; absent while it is held or if refused.
    pub forwarded: Option<u64>,
    /// The moment when its target had answered, and the status.
    pub answered: Option<(u64, u16)>,
}

impl Passage {
    /// Whether it asks for a change. A look-up of many audiences by id is a POST, and so is the token.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.target != Target::Ims && !matches!(self.method.as_str(), "GET" | "HEAD")
    }

    /// Whether it was granted.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.answered
            .is_some_and(|(_, status)| (200..300).contains(&status))
    }
}

impl std::fmt::Display for Passage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            client,
            method,
            path,
            ..
        } = self;
        write!(formatter, "{client}: {method} {path}")?;
        match self.answered {
            Some((_, status)) => write!(formatter, " {status}"),
            None => Ok(()),
        }
    }
}

/// What passed one gate or several, in the order of arrival; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    moments: u64,
    passages: Vec<Passage>,
}

impl Ledger {
    /// All calls so far.
    #[must_use]
    pub fn passages(&self) -> Vec<Passage> {
        self.book().passages.clone()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrived(&self, passage: Passage) -> usize {
        let mut book = self.book();
        book.passages.push(passage);
        book.passages.len() - 1
    }

    fn forwarded(&self, position: usize) {
        self.mark(position, |passage, moment| {
            passage.forwarded = Some(moment);
        });
    }

    fn answered(&self, position: usize, status: StatusCode) {
        self.mark(position, |passage, moment| {
            passage.answered = Some((moment, status.as_u16()));
        });
    }

    fn mark(&self, position: usize, change: impl FnOnce(&mut Passage, u64)) {
        let mut book = self.book();
        book.moments += 1;
        let moment = book.moments;
        if let Some(passage) = book.passages.get_mut(position) {
            change(passage, moment);
        }
    }
}

/// Where a call is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// It came here and no further.
    BeforeEffect,
    /// Its target has done and answered it, and its sender does not know.
    BeforeAnswer,
}

type Matching = Box<dyn Fn(&Passage) -> bool + Send>;

/// A hold that waits for its call.
struct Hold {
    matching: Matching,
    /// How many calls that match are let through before.
    left: usize,
    moment: Moment,
    reached: oneshot::Sender<Passage>,
    released: oneshot::Receiver<()>,
}

/// A call that is held, or will be. Dropped, the call gets no further; if its sender still lives, it is told 502.
#[derive(Debug)]
pub struct Held {
    reached: oneshot::Receiver<Passage>,
    release: oneshot::Sender<()>,
}

impl Held {
    /// Waits until the call is held; `None` if its target did not answer it, or its gate is gone.
    pub async fn reached(&mut self) -> Option<Passage> {
        (&mut self.reached).await.ok()
    }

    /// Lets it go on, also where its sender has died.
    pub fn release(self) {
        // One that never came needs no release.
        let _ = self.release.send(());
    }
}

/// The gate of one operator. Closed on drop.
#[derive(Debug)]
pub struct Gate {
    name: String,
    address: String,
    kubeconfig: PathBuf,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    name: String,
    ledger: Ledger,
    client: reqwest::Client,
    api_server: String,
    addresses: Addresses,
    holds: Mutex<Vec<Hold>>,
    refused: Mutex<Option<Matching>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Shared")
    }
}

impl Gate {
    /// Opens it on a free port. `name` tells its calls from those of other gates in the ledger; the API server is asked
    /// as `user` of `group`.
    ///
    /// # Errors
    /// No port, file or client can be had.
    pub async fn open(
        name: &str,
        ledger: &Ledger,
        (plane, user, group): (&ControlPlane, &str, &str),
        addresses: &Addresses,
    ) -> Result<Self, Error> {
        let loopback = Path::new("127.0.0.1:0");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(Error::file("listen on", loopback))?;
        let port = listener
            .local_addr()
            .map_err(Error::file("listen on", loopback))?
            .port();
        let address = format!("http://127.0.0.1:{port}");
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            ledger: ledger.clone(),
            client: plane.forwarding_client(user, group)?,
            api_server: plane.server().to_owned(),
            addresses: addresses.clone(),
            holds: Mutex::default(),
            refused: Mutex::default(),
        });
        let router = Router::new().fallback(pass).with_state(shared.clone());
        let server = tokio::spawn(async move {
            // Ends with the task.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            name: name.to_owned(),
            kubeconfig: plane.kubeconfig_through(&address, port)?,
            address,
            shared,
            server,
        })
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For the operator behind this gate.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The three systems as the operator behind this gate reaches them.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        Addresses {
            ims: self.address.clone(),
            audience_manager: self.address.clone(),
            experience_platform: self.address.clone(),
            control: self.shared.addresses.control.clone(),
        }
    }

    /// Holds the `number`th call (from 1, counted from now) that matches.
    pub fn hold(
        &self,
        number: usize,
        moment: Moment,
        matching: impl Fn(&Passage) -> bool + Send + 'static,
    ) -> Held {
        let (reached, is_reached) = oneshot::channel();
        let (release, released) = oneshot::channel();
        self.shared.holds().push(Hold {
            matching: Box::new(matching),
            left: number.saturating_sub(1),
            moment,
            reached,
            released,
        });
        Held {
            reached: is_reached,
            release,
        }
    }

    /// Answers calls that match with 500, which no client tries again by itself, until [`Self::admit`].
    pub fn refuse(&self, matching: impl Fn(&Passage) -> bool + Send + 'static) {
        *self.shared.refused() = Some(Box::new(matching));
    }

    /// Ends a refusal.
    pub fn admit(&self) {
        *self.shared.refused() = None;
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn holds(&self) -> MutexGuard<'_, Vec<Hold>> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self) -> MutexGuard<'_, Option<Matching>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hold that wants this call; one whose holder has gone holds nothing.
    fn take_hold(&self, passage: &Passage) -> Option<Hold> {
        let mut holds = self.holds();
        holds.retain(|hold| !hold.reached.is_closed());
        let mut found = None;
        for (position, hold) in holds.iter_mut().enumerate() {
            if !(hold.matching)(passage) {
                continue;
            }
            match hold.left {
                0 if found.is_none() => found = Some(position),
                0 => {}
                _ => hold.left -= 1,
            }
        }
        found.map(|position| holds.remove(position))
    }

    fn upstream(&self, target: Target) -> &str {
        match target {
            Target::Kubernetes => &self.api_server,
            Target::Ims => &self.addresses.ims,
            Target::AudienceManager => &self.addresses.audience_manager,
            Target::ExperiencePlatform => &self.addresses.experience_platform,
        }
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path().to_owned();
    let passage = Passage {
        client: shared.name.clone(),
        target: Target::of(&path),
        method: parts.method.as_str().to_owned(),
        path,
        forwarded: None,
        answered: None,
    };
    let is_refused = shared
        .refused()
        .as_ref()
        .is_some_and(|matching| matching(&passage));
    let position = shared.ledger.arrived(passage.clone());
    if is_refused {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let hold = shared.take_hold(&passage);
    let request = Request::from_parts(parts, body.into());
    // A task of its own: it goes on when the sender's connection, and with it this function, has gone.
    let passing = tokio::spawn(go_on(shared, position, passage, request, hold));
    let answer = passing.await.ok().flatten();
    answer.unwrap_or_else(|| StatusCode::BAD_GATEWAY.into_response())
}

/// `None`: held for good, or not answered.
async fn go_on(
    shared: Arc<Shared>,
    position: usize,
    passage: Passage,
    mut request: Request<reqwest::Body>,
    hold: Option<Hold>,
) -> Option<Response<Body>> {
    let (before_effect, before_answer) = match hold {
        Some(hold) if hold.moment == Moment::BeforeEffect => (Some(hold), None),
        other => (None, other),
    };
    if let Some(hold) = before_effect {
        keep(hold, passage.clone()).await?;
    }
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let upstream: Uri = format!("{}{path}", shared.upstream(passage.target))
        .parse()
        .ok()?;
    *request.uri_mut() = upstream;
    without_connection(request.headers_mut());
    let request = reqwest::Request::try_from(request).ok()?;
    shared.ledger.forwarded(position);
    let answer = shared.client.execute(request).await.ok()?;
    let mut answer: Response<Body> = Response::<reqwest::Body>::from(answer).map(Body::new);
    shared.ledger.answered(position, answer.status());
    without_connection(answer.headers_mut());
    if let Some(hold) = before_answer {
        keep(hold, passage).await?;
    }
    Some(answer)
}

/// Holds a call until it is released; `None` if it never will be.
async fn keep(hold: Hold, passage: Passage) -> Option<()> {
    // A holder that has gone gets no word, and its call no further.
    let _ = hold.reached.send(passage);
    hold.released.await.ok()
}

fn without_connection(headers: &mut HeaderMap) {
    for name in OF_A_CONNECTION {
        headers.remove(name);
    }
}
