//! To have a call go elsewhere than to Adobe's three services, by a field or by an id.

use std::time::Duration;

use adobe_client::Kind;
use adobe_client::lease_guard::{self, LeaseGuard};
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::{AudienceId, SandboxName};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{context, gateway};
use crate::harness::{LOYAL_GAMERS, World, audience, connection};

/// Fields under which people know addresses from other operators.
const OF_A_CONNECTION: &[&str] = &[
    "/spec/endpoint",
    "/spec/url",
    "/spec/proxy",
    "/spec/ims/url",
    "/spec/experiencePlatform/endpoint",
    "/spec/experiencePlatform/baseUrl",
    "/spec/audienceManager/endpoint",
    "/spec/audienceManager/url",
    "/spec/credentialsSecretRef/endpoint",
];
const OF_AN_AUDIENCE: &[&str] = &[
    "/spec/endpoint",
    "/spec/connectionRef/url",
    "/spec/source/experiencePlatform/url",
    "/spec/target/audienceManager/endpoint",
];

/// The object with the text at that path, whatever stands on the way.
fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let mut place = &mut object;
    for part in pointer.trim_start_matches('/').split('/') {
        place = &mut place[part];
    }
    *place = value;
    object
}

#[tokio::test]
async fn no_field_names_an_address() {
    let world = World::start().await;
    world.apply_secret(crate::harness::SECRET).await;
    let address = json!("https://collector.example.com");
    let of_a_connection = OF_A_CONNECTION
        .iter()
        .map(|field| (with(connection(), field, address.clone()), field));
    let of_an_audience = OF_AN_AUDIENCE.iter().map(|field| {
        let declared = audience("loyal", LOYAL_GAMERS);
        (with(declared, field, address.clone()), field)
    });
    for (manifest, field) in of_a_connection.chain(of_an_audience) {
        let refusal = world.refusal(&manifest).await;
        assert!(refusal.contains("unknown field"), "{field}: {refusal}");
    }
    // Where the client asks for no check, the field is not stored.
    let all = OF_A_CONNECTION.iter().fold(connection(), |object, field| {
        with(object, field, address.clone())
    });
    let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    std::fs::write(file.path(), all.to_string()).unwrap();
    let unchecked = [
        "apply",
        "--validate=false",
        "--filename",
        file.path().to_str().unwrap(),
    ];
    world.kubectl(&unchecked).await;
    let stored = world.until("sharingconnection", "acme", "True", "").await;
    assert!(
        !stored["spec"].to_string().contains("collector"),
        "{stored}"
    );
}

/// Ids come from answers and from a status; in a path each stays one segment of it, or is not sent.
#[rstest]
#[case::the_folder_above("..", false)]
#[case::the_folder_itself(".", false)]
#[case::another_folder("../../../sandbox-management", true)]
#[case::above_in_the_middle("a/../b", true)]
#[case::escaped("%2e%2e", true)]
#[case::a_query("a?type=x", true)]
#[case::a_fragment("a#b", true)]
#[case::another_host("@collector.example.com/", true)]
#[case::a_backslash("..\\a", true)]
#[case::a_header("a\r\nx-sandbox-name: other", true)]
#[case::nothing_special("4b1c7c1e-5d7b", true)]
#[tokio::test]
async fn an_id_stays_one_segment_of_the_path(#[case] id: &str, #[case] sent: bool) {
    let server = MockServer::start().await;
    let token = json!({"access_token": "canary-token", "expires_in": 600});
    Mock::given(path("/ims/token/v3"))
        .respond_with(ResponseTemplate::new(200).set_body_json(token))
        .mount(&server)
        .await;
    let found = json!({"id": id, "name": "Found", "type": "SegmentDefinition"});
    let found = ResponseTemplate::new(200).set_body_json(found);
    Mock::given(path_regex("/ups/audiences"))
        .and(method("GET"))
        .respond_with(found)
        .mount(&server)
        .await;
    Mock::given(method("DELETE"))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    let gateway = gateway(&server.uri(), &server.uri(), &server.uri());
    let platform = gateway.experience_platform(SandboxName::new("prod"));
    let until = Instant::now() + Duration::from_secs(3_600);
    let (_renew, lease) = watch::channel(Some(until));
    let found = platform
        .get::<Audience>(&context(), &AudienceId::new(id))
        .await;
    if !sent {
        assert_eq!(found.unwrap_err().kind(), Kind::RequestRefused);
        let asked = server.received_requests().await.unwrap();
        let of_audiences = |request: &wiremock::Request| request.url.path().contains("/ups");
        return assert!(!asked.iter().any(of_audiences), "{asked:?}");
    }
    let found = found.unwrap();
    let lease_guard = LeaseGuard::of(lease, lease_guard::always(true));
    let result = platform.delete(&context(), lease_guard, &found).await;
    let asked = server.received_requests().await.unwrap();
    let deleted: Vec<_> = asked
        .iter()
        .filter(|request| request.method == http::Method::DELETE)
        .collect();
    result.unwrap();
    let url = &deleted[0].url;
    let segments: Vec<_> = url.path_segments().unwrap().collect();
    let [.., "audiences", last] = segments[..] else {
        panic!("{url}");
    };
    assert_eq!(
        (segments.len(), url.query(), url.fragment()),
        (5, None, None),
        "{url}"
    );
    let decoded = form_urlencoded::parse(last.as_bytes()).next().unwrap().0;
    assert_eq!(decoded, id, "{url}");
    assert_eq!(
        deleted[0].headers.get_all("x-sandbox-name").iter().count(),
        1
    );
}
