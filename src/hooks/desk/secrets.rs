//! Secrets of instances and plugs, by the names that the vault knows them by.

use resilmesh_hook_api::{Failure, InstanceName, PlugName, SecretOwner};
use serde_json::Value;

use super::{Answer, ProjectDesk, Scope, failure, instances, plugs};
use crate::mesh::secrets::{name_of_instance, name_of_plug};

impl ProjectDesk {
    pub(super) fn get_secret(&self, scope: &Scope, owner: &SecretOwner, key: &str, prompt: Option<&str>) -> Answer {
        let name = self.name(scope, owner, key)?;
        if let Some(kept) = self.secrets.get(&name)? {
            return Ok(kept);
        }
        let Some(question) = prompt else { return Ok(Value::Null) };
        let typed = Value::from(self.prompt(question, true)?);
        self.secrets.set(&name, &typed)?;
        Ok(typed)
    }

    pub(super) fn set_secret(&self, scope: &Scope, owner: &SecretOwner, key: &str, value: &Value) -> Answer {
        let name = self.name(scope, owner, key)?;
        self.secrets.set(&name, value)?;
        Ok(Value::Null)
    }

    pub(super) fn delete_secret(&self, scope: &Scope, owner: &SecretOwner, key: &str) -> Answer {
        self.secrets.delete(&self.name(scope, owner, key)?)?;
        Ok(Value::Null)
    }

    /// The name in the vault.
    fn name(&self, scope: &Scope, owner: &SecretOwner, key: &str) -> Result<String, Failure> {
        if !scope.covers(owner) {
            return Err(failure(format!(
                "the hook is not called for {}, so it does not get its secrets",
                words(owner)
            )));
        }
        match owner {
            SecretOwner::Free => self.free(scope, key),
            SecretOwner::Instance(instance) => {
                let known = instance.product.as_deref().or_else(|| scope.product_of(&instance.name));
                match known {
                    Some(product) => Ok(name_of_instance(product, &instance.name, key)),
                    None => {
                        let files = self.files()?;
                        let found = instances::find(&files, instance)?;
                        Ok(name_of_instance(&found.product, &found.name, key))
                    }
                }
            }
            SecretOwner::Plug(plug) => {
                let mut plug = plug.clone();
                plug.mode = plug.mode.or_else(|| scope.mode().map(str::to_owned));
                Ok(name_of_plug(&plugs::id(&plug)?, key))
            }
        }
    }

    /// A name that belongs to nobody. One that is an instance's or a plug's is its own way of asking for their
    /// secrets.
    fn free(&self, scope: &Scope, key: &str) -> Result<String, Failure> {
        if !matches!(scope, Scope::Parties { .. }) {
            return Ok(key.to_owned());
        }
        let files = self.files()?;
        let instances = files.instances.iter().map(|own| {
            let name = InstanceName { product: Some(own.product.clone()), name: own.name.clone() };
            (name_of_instance(&own.product, &own.name, ""), SecretOwner::Instance(name))
        });
        let plugs = files.plugs.iter().map(|plug| {
            let id = &plug.id;
            let name = PlugName {
                src_instance: id.source.clone(),
                dst_instance: id.destination.clone(),
                topic: id.topic.clone(),
                mode: Some(id.mode.word().to_owned()),
            };
            (name_of_plug(id, ""), SecretOwner::Plug(name))
        });
        match instances.chain(plugs).find(|(prefix, owner)| key.starts_with(prefix.as_str()) && !scope.covers(owner)) {
            Some((_, owner)) => Err(refused(&owner)),
            None => Ok(key.to_owned()),
        }
    }
}

fn refused(owner: &SecretOwner) -> Failure {
    failure(format!("the hook is not called for {}, so it does not get its secrets", words(owner)))
}

fn words(owner: &SecretOwner) -> String {
    match owner {
        SecretOwner::Free => "it".to_owned(),
        SecretOwner::Instance(instance) => format!("instance `{}`", instance.name),
        SecretOwner::Plug(plug) => {
            format!("the plug of `{}` from `{}` to `{}`", plug.topic, plug.src_instance, plug.dst_instance)
        }
    }
}
