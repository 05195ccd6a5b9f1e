//! Audience Manager as a type.

use crate::resource::ObjectService;
use crate::service::System;

#[derive(Clone, Debug)]
pub struct OfAudienceManager;

impl ObjectService for OfAudienceManager {
    const SYSTEM: System = System::AudienceManager;
}
