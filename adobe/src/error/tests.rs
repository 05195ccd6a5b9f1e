//! One table: status code × kind of call → disposition, reason, effect.

use std::fmt::Write as _;
use std::time::Duration;

use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::reason::Reason;

use super::classify::classify;
use super::kind::CallKind;
use super::refusal::Refusal;
use super::{Effect, Error, Kind};
use crate::service::System;

const CALLS: [CallKind; 7] = [
    CallKind::Token,
    CallKind::Read,
    CallKind::List,
    CallKind::Validate,
    CallKind::Create,
    CallKind::Update,
    CallKind::Delete,
];

fn of(call: CallKind, status: u16, body: &str) -> Error {
    let system = match call {
        CallKind::Token => System::IdentityService,
        _ if body.contains("/aep/errors/") => System::ExperiencePlatform,
        _ => System::AudienceManager,
    };
    classify(
        system,
        "traits.create",
        call,
        status,
        Refusal::read(body.as_bytes()),
        None,
    )
}

fn cell(error: &Error) -> String {
    let effect = match error.effect() {
        Effect::None => "",
        Effect::Unknown => " ?",
    };
    format!("{:?} {}{effect}", error.disposition(), error.reason())
}

#[test]
fn every_status_and_call_has_its_disposition_reason_and_effect() {
    let mut table = String::new();
    for status in [
        302, 400, 401, 403, 404, 405, 408, 409, 410, 415, 422, 429, 500, 502, 503, 504,
    ] {
        // Calls that come to the same share a line.
        let mut lines: Vec<(String, Vec<String>)> = Vec::new();
        for call in CALLS {
            let (cell, call) = (cell(&of(call, status, "")), format!("{call:?}"));
            match lines.iter_mut().find(|(known, _)| *known == cell) {
                Some((_, calls)) => calls.push(call),
                None => lines.push((cell, vec![call])),
            }
        }
        for (cell, calls) in lines {
            writeln!(table, "{status} {cell:<42} {}", calls.join(" ")).expect("a text");
        }
    }
    insta::assert_snapshot!(table, "`?` marks that something may have been written", @r"
    302 Retry UnexpectedAnswer                     Token Read List Validate
    302 Retry UnexpectedAnswer ?                   Create Update Delete
    400 Retry IdentityServiceUnavailable           Token
    400 Stalled RequestRefused                     Read List Create Update Delete
    400 Stalled RuleInvalid                        Validate
    401 Retry IdentityServiceUnavailable           Token
    401 Stalled CredentialsRefused                 Read List Validate Create Update Delete
    403 Retry IdentityServiceUnavailable           Token
    403 Stalled AccessDenied                       Read List Validate Create Update Delete
    404 Retry UnexpectedAnswer                     Token List Validate
    404 Retry ChangedMeanwhile                     Read Update Delete
    404 Stalled RequestRefused                     Create
    405 Stalled RequestRefused                     Token Read List Validate Create Update Delete
    408 Retry IdentityServiceUnavailable           Token
    408 Retry AudienceManagerUnavailable           Read List Validate
    408 Retry AudienceManagerUnavailable ?         Create Update Delete
    409 Stalled RequestRefused                     Token Read List
    409 Stalled RuleInvalid                        Validate
    409 Retry ChangedMeanwhile                     Create Update
    409 Stalled DeletionBlocked                    Delete
    410 Retry UnexpectedAnswer                     Token List Validate
    410 Retry ChangedMeanwhile                     Read Update Delete
    410 Stalled RequestRefused                     Create
    415 Stalled RequestRefused                     Token Read List Validate Create Update Delete
    422 Stalled RequestRefused                     Token Read List Update Delete
    422 Stalled RuleInvalid                        Validate
    422 Retry ChangedMeanwhile                     Create
    429 Retry Throttled                            Token Read List Validate Create Update Delete
    500 Retry IdentityServiceUnavailable           Token
    500 Retry AudienceManagerUnavailable           Read List Validate
    500 Retry AudienceManagerUnavailable ?         Create Update Delete
    502 Retry IdentityServiceUnavailable           Token
    502 Retry AudienceManagerUnavailable           Read List Validate
    502 Retry AudienceManagerUnavailable ?         Create Update Delete
    503 Retry IdentityServiceUnavailable           Token
    503 Retry AudienceManagerUnavailable           Read List Validate
    503 Retry AudienceManagerUnavailable ?         Create Update Delete
    504 Retry IdentityServiceUnavailable           Token
    504 Retry AudienceManagerUnavailable           Read List Validate
    504 Retry AudienceManagerUnavailable ?         Create Update Delete
    ");
}

/// A page with one of these statuses proves nothing: neither that an object is gone, nor that a right or the credential
/// is missing.
#[test]
fn a_page_is_tried_again_whatever_its_status_and_says_nothing_about_objects_rights_or_the_credential()
 {
    for page in [
        "<html><body>Not Found</body></html>",
        " \n<!DOCTYPE html>",
        "\u{feff}<html>",
        "<?xml version=\"1.0\"?><error/>",
    ] {
        for status in [400, 401, 403, 404, 405, 407, 409, 410, 422, 451] {
            for call in CALLS {
                let error = of(call, status, page);
                assert_eq!(error.disposition(), Disposition::Retry, "{call:?} {status}");
                let reason = match call {
                    CallKind::Token => Reason::IdentityServiceUnavailable,
                    _ => Reason::UnexpectedAnswer,
                };
                assert_eq!(error.reason(), reason, "{call:?} {status}");
                assert_eq!(error.effect(), call.effect_if_sent(), "{call:?} {status}");
            }
        }
    }
}

#[test]
fn only_the_identity_services_own_form_refuses_the_credential_there() {
    for (body, refused) in [
        (
            r#"{"error":"invalid_client","error_description":"canary"}"#,
            true,
        ),
        (r#"{"error":"invalid_scope"}"#, true),
        (r#"{"error":{"code":403}}"#, false),
        (r#"{"error":"Access to this site is blocked"}"#, false),
        (r#"{"error_code":"403000","message":"canary"}"#, false),
        (r#"{"message":"Forbidden"}"#, false),
        ("Forbidden", false),
        ("", false),
    ] {
        for status in [400, 401, 403] {
            let kind = of(CallKind::Token, status, body).kind();
            let expected = match refused {
                true => Kind::CredentialsRefused,
                false => Kind::Unavailable,
            };
            assert_eq!(kind, expected, "{status} {body}");
        }
    }
}

#[test]
fn a_503_that_names_a_time_is_a_throttle() {
    let at = |call, wait| {
        let system = System::AudienceManager;
        classify(system, "traits.create", call, 503, Refusal::default(), wait)
    };
    let wait = Some(Duration::from_secs(7));
    assert_eq!(at(CallKind::Read, wait).kind(), Kind::Throttled);
    assert_eq!(at(CallKind::Create, wait).effect(), Effect::Unknown);
    assert_eq!(at(CallKind::Read, None).kind(), Kind::Unavailable);
}

#[test]
fn known_codes_say_more_than_their_status() {
    let cases = [
        (
            CallKind::Create,
            400,
            r#"{"code":"RESOURCE_LIMIT_EXCEEDED"}"#,
            Kind::LimitExceeded,
        ),
        (
            CallKind::Create,
            409,
            r#"{"data":{"code":"RESOURCE_LIMIT_EXCEEDED"}}"#,
            Kind::LimitExceeded,
        ),
        (
            CallKind::Delete,
            400,
            r#"{"code":"CANNOT_DELETE_ENTITY_MAPPED"}"#,
            Kind::DeletionBlocked,
        ),
        (
            CallKind::Delete,
            409,
            r#"{"code":"CANNOT_DELETE_ENTITY_WITH_MAPPINGS"}"#,
            Kind::DeletionBlocked,
        ),
        (
            CallKind::Create,
            400,
            r#"{"code":"INVALID_EXPRESSION_X"}"#,
            Kind::RuleInvalid,
        ),
        (
            CallKind::Update,
            400,
            r#"{"code":"COMPLEX_RULE"}"#,
            Kind::RuleInvalid,
        ),
        (
            CallKind::Read,
            401,
            r#"{"error_code":"401013"}"#,
            Kind::CredentialsRefused,
        ),
        (
            CallKind::Read,
            403,
            r#"{"error_code":"403010"}"#,
            Kind::CredentialsRefused,
        ),
        (
            CallKind::Read,
            403,
            r#"{"error_code":"403000"}"#,
            Kind::CredentialsRefused,
        ),
        (
            CallKind::Read,
            403,
            r#"{"error_code":"403025"}"#,
            Kind::CredentialsRefused,
        ),
        (
            CallKind::Read,
            404,
            r#"{"error_code":"404003"}"#,
            Kind::UnexpectedAnswer,
        ),
        (
            CallKind::Read,
            429,
            r#"{"error_code":"429050"}"#,
            Kind::Throttled,
        ),
        (
            CallKind::Token,
            400,
            r#"{"error":"invalid_client"}"#,
            Kind::CredentialsRefused,
        ),
        (
            CallKind::List,
            403,
            r#"{"type":"https://ns.adobe.com/aep/errors/UPAPI-113740-403"}"#,
            Kind::NotEntitled,
        ),
        (
            CallKind::Create,
            401,
            r#"{"type":"https://ns.adobe.com/aep/errors/AIS-100922-401"}"#,
            Kind::NotEntitled,
        ),
        (
            CallKind::List,
            500,
            r#"{"type":"https://ns.adobe.com/aep/errors/UPAPI-113751-500"}"#,
            Kind::AccessDenied,
        ),
    ];
    for (call, status, body, kind) in cases {
        assert_eq!(
            of(call, status, body).kind(),
            kind,
            "{call:?} {status} {body}"
        );
    }
}

#[test]
fn only_what_looks_like_a_code_leaves_a_body() {
    let long = format!(r#"{{"code":"{}"}}"#, "A".repeat(65));
    for (body, code) in [
        (
            r#"{"code":"UPPER_SNAKE","message":"canary"}"#,
            Some("UPPER_SNAKE"),
        ),
        (
            r#"{"error_code":"401013","message":"canary"}"#,
            Some("401013"),
        ),
        (
            r#"{"type":"https://ns.adobe.com/aep/errors/UPAPI-113430-404","title":"canary"}"#,
            Some("UPAPI-113430-404"),
        ),
        (r#"{"type":"/placeholder/type/uri","status":400}"#, None),
        (
            r#"{"error":"invalid_client","error_description":"canary"}"#,
            Some("invalid_client"),
        ),
        (r#"{"code":"has a space"}"#, None),
        (r#"{"code":"<b>"}"#, None),
        (r#"{"code":["X"]}"#, None),
        (long.as_str(), None),
        ("<html>canary</html>", None),
        ("", None),
    ] {
        let error = of(CallKind::Create, 400, body);
        assert_eq!(error.code(), code, "{body}");
        assert!(
            !format!("{error} {error:?}").contains("canary"),
            "{error:?}"
        );
    }
}

#[test]
fn messages_name_the_system_the_operation_and_the_code() {
    let limit = of(
        CallKind::Create,
        409,
        r#"{"code":"RESOURCE_LIMIT_EXCEEDED"}"#,
    );
    assert_eq!(
        limit.to_string(),
        "Audience Manager refused traits.create: a limit of the tenant is reached (409 RESOURCE_LIMIT_EXCEEDED)",
    );
    assert_eq!(
        limit.hint(),
        "Delete what is no longer used, or ask Adobe to raise the limit."
    );
    let refused = of(CallKind::Token, 400, r#"{"error":"invalid_client"}"#);
    assert_eq!(
        refused.to_string(),
        "Adobe's identity service refused the credential (400 invalid_client)"
    );
}

#[test]
fn a_wait_is_in_the_disposition_and_not_in_the_message() {
    let wait = Some(Duration::from_secs(17));
    let error = classify(
        System::AudienceManager,
        "traits.list",
        CallKind::List,
        429,
        Refusal::default(),
        wait,
    );
    assert_eq!(
        error.disposition(),
        Disposition::RetryAfter(Duration::from_secs(17))
    );
    assert_eq!(error.to_string(), "Audience Manager asked to wait (429)");
}

#[test]
fn what_was_never_sent_wrote_nothing() {
    for kind in Kind::ALL {
        let error =
            Error::new(kind, System::AudienceManager, "traits.create").with_effect(Effect::Unknown);
        assert_eq!(
            error.remembered("segments.create").effect(),
            Effect::None,
            "{kind:?}"
        );
    }
}

/// Every form in which the profile service may say that it makes no external audiences any more; a refusal of the body, of
/// a right or by a proxy says something else.
#[rstest::rstest]
#[case::plain(400, r#"{"title":"Bad Request","status":400}"#, Kind::NotEntitled)]
#[case::no_json(400, "Bad Request", Kind::NotEntitled)]
#[case::forbidden(403, "", Kind::NotEntitled)]
#[case::no_such_path(404, "", Kind::NotEntitled)]
#[case::a_page_for_the_path(404, "<html>", Kind::NotEntitled)]
#[case::the_body(
    400,
    r#"{"type":"https://ns.adobe.com/aep/errors/UPAPI-113434-400"}"#,
    Kind::RequestRefused
)]
#[case::access_control(
    403,
    r#"{"type":"https://ns.adobe.com/aep/errors/UPAPI-113752-403"}"#,
    Kind::AccessDenied
)]
#[case::a_proxy(403, "<html>", Kind::UnexpectedAnswer)]
fn a_withdrawn_way_to_make_audiences_is_no_refusal_of_the_body(
    #[case] status: u16,
    #[case] body: &str,
    #[case] kind: Kind,
) {
    let system = System::ExperiencePlatform;
    let refusal = Refusal::read(body.as_bytes());
    let operation = crate::service::CREATE_EXTERNAL;
    let error = classify(system, operation, CallKind::Create, status, refusal, None);
    assert_eq!(error.kind(), kind);
    if kind == Kind::NotEntitled {
        assert_eq!(error.effect(), Effect::None, "nothing was made");
    }
}

#[test]
fn the_traits_that_keep_a_model_are_named() {
    let refusal = Refusal::read(b"[16440009, 16440010]");
    assert_eq!(refusal.code.as_deref(), Some("used-by-16440009-16440010"));
    let many: Vec<u64> = (16_440_000..16_441_000).collect();
    let refusal = Refusal::read(serde_json::to_string(&many).expect("numbers").as_bytes());
    assert!(refusal.code.expect("some of them").ends_with("-16440004"));
}
