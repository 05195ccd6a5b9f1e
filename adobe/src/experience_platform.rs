//! The typed client of Experience Platform, from experience-platform.md §3 and §4.2. What every kind has in common is the
//! [`Client`]'s.
//!
//! Lists are never complete here: inactive audiences are left out of them, so that absence is asked for by id.

mod audience;
mod pql_json;
mod service;
mod wire;

#[cfg(test)]
mod tests;

use audience_sharing_core::domain::experience_platform::Sandbox;
use audience_sharing_core::domain::identifier::SandboxName;

use super::body::{ELEMENT_BYTES_MAX, Element};
use super::client::{Client, operation};
use super::error::Error;
use super::error::kind::CallKind;
use super::gateway::{Call, CallContext, Gateway};
use super::paging::Paging;
use super::service::SANDBOXES;
use service::OfExperiencePlatform;

/// The client of one sandbox.
pub type ExperiencePlatform = Client<OfExperiencePlatform>;

impl Gateway {
    /// The client of one sandbox of Experience Platform behind this gateway.
    pub fn experience_platform(&self, sandbox: SandboxName) -> ExperiencePlatform {
        Client::new(self, Some(sandbox))
    }
}

impl ExperiencePlatform {
    /// The sandboxes that the credential may use.
    ///
    /// # Errors
    /// Any kind but those of a write.
    pub async fn sandboxes(&self, context: &CallContext) -> Result<Vec<Sandbox>, Error> {
        let operation = operation::<OfExperiencePlatform>(SANDBOXES, CallKind::List);
        // A token's sandboxes are its own; the header would ask for one that may not exist.
        let call = Call {
            sandbox: None,
            ..self.call(operation, "/foundation/sandbox-management/")
        };
        let paging = Paging::Offset {
            member: "sandboxes",
        };
        let (mut sandboxes, mut is_hidden) = (Vec::new(), false);
        self.each_page(context, call, paging, ELEMENT_BYTES_MAX, &mut |element| {
            let whole = match element {
                Element::Whole(text) => wire::sandbox(text),
                Element::Outline(_) => None,
            };
            is_hidden |= whole.is_none();
            sandboxes.extend(whole);
        })
        .await?;
        // One that cannot be read leaves open only whether ours is missing.
        let ours = self.sandbox().map(SandboxName::as_str);
        if is_hidden
            && !sandboxes
                .iter()
                .any(|found: &Sandbox| Some(&*found.name) == ours)
        {
            return Err(operation.unexpected("an element of the list cannot be read"));
        }
        Ok(sandboxes)
    }
}
