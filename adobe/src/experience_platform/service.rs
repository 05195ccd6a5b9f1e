//! Experience Platform as a type.

use crate::resource::ObjectService;
use crate::service::System;

#[derive(Clone, Debug)]
pub struct OfExperiencePlatform;

impl ObjectService for OfExperiencePlatform {
    const SYSTEM: System = System::ExperiencePlatform;
}
