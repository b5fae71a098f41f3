//! What a check hook may ask for: it looks, and changes nothing.

use resilmesh_hook_api::{Failure, HookKind, Request};

use super::failure;

/// The request as it is answered to a check hook.
///
/// # Errors
/// When it would change something, or somebody would have to be there: a plan is made unattended.
pub(super) fn only_reading(request: Request) -> Result<Request, Failure> {
    match request {
        Request::Prompt { .. } | Request::WaitForEnter => Err(refused("a check hook asks nobody")),
        // Asked of nobody, and not kept: it is there, or it is not.
        Request::GetSecret { owner, key, prompt: _ } => Ok(Request::GetSecret { owner, key, prompt: None }),
        Request::CallHook { kind: HookKind::Watch, .. }
        | Request::ListProducts { .. }
        | Request::GetProduct { .. }
        | Request::ListCapabilities { .. }
        | Request::ListIntegrations { .. }
        | Request::GetIntegration(_)
        | Request::ListInstances { .. }
        | Request::GetInstance(_)
        | Request::SettingsSchema(_)
        | Request::ListPlugs { .. }
        | Request::GetPlug(_)
        | Request::MatchingIntegrations(_)
        | Request::UnconfiguredSettings(_)
        | Request::ReadSecrets
        | Request::Validate => Ok(request),
        Request::SaveProduct { .. }
        | Request::ScaffoldProduct { .. }
        | Request::ScaffoldCapability { .. }
        | Request::PullProduct { .. }
        | Request::SaveIntegration { .. }
        | Request::ScaffoldIntegration { .. }
        | Request::Publish { .. }
        | Request::CreateInstance { .. }
        | Request::SaveInstance { .. }
        | Request::DeleteInstance(_)
        | Request::CreatePlug { .. }
        | Request::SavePlug { .. }
        | Request::DeletePlug(_)
        | Request::SetSecret { .. }
        | Request::DeleteSecret { .. }
        | Request::BringUp(_)
        | Request::TakeDown(_)
        | Request::CallHook { .. }
        | Request::InitProject { .. } => Err(refused("a check hook changes nothing")),
    }
}

fn refused(why: &str) -> Failure {
    Failure { hint: Some("a setup hook is the place for this".to_owned()), ..failure(why) }
}
