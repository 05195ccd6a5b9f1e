//! To have a credential carried to another host by an answer.

use adobe_client::Kind;
use audience_sharing_core::domain::identifier::SandboxName;
use rstest::rstest;
use serde_json::json;
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{context, gateway};

/// 307 and 308 would carry the body, and with it the secret.
#[rstest]
#[tokio::test]
async fn no_redirect_is_followed(
    #[values("ims", "audience-manager", "experience-platform")] from: &str,
    #[values(301, 302, 303, 307, 308)] status: u16,
) {
    let (adobe, elsewhere) = (MockServer::start().await, MockServer::start().await);
    Mock::given(any())
        .respond_with(
            ResponseTemplate::new(200).set_body_json(json!({"access_token": "x", "pid": 7})),
        )
        .mount(&elsewhere)
        .await;
    if from != "ims" {
        let token = json!({"access_token": "canary-token", "expires_in": 600});
        Mock::given(path("/ims/token/v3"))
            .respond_with(ResponseTemplate::new(200).set_body_json(token))
            .mount(&adobe)
            .await;
    }
    let location = format!("{}/ims/token/v3?x=1", elsewhere.uri());
    Mock::given(any())
        .respond_with(ResponseTemplate::new(status).insert_header("location", location.as_str()))
        .mount(&adobe)
        .await;
    let gateway = gateway(&adobe.uri(), &adobe.uri(), &adobe.uri());
    let error = match from {
        "experience-platform" => {
            let platform = gateway.experience_platform(SandboxName::new("prod"));
            platform
                .list::<audience_sharing_core::domain::experience_platform::Audience>(
                    &context(),
                    &(),
                )
                .await
                .unwrap_err()
        }
        _ => gateway.audience_manager().me(&context()).await.unwrap_err(),
    };
    assert_eq!(error.kind(), Kind::UnexpectedAnswer);
    let text = error.to_string();
    assert!(text.contains(&format!("({status})")), "{text}");
    assert!(
        !text.contains("http"),
        "the address is not repeated: {text}"
    );
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
    let asked = adobe.received_requests().await.unwrap().len();
    assert_eq!(
        asked,
        if from == "ims" { 1 } else { 2 },
        "nothing is repeated"
    );
}
