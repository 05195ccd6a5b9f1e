//! `GET /users/self`: the technical account of the token (audience-manager.md §1.5, §6.4). Answers before RBAC does,
//! since the first call creates the account.

use serde_json::json;

use super::common::USER_ID;
use crate::exchange::Answer;
use crate::flags::AdministratorTold;
use crate::service::Ask;
use crate::state::Access;
use crate::world::World;

pub(crate) fn myself(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let caller = &ask.caller;
    let email = format!("{}@techacct.adobe.com", caller.client_id);
    let admin = caller.aam_access == Access::Full;
    let mut myself = json!({
        "pid": caller.pid,
        "userId": USER_ID,
        "uid": USER_ID,
        "username": email,
        "status": "ACTIVE",
        "firstName": "Technical",
        "lastName": "Account",
        "email": email,
        "title": null,
        "phoneNumber": null,
        "groups": [],
    });
    match world.flags.audience_manager.administrator_told {
        AdministratorTold::Boolean => {
            myself["isAdmin"] = json!(admin);
            myself["admin"] = json!(admin);
        }
        AdministratorTold::Text => myself["isAdmin"] = json!(admin.to_string()),
        AdministratorTold::Nowhere => {}
    }
    Ok(Answer::json(200, myself))
}
