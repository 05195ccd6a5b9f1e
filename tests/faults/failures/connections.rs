//! The Secret, the credential, the tenant, the sandbox, the lease, the switches of the operator itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use adobe_simulator::FaultKind;
use audience_sharing_core::domain::reason::Reason;
use axum::body::Body;
use http::{Method, Response};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::answers::{answer, clear, lasting, set_flags, stand_in};
use super::objects::recorded;
use super::{Scenario, Teller, edit, of_audience, of_connection};
use crate::choke_point::{System, failure};
use crate::cluster::{Cluster, Key};
use crate::fault::Fault;
use crate::operations::{LOYAL_GAMERS, OTHER};
use crate::operator::{
    OWNER, SECRET, SYSTEM_NAMESPACE, World, audience, connection, key_of, secret, set_owner,
    set_read_only, set_skew, wall_clock,
};
use crate::virtual_time;

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = secrets();
    scenarios.extend(rights());
    scenarios.extend(tenants());
    scenarios.extend(of_the_operator());
    scenarios.extend(installations());
    scenarios
}

/// Tries of an hour: soon, then later and later, at last every five minutes.
pub(super) const TRIES: usize = 15;
/// As long as it is asked who the credential is, each is two calls.
const PROBES: usize = 2 * TRIES;

fn secrets() -> Vec<Scenario> {
    vec![
        of_connection(Reason::SecretNotFound, "the Secret is missing")
            .before(|world| {
                world.apply(connection("acme"));
                world.apply(audience("loyal", LOYAL_GAMERS));
            })
            .mended_by(|world| world.apply(secret()))
            .calls(0),
        of_connection(Reason::SecretInvalid, "a key of the Secret is empty")
            .before(|world| {
                let mut blank = secret();
                blank["data"]["clientSecret"] = json!("IA==");
                world.apply(blank);
                world.apply(connection("acme"));
            })
            .mended_by(|world| world.apply(secret()))
            .calls(0),
        of_audience(Reason::DependencyNotReady, "its connection has no Secret")
            .before(|world| {
                world.apply(connection("acme"));
                world.apply(audience("loyal", LOYAL_GAMERS));
            })
            .mended_by(|world| world.apply(secret()))
            .calls(0),
        of_audience(Reason::ConnectionNotFound, "there is no such connection")
            .before(|world| {
                world.apply(secret());
                world.apply(audience("loyal", LOYAL_GAMERS));
            })
            .mended_by(|world| world.apply(connection("acme")))
            .calls(0),
        of_connection(Reason::CredentialsRefused, "clientSecret is wrong")
            .before(|world| {
                let mut wrong = secret();
                wrong["data"]["clientSecret"] = json!("d3Jvbmc=");
                world.apply(wrong);
                world.apply(connection("acme"));
                world.apply(audience("loyal", LOYAL_GAMERS));
            })
            .mended_by(|world| world.apply(secret()))
            .calls(PROBES),
        of_connection(
            Reason::CredentialsRefused,
            "the credential was revoked while it was in use",
        )
        .happens(|world| set_client_secret(world, "another"))
        .mended_by(|world| set_client_secret(world, SECRET))
        .calls(PROBES),
        of_audience(
            Reason::DependencyNotReady,
            "the credential of its connection was revoked",
        )
        .happens(|world| {
            set_client_secret(world, "another");
            world.look_now("loyal");
        })
        .mended_by(|world| set_client_secret(world, SECRET))
        .calls(PROBES),
    ]
}

/// What Adobe takes as the secret from now on; tokens of another die.
fn set_client_secret(world: &World, client_secret: &str) {
    change_state(world, |state| {
        state["flags"]["ims"]["removedSecretsKillTokens"] = json!(true);
        for credential in state["credentials"].as_array_mut().unwrap() {
            credential["clientSecret"] = json!(client_secret);
        }
    });
}

fn change_state(world: &World, change: impl Fn(&mut Value)) {
    let mut state = world.simulator.state();
    change(&mut state);
    world.simulator.set_state(state).unwrap();
}

/// What Audience Manager's role-based access lets the credential do.
fn set_access(world: &World, access: &str) {
    change_state(world, |state| {
        let credentials = state["credentials"].as_array_mut().unwrap();
        credentials[0]["aamAccess"] = json!(access);
    });
}

fn nothing_is_deleted(world: &World) {
    let calls = world.choke_point.calls();
    let mut calls = calls
        .iter()
        .filter(|call| call.system != System::Kubernetes);
    let deletion = calls.find(|call| call.method == Method::DELETE);
    assert!(deletion.is_none(), "{deletion:?}");
}

/// Nothing was written to find out.
fn nothing_is_written(world: &World) {
    let calls = world.choke_point.calls();
    let written: Vec<_> = calls.iter().filter(|call| call.is_remote_write()).collect();
    assert!(written.is_empty(), "{written:?}");
}

/// Rights are asked with the lists: what they do not grant is never tried.
fn rights() -> Vec<Scenario> {
    vec![
        of_connection(
            Reason::AccessDenied,
            "the technical account may only read in Audience Manager, and the data source is to be made",
        )
        .before(|world| {
            may_only_read(world);
            world.apply(secret());
            world.apply(connection("acme"));
            world.apply(audience("loyal", LOYAL_GAMERS));
        })
        .mended_by(|world| {
            nothing_is_written(world);
            set_access(world, "full");
        })
        .calls(8 * 8),
        of_audience(
            Reason::AccessDenied,
            "the technical account may only read in Audience Manager, and a trait is to be made",
        )
        .told_by(Teller::Audience("another"))
        .happens(|world| {
            may_only_read(world);
            world.look_now("loyal");
        })
        .happens(|world| {
            refuse_writes(world);
            world.apply(audience("another", OTHER));
        })
        .mended_by(|world| {
            clear(world);
            set_access(world, "full");
        })
        .calls(8 * 8),
        of_audience(
            Reason::AccessDenied,
            "the technical account may only read in Audience Manager, and the trait is to be changed",
        )
        .happens(|world| {
            may_only_read(world);
            world.look_now("loyal");
        })
        .happens(|world| {
            refuse_writes(world);
            edit(world, json!({"target": {"audienceManager": {"ttlDays": 30}}}));
        })
        .mended_by(|world| {
            clear(world);
            set_access(world, "full");
        })
        .calls(8 * 8),
        of_audience(
            Reason::AccessDenied,
            "the technical account may only read in Audience Manager, and the audience is deleted",
        )
        .happens(|world| {
            may_only_read(world);
            world.look_now("loyal");
        })
        .happens(|world| {
            refuse_writes(world);
            world.delete("loyal");
        })
        .ended_by(|world| {
            clear(world);
            set_access(world, "full");
        })
        .calls(8 * 8),
        of_connection(
            Reason::AccessDenied,
            "Audience Manager shows no rights, and denies the second of the shared objects",
        )
        .before(|world| {
            shows_no_rights(world);
            deny(world, "/v1/folders/traits", "POST");
            world.apply(secret());
            world.apply(connection("acme"));
            world.apply(audience("loyal", LOYAL_GAMERS));
        })
        .mended_by(|world| world.simulator.clear_faults())
        .calls(8 * 11),
        of_audience(
            Reason::AccessDenied,
            "Audience Manager shows no rights, and denies the segment once the trait is made",
        )
        .before(|world| {
            shows_no_rights(world);
            deny(world, "/v1/segments", "POST");
            world.apply(secret());
            world.apply(connection("acme"));
            world.apply(audience("loyal", LOYAL_GAMERS));
        })
        .mended_by(|world| world.simulator.clear_faults())
        .calls(8 * 8),
        of_audience(
            Reason::AccessDenied,
            "Audience Manager shows no rights, and denies the deletion of the trait once the segment is deleted",
        )
        .happens(|world| {
            shows_no_rights(world);
            deny(world, "/v1/traits", "DELETE");
            world.delete("loyal");
        })
        .ended_by(|world| world.simulator.clear_faults())
        .calls(8 * 8),
    ]
}

/// And every list shows it.
fn may_only_read(world: &World) {
    let flags = json!({"dataSourcesTellPermissions": true, "administratorTold": "boolean"});
    set_flags(world, &json!({ "audienceManager": flags }));
    set_access(world, "read");
}

/// Neither that the account is an administrator nor what it may do in a data source is shown.
fn shows_no_rights(world: &World) {
    let flags = json!({"dataSourcesTellPermissions": false, "administratorTold": "nowhere"});
    set_flags(world, &json!({ "audienceManager": flags }));
}

fn deny(world: &World, path_contains: &str, method: &str) {
    let body = Some(json!({"code": "ACCESS_DENIED", "message": "canary-of-a-body"}));
    let kind = FaultKind::Error { status: 403, body };
    lasting(world, path_contains, method, kind);
}

/// Whoever writes has not asked.
fn refuse_writes(world: &World) {
    stand_in(
        world,
        |call| {
            assert!(
                !call.is_remote_write(),
                "the right was not asked for: {call}"
            );
            false
        },
        || answer(500, "text/plain", ""),
    );
}

fn set_company(world: &World, company: u64) {
    change_state(world, |state| {
        let credentials = state["credentials"].as_array_mut().unwrap();
        credentials[0]["pid"] = json!(company);
    });
    // Another credential, as the operator sees it.
    let mut rotated = secret();
    let scopes = ["b3BlbmlkLEFkb2JlSUQ=", "b3BlbmlkLEFkb2JlSUQscmVhZA=="];
    rotated["data"]["scopes"] = json!(scopes[usize::from(company == 1794)]);
    world.apply(rotated);
}

const PROD: &str = "6ed34f6f-fe21-4a30-934f-6ffe21fa3075";

/// A new sandbox under the old name.
fn set_sandbox(world: &World, from: &str, to: &str) {
    let state = world.simulator.state().to_string().replace(from, to);
    world
        .simulator
        .set_state(serde_json::from_str(&state).unwrap())
        .unwrap();
}

fn set_sandbox_state(world: &World, sandbox_state: &str) {
    change_state(world, |state| {
        for sandbox in state["sandboxes"].as_array_mut().unwrap() {
            sandbox["state"] = json!(sandbox_state);
        }
    });
}

fn tenants() -> Vec<Scenario> {
    vec![
        of_connection(
            Reason::TenantMismatch,
            "the Secret got the credential of another company",
        )
        .happens(|world| set_company(world, 1_795))
        .mended_by(|world| set_company(world, 1_794))
        .calls(PROBES),
        of_connection(Reason::SandboxNotFound, "the sandbox does not exist")
            .before(|world| {
                world.apply(secret());
                let mut elsewhere = connection("acme");
                elsewhere["spec"]["experiencePlatform"]["sandbox"] = json!("nowhere");
                world.apply(elsewhere);
            })
            .mended_by(|world| {
                let mut made = world.simulator.state()["sandboxes"][0].clone();
                made["name"] = json!("nowhere");
                made["id"] = json!("00000000-0000-4000-8000-00000000abcd");
                world.create("sandboxes", made);
            })
            .calls(PROBES),
        of_connection(Reason::SandboxNotActive, "the sandbox is being made")
            .before(|world| {
                // Adobe's own list shows active ones alone, as far as is known.
                stand_in(
                    world,
                    |call| call.path.contains("/sandbox-management"),
                    || {
                        let sandboxes =
                            json!({"sandboxes": [{"name": "prod", "state": "creating"}]});
                        answer(200, "application/json", sandboxes.to_string())
                    },
                );
                world.apply(secret());
                world.apply(connection("acme"));
            })
            .mended_by(clear)
            .calls(PROBES),
        of_connection(
            Reason::SandboxNotFound,
            "the sandbox was deactivated while it was in use",
        )
        .happens(|world| set_sandbox_state(world, "inactive"))
        .mended_by(|world| set_sandbox_state(world, "active"))
        .calls(PROBES + 4),
        of_connection(Reason::SandboxReset, "the sandbox was reset")
            .happens(|world| set_sandbox(world, PROD, "00000000-0000-4000-8000-000000000000"))
            .mended_by(|world| set_sandbox(world, "00000000-0000-4000-8000-000000000000", PROD))
            .calls(5 * 13),
    ]
}

fn lease() -> Key {
    Key {
        resource: "coordination.k8s.io/v1/leases".into(),
        namespace: SYSTEM_NAMESPACE.into(),
        name: "organization-0f1e2d3c4b5a69780a49420e.audience-sharing.dev".into(),
    }
}

fn lease_of(holder: &str, owner: &str) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {
            "labels": {"audience-sharing.dev/lease": "organization"},
            "annotations": {"audience-sharing.dev/owner-id": owner},
        },
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 90},
    })
}

/// Until somebody takes it away.
async fn renew(cluster: Cluster) {
    while let Ok(lease) = cluster.get(&lease(), 0)
        && lease["spec"]["holderIdentity"] == "sales-0_uid-9"
    {
        let renewed = json!({"spec": {"renewTime": wall_clock().to_string()}});
        cluster.merge(&self::lease(), &renewed).unwrap();
        virtual_time::passes(Duration::from_secs(30)).await;
    }
}

/// Of other installations of the operator.
fn installations() -> Vec<Scenario> {
    vec![
        of_connection(
            Reason::LeaseHeldElsewhere,
            "another installation in the same namespace has connections of the same organization",
        )
        .before(|world| {
            let held = lease_of("sales-0_uid-9", OWNER);
            world.cluster.create(&lease(), held).unwrap();
            tokio::spawn(renew(world.cluster.clone()));
            world.apply(secret());
            world.apply(connection("acme"));
        })
        .mended_by(|world| {
            let gone = json!({"spec": {"holderIdentity": null}});
            world.cluster.merge(&lease(), &gone).unwrap();
        })
        .calls(0),
        of_connection(
            Reason::OwnerIdChanged,
            "the operator was started with another owner id than before",
        )
        .before(|world| {
            let held = lease_of("", "production");
            world.cluster.create(&lease(), held).unwrap();
            world.apply(secret());
            world.apply(connection("acme"));
        })
        .mended_by(|world| {
            world.kill_operator();
            set_owner(OWNER, &["production"]);
            world.start_operator();
        })
        .calls(0),
    ]
}

/// Whoever writes the status of the audience panics, once.
fn panic_once(world: &World) {
    let panicked = AtomicBool::new(false);
    world.choke_point.set_proxy(Some(Arc::new(move |call| {
        let is_written = call.path.contains("/sharedaudiences/loyal/status");
        assert!(
            !is_written || panicked.swap(true, Ordering::Relaxed),
            "a defect that a test plays"
        );
        None
    })));
}

fn of_the_operator() -> Vec<Scenario> {
    vec![
        of_audience(
            Reason::InternalError,
            "the operator panicked while it worked on the audience",
        )
        .happens(|world| {
            panic_once(world);
            edit(world, json!({"target": {"audienceManager": {"ttlDays": 30}}}));
        })
        .mended_by(|world| edit(world, json!({"target": {"audienceManager": {"ttlDays": 31}}}))),
        of_audience(
            Reason::RemovalUnknown,
            "the audience is deleted, and the operator may not read the definitions",
        )
        .happens(|world| {
            world.choke_point.set_proxy(Some(Arc::new(|call| {
                let hidden = call.path.contains("customresourcedefinitions");
                hidden.then(|| failure(System::Kubernetes, 403, "Forbidden", None))
            })));
            world.delete("loyal");
        })
        .ended_by(clear),
        of_audience(Reason::Succeeded, "everything stands")
            .happens(|_| {}),
        of_connection(Reason::Succeeded, "both systems answer"),
        of_connection(
            Reason::Succeeded,
            "the clock of the operator's machine is a day behind Adobe's",
        )
        .before(|world| {
            set_skew(SignedDuration::from_hours(-24));
            world.apply(secret());
            world.apply(connection("acme"));
            world.apply(audience("loyal", LOYAL_GAMERS));
        }),
        of_audience(
            Reason::Succeeded,
            "the clock of the operator's machine is a day ahead of Adobe's",
        )
        .before(|world| {
            set_skew(SignedDuration::from_hours(24));
            world.apply(secret());
            world.apply(connection("acme"));
            world.apply(audience("loyal", LOYAL_GAMERS));
        }),
        Scenario {
            runs: false,
            ..of_audience(Reason::Pending, "no operator runs")
        }
        .calls(0),
        of_connection(Reason::Progressing, "an answer to the first list takes long").before(|world| {
            world.apply(secret());
            world.apply(connection("acme"));
            world
                .choke_point
                .plan_next(Method::GET, "/users/self", Fault::Nothing);
        }),
        of_audience(Reason::Suspended, "spec.suspend is set")
            .in_condition("Suspended")
            .happens(|world| edit(world, json!({"suspend": true})))
            .mended_by(|world| edit(world, json!({"suspend": false}))),
        of_connection(Reason::ReadOnly, "the operator was started with --read-only")
            .before(|world| {
                set_read_only(true);
                world.apply(secret());
                world.apply(connection("acme"));
                world.apply(audience("loyal", LOYAL_GAMERS));
            })
            .mended_by(|world| {
                set_read_only(false);
                world.kill_operator();
                world.start_operator();
            }),
        of_connection(
            Reason::LeaseNotHeld,
            "the lease could not be renewed and ends before a write would",
        )
        .happens(|world| {
            world.choke_point.set_proxy(Some(Arc::new(|call| {
                let renewal = call.system == System::Kubernetes && call.is_of_lease();
                renewal.then(|| {
                    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                        "message": "no leader", "reason": "ServiceUnavailable", "code": 503});
                    Response::builder()
                        .status(503)
                        .body(Body::from(body.to_string()))
                        .unwrap()
                })
            })));
        })
        .happens(|_| {})
        .happens(|world| {
            edit(world, json!({"target": {"audienceManager": {"ttlDays": 30}}}));
        })
        .mended_by(|world| world.choke_point.set_proxy(None)),
        of_connection(Reason::NotVerifiable, "the connection names no profile merge rule")
            .in_condition("ProfileMergeRuleReady"),
        of_connection(Reason::NotNeededYet, "no audience is shared through the connection")
            .before(|world| {
                world.apply(secret());
                world.apply(connection("acme"));
            })
            .in_condition("SharedObjectsReady"),
        of_audience(Reason::LinkUnproven, "an audience stands")
            .in_condition("MembersArriving"),
        of_audience(Reason::InvalidSpec, "the object was stored under another definition")
            .happens(|world| {
                edit(world, json!({"target": {"audienceManager": {"ttlDays": "for ever"}}}));
            })
            .mended_by(|world| {
                let recorded = recorded(world);
                assert!(recorded["traitSid"].is_number(), "the ids stay on record");
                nothing_is_deleted(world);
                edit(world, json!({"target": null}));
            }),
        of_audience(
            Reason::ReleasedWithoutDeletion,
            "the Secret went before the audience was deleted, and no other came for ten minutes",
        )
        .told_by(Teller::Pod)
        .happens(|world| {
            let key = key_of(&secret());
            world.cluster.delete(&key, &Value::Null).unwrap();
        })
        .happens(|world| {
            // The credential in memory serves deletions: a process that never had one does not.
            world.kill_operator();
            world.start_operator();
            world.delete("loyal");
        })
        .calls(0),
    ]
}
