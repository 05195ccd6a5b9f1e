//! Where Adobe's systems are. A credential is sent to these addresses and nowhere else, so only known hosts pass.

use std::fmt;

use http::Uri;

/// The hosts that each service documents (audience-manager.md §1.3, experience-platform.md §1.1, §1.3).
const IMS_HOSTS: &[&str] = &["ims-na1.adobelogin.com", "ims-na1-stg1.adobelogin.com"];
const AUDIENCE_MANAGER_HOSTS: &[&str] = &[
    "aam.adobe.io",
    "aam-beta.adobe.io",
    "api.demdex.com",
    "api-beta.demdex.com",
];
const EXPERIENCE_PLATFORM_HOSTS: &[&str] = &["platform.adobe.io", "platform-stage.adobe.io"];

/// The base address of a service: scheme, host, port and path, without a closing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Box<str>);

impl Endpoint {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    pub ims: Endpoint,
    pub audience_manager: Endpoint,
    pub experience_platform: Endpoint,
}

impl Default for Endpoints {
    /// Production.
    fn default() -> Self {
        Self {
            ims: Endpoint("https://ims-na1.adobelogin.com".into()),
            audience_manager: Endpoint("https://aam.adobe.io/v1".into()),
            experience_platform: Endpoint("https://platform.adobe.io".into()),
        }
    }
}

/// Which addresses are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Adobe's documented hosts, over https.
    AdobeHosts,
    /// Also loopback, over http or https: a simulator.
    AlsoLoopback,
}

impl Endpoints {
    /// # Errors
    /// [`EndpointError`] for the first address that is not allowed.
    pub fn parse(
        ims: &str,
        audience_manager: &str,
        experience_platform: &str,
        allowed: Allowed,
    ) -> Result<Self, EndpointError> {
        Ok(Self {
            ims: endpoint("IMS", ims, IMS_HOSTS, allowed)?,
            audience_manager: endpoint(
                "Audience Manager",
                audience_manager,
                AUDIENCE_MANAGER_HOSTS,
                allowed,
            )?,
            experience_platform: endpoint(
                "Experience Platform",
                experience_platform,
                EXPERIENCE_PLATFORM_HOSTS,
                allowed,
            )?,
        })
    }
}

/// Why an address is refused. The address itself is not repeated: a user may have put a password into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    #[error("the address of {service} is not of the form https://host[:port][/path]")]
    Malformed { service: &'static str },
    #[error("the address of {service} must begin with https://")]
    NotHttps { service: &'static str },
    #[error("the host of {service} is not one of Adobe's: use one of {}", .known.join(", "))]
    UnknownHost {
        service: &'static str,
        known: &'static [&'static str],
    },
    #[error("{service} on loopback is a simulator: allow insecure endpoints if that is meant")]
    Loopback { service: &'static str },
}

fn endpoint(
    service: &'static str,
    address: &str,
    known: &'static [&'static str],
    allowed: Allowed,
) -> Result<Endpoint, EndpointError> {
    let malformed = EndpointError::Malformed { service };
    let uri: Uri = address.parse().map_err(|_| malformed)?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(malformed);
    };
    if authority.as_str().contains('@') || uri.query().is_some() || address.contains('#') {
        return Err(malformed);
    }
    let host = authority.host().to_ascii_lowercase();
    let endpoint = Endpoint(address.trim_end_matches('/').into());
    if is_loopback(&host) {
        return match (allowed, scheme) {
            (Allowed::AdobeHosts, _) => Err(EndpointError::Loopback { service }),
            (Allowed::AlsoLoopback, "http" | "https") => Ok(endpoint),
            (Allowed::AlsoLoopback, _) => Err(malformed),
        };
    }
    if scheme != "https" {
        return Err(EndpointError::NotHttps { service });
    }
    if !known.contains(&host.as_str()) || !matches!(authority.port_u16(), None | Some(443)) {
        return Err(EndpointError::UnknownHost { service, known });
    }
    Ok(endpoint)
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{Allowed, EndpointError, Endpoints};

    const IMS: &str = "https://ims-na1.adobelogin.com";
    const PLATFORM: &str = "https://platform.adobe.io/";

    fn audience_manager(address: &str, allowed: Allowed) -> Result<String, String> {
        Endpoints::parse(IMS, address, PLATFORM, allowed)
            .map(|endpoints| endpoints.audience_manager.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_default_is_production_and_passes_its_own_check() {
        let default = Endpoints::default();
        let parsed = Endpoints::parse(
            default.ims.as_str(),
            default.audience_manager.as_str(),
            default.experience_platform.as_str(),
            Allowed::AdobeHosts,
        );
        assert_eq!(parsed, Ok(default));
    }

    #[test]
    fn only_known_hosts_of_the_same_service_pass() {
        let passes = [
            "https://aam.adobe.io/v1",
            "https://aam-beta.adobe.io/v1/",
            "https://AAM.adobe.io:443/v1",
        ];
        for address in passes {
            assert!(
                audience_manager(address, Allowed::AdobeHosts).is_ok(),
                "{address}"
            );
        }
        let refused = [
            ("http://aam.adobe.io/v1", "must begin with https://"),
            ("https://aam.adobe.io.example.com/v1", "not one of Adobe's"),
            ("https://platform.adobe.io/v1", "not one of Adobe's"),
            ("https://aam.adobe.io:8443/v1", "not one of Adobe's"),
            ("https://user:canary@aam.adobe.io/v1", "not of the form"),
            ("https://aam.adobe.io/v1?token=canary", "not of the form"),
            ("aam.adobe.io", "not of the form"),
            ("http://127.0.0.1:8080/v1", "simulator"),
            ("http://localhost:8080/v1", "simulator"),
        ];
        for (address, because) in refused {
            let message = audience_manager(address, Allowed::AdobeHosts).expect_err(address);
            assert!(message.contains(because), "{address}: {message}");
            assert!(!message.contains("canary"), "{message}");
        }
    }

    #[test]
    fn loopback_passes_only_when_it_is_allowed() {
        for address in [
            "http://127.0.0.1:8080/v1",
            "http://[::1]:9/v1",
            "http://localhost:80",
            "https://127.0.0.2",
        ] {
            assert_eq!(
                audience_manager(address, Allowed::AlsoLoopback).as_deref(),
                Ok(address)
            );
        }
        assert_eq!(
            Endpoints::parse(
                "http://10.0.0.1",
                "https://aam.adobe.io/v1",
                PLATFORM,
                Allowed::AlsoLoopback
            ),
            Err(EndpointError::NotHttps { service: "IMS" }),
        );
    }
}
