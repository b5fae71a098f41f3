//! Which secrets a hook may ask for: those of what it is called for.

use resilmesh_hook_api::{Call, HookKind, InstanceName, PlugName, SecretOwner};

/// For what a call is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// A program of the user's own.
    Anything,
    /// A hook about a product as a whole: its `pull`, for instance. It works on the project like a
    /// user, so every instance and plug that it names is open to it.
    Product(String),
    /// A hook about these instances (product, name) and, if it is about one, this plug.
    Parties {
        /// Product and name of each.
        instances: Vec<(String, String)>,
        /// The plug: source, destination, topic, mode.
        plug: Option<[String; 4]>,
    },
}

impl Scope {
    /// Of a call.
    pub fn of(call: &Call) -> Self {
        let own = call.instance.as_ref().map(|own| (own.product.clone(), own.name.clone()));
        let plug = call.plug.as_ref();
        let ends = plug.map(|plug| {
            [
                (plug.src_product.clone(), plug.src_instance.clone()),
                (plug.dst_product.clone(), plug.dst_instance.clone()),
            ]
        });
        let instances: Vec<_> = own.into_iter().chain(ends.into_iter().flatten()).collect();
        let whole = matches!(call.kind, HookKind::Pull | HookKind::Publish | HookKind::Scaffold);
        if whole || instances.is_empty() {
            return Self::Product(call.hook.product.clone());
        }
        let plug = plug
            .map(|plug| [plug.src_instance.clone(), plug.dst_instance.clone(), plug.topic.clone(), plug.mode.clone()]);
        Self::Parties { instances, plug }
    }

    /// Whether the owner's secrets may be asked for.
    pub fn covers(&self, owner: &SecretOwner) -> bool {
        let Self::Parties { instances, plug } = self else { return true };
        match owner {
            SecretOwner::Free => true,
            SecretOwner::Instance(InstanceName { product, name }) => {
                instances.iter().any(|own| own.1 == *name && product.as_ref().is_none_or(|product| own.0 == *product))
            }
            SecretOwner::Plug(PlugName { src_instance, dst_instance, topic, mode }) => {
                plug.as_ref().is_some_and(|[source, destination, own_topic, own_mode]| {
                    (source, destination, own_topic) == (src_instance, dst_instance, topic)
                        && mode.as_ref().is_none_or(|mode| mode == own_mode)
                })
            }
        }
    }

    /// The product of an instance, if it is one of those that the call is about.
    pub fn product_of(&self, instance: &str) -> Option<&str> {
        match self {
            Self::Parties { instances, .. } => instances.iter().find(|own| own.1 == instance).map(|own| own.0.as_str()),
            _ => None,
        }
    }

    /// The mode of the plug that the call is about.
    pub fn mode(&self) -> Option<&str> {
        match self {
            Self::Parties { plug: Some([.., mode]), .. } => Some(mode),
            _ => None,
        }
    }
}
