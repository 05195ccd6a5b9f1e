//! What every call passes: refusals, `Retry-After`, the token, the credential, the addresses.

use std::time::Duration;

use adobe_client::credential::Credential;
use adobe_client::endpoints::{Allowed, Endpoints};
use adobe_client::{Effect, Error};
use audience_sharing_core::domain::audience_manager::{Trait, TraitFolder};
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::{AudienceId, DataSourceId, TraitSid};
use audience_sharing_core::kinds::folder::NewFolder;
use http::{HeaderValue, Uri};

use super::answering::{Answer, Choices, Setting, World, context, leased, run, told};
use super::line;

/// All that is no success, each class with its codes that the table knows.
const STATUSES: [u16; 24] = [
    300, 301, 302, 307, 308, 400, 401, 402, 403, 404, 405, 408, 409, 410, 412, 418, 422, 429, 431,
    500, 502, 503, 504, 599,
];

pub(super) fn refusals(data: &[u8]) {
    let mut choices = Choices(data);
    let status = STATUSES[choices.below(STATUSES.len())];
    let which = choices.below(5);
    let answer = Answer {
        status,
        ..Answer::ok(choices.0)
    };
    let world = World::of(Setting::answering(vec![answer], 1024));
    let (aam, platform) = (world.audience_manager(), world.experience_platform());
    let context = context();
    let error: Option<Error> = run(async {
        match which {
            0 => aam.get::<Trait>(&context, &TraitSid(7)).await.err(),
            1 => aam
                .list::<Trait>(&context, &vec![DataSourceId(1)])
                .await
                .err(),
            2 => {
                let new = NewFolder {
                    name: "F".into(),
                    company: None,
                };
                aam.create::<TraitFolder>(&context, leased(), &new)
                    .await
                    .err()
            }
            3 => aam.validate_segment_rule(&context, "7T").await.err(),
            _ => platform
                .get::<Audience>(&context, &AudienceId::new("a"))
                .await
                .err(),
        }
    });
    let error = error.expect("a refusal");
    told(&error);
    assert_eq!(error.status(), Some(status));
    assert_eq!(error.retry_after(), None);
    if error.is_not_found() {
        assert!(matches!((which, status), (0 | 2 | 4, 404 | 410)), "{error}");
    }
    let certain = which != 2 || matches!(status, 400..=499) && status != 408;
    assert_eq!(error.effect() == Effect::None, certain, "{error}");
    let code = error.code().unwrap_or_default();
    assert!(code.len() <= 64 && !code.contains(' '), "{code}");
    // A token that was refused is tried once more with another; nothing else is repeated, a redirect least of all.
    let of_the_token = status == 401 || matches!(code, "401013" | "403010");
    let most = if of_the_token { 4 } else { 2 };
    let asked = world.asked();
    assert!(
        (2..=most).contains(&asked.len()),
        "{} requests",
        asked.len()
    );
    let hosts = [
        "ims-na1.adobelogin.com",
        "aam.adobe.io",
        "platform.adobe.io",
    ];
    let known = |host: &str| hosts.contains(&host);
    assert!(
        asked
            .iter()
            .all(|request| request.uri().host().is_some_and(known))
    );
}

pub(super) fn retry_after(data: &[u8]) {
    let mut choices = Choices(data);
    let status = [429, 503, 500, 400][choices.below(4)];
    let Ok(header) = HeaderValue::from_bytes(choices.0) else {
        return;
    };
    let seconds = header
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let answer = Answer {
        status,
        retry_after: Some(header),
        body: Vec::new(),
    };
    let world = World::of(Setting::answering(vec![answer], 1024));
    let error = run(world.audience_manager().me(&context())).expect_err("refused");
    told(&error);
    match seconds {
        _ if status == 400 => assert_eq!(error.retry_after(), None),
        Some(seconds) => {
            let wait = Duration::from_secs(seconds).min(Duration::from_secs(3600));
            // A throttled call waits in line and is sent again; the last of its waits may be longer than the first.
            let told = error.retry_after().expect("a time to wait");
            assert!(
                told >= wait && told <= Duration::from_secs(3600),
                "{told:?}"
            );
        }
        None => {}
    }
}

/// What IMS answers becomes one header, whole and marked as secret, or an error that repeats nothing of it.
pub(super) fn token_answers(data: &[u8]) {
    let world = World::of(Setting {
        token: Answer::ok(data),
        ..Setting::answering(vec![Answer::ok(br#"{"pid":7}"#)], 1024)
    });
    let result = run(world.audience_manager().me(&context()));
    let asked = world.asked();
    match result {
        Ok(_) => {
            let header = &asked[1].headers()["authorization"];
            assert!(header.as_bytes().starts_with(b"Bearer "));
            assert!(header.is_sensitive());
            assert_eq!(
                asked[1].headers().get_all("authorization").iter().count(),
                1
            );
            assert_eq!(asked[1].uri().host(), Some("aam.adobe.io"));
        }
        Err(error) => {
            told(&error);
            assert_eq!(asked.len(), 1, "nothing is asked without a token");
        }
    }
}

/// Whatever stands in a Secret, it is sent as three values of one form, in the body, and told nowhere.
pub(super) fn secret_values(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (client_id, rest) = line(&text);
    let (client_secret, scopes) = line(rest);
    let world = World::of(Setting {
        credential: Credential {
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            scopes: scopes.into(),
        },
        ..Setting::answering(vec![Answer::ok(br#"{"pid":7}"#)], 1024)
    });
    let result = run(world.audience_manager().me(&context()));
    let asked = world.asked();
    let pairs: Vec<(String, String)> = form_urlencoded::parse(asked[0].body())
        .into_owned()
        .collect();
    let sent = [
        ("grant_type", "client_credentials"),
        ("client_id", client_id),
        ("client_secret", client_secret),
        ("scope", scopes),
    ];
    let sent: Vec<_> = sent
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    assert_eq!(pairs, sent);
    assert_eq!(
        asked[0].uri(),
        "https://ims-na1.adobelogin.com/ims/token/v3"
    );
    match result {
        Ok(_) => assert_eq!(
            asked[1].headers()["x-api-key"].as_bytes(),
            client_id.as_bytes()
        ),
        Err(error) => {
            told(&error);
            assert_eq!(asked.len(), 1);
        }
    }
}

/// An address passes only with Adobe's own host over https, or loopback where that is allowed.
pub(super) fn endpoints(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (ims, platform) = (
        "https://ims-na1.adobelogin.com",
        "https://platform.adobe.io",
    );
    for allowed in [Allowed::AdobeHosts, Allowed::AlsoLoopback] {
        let Ok(endpoints) = Endpoints::parse(ims, &text, platform, allowed) else {
            continue;
        };
        // As a call is addressed.
        let address = format!("{}/users/self", endpoints.audience_manager);
        let uri: Uri = address.parse().expect("an address of a call");
        let host = uri.host().expect("a host").to_ascii_lowercase();
        let adobes = [
            "aam.adobe.io",
            "aam-beta.adobe.io",
            "api.demdex.com",
            "api-beta.demdex.com",
        ];
        let loopback = host == "localhost"
            || host.starts_with("127.")
            || host == "[::1]"
            || host.starts_with("[::")
            || host.starts_with("[0");
        match allowed {
            Allowed::AdobeHosts => {
                assert!(adobes.contains(&host.as_str()), "{address}");
                assert_eq!(uri.scheme_str(), Some("https"), "{address}");
            }
            Allowed::AlsoLoopback => {
                assert!(adobes.contains(&host.as_str()) || loopback, "{address}");
            }
        }
        assert!(
            uri.path().ends_with("/users/self") && uri.query().is_none(),
            "{address}"
        );
    }
}
