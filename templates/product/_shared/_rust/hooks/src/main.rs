//! Hooks of {{ name }}: what resilmesh runs when an instance of it is plugged or used.
//!
//! An attribute says when its function is called. Nothing here reaches out yet: replace the bodies by calls of
//! the product's own API, one by one.

{% if consumes %}
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

{% endif %}
use resilmesh_sdk::*;
{% if executes or triggers %}
use serde_json::{Value, json};
{% endif %}

resilmesh_sdk::main!();

/// Without these, nothing works. Secrets are kept in the vault, never in files of the project.
const SETTINGS: &[&str] = &[{% for own in settings if own.required and not own.secret %}{{ "" if loop.first else ", " }}"{{ own.name }}"{% endfor %}];
const SECRETS: &[&str] = &[{% for own in settings if own.required and own.secret %}{{ "" if loop.first else ", " }}"{{ own.name }}"{% endfor %}];

/// Fails, naming what is missing, before a plug is half set up.
fn is_complete(instance: &Instance) -> Result<()> {
    let is_set = |name: &str| instance.values.get(name).is_some_and(|value| !value.is_null() && value != "");
    let mut missing: Vec<&str> = SETTINGS.iter().copied().filter(|name| !is_set(name)).collect();
    for name in SECRETS {
        if instance.secret(name)?.is_none() {
            missing.push(name);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let hint = format!("run `resilmesh configure {}`", instance.name);
    Err(Error::new(format!("{} lacks {}", instance.name, missing.join(", "))).hint(hint))
}
{% for end in ends %}

#[setup("{{ end.topic }}", role = "{{ end.role }}", {{ 'mode = "' ~ end.mode ~ '", ' if end.mode else "" }}title = "check the settings for {{ end.topic }}")]
fn set_up_{{ end.id }}_{{ end.role }}(ctx: &Setup) -> Result<()> {
    is_complete(ctx.instance())
}
{% endfor %}
{% if consumes %}

/// The file that stands for the product until its API is called.
fn spool(ctx: &Context, instance: &Instance, topic: &str) -> Result<PathBuf> {
    let folder = ctx.project().join(".resilmesh/spool");
    std::fs::create_dir_all(&folder)?;
    Ok(folder.join(format!("{}.{topic}.jsonl", instance.name)))
}

fn put(ctx: &Context, instance: &Instance, topic: &str, record: &str) -> Result<String> {
    let mut file = OpenOptions::new().create(true).append(true).open(spool(ctx, instance, topic)?)?;
    writeln!(file, "{record}")?;
    Ok(record.to_owned())
}

fn seen(ctx: &Context, instance: &Instance, topic: &str) -> Result<Items<'static>> {
    let path = spool(ctx, instance, topic)?;
    let text = if path.exists() { std::fs::read_to_string(path)? } else { String::new() };
    Ok(Items::of(text.lines().map(str::to_owned).collect::<Vec<_>>()))
}
{% endif %}
{% for topic in consumes %}

/// Hands over one record: `resilmesh produce {{ topic.name }} INSTANCE`.
#[produce("{{ topic.name }}")]
fn put_{{ topic.id }}(ctx: &Produce) -> Result<String> {
    put(ctx, ctx.instance(), "{{ topic.name }}", ctx.data())
}

/// Shows what was handed over: `resilmesh watch {{ topic.name }} INSTANCE`.
#[watch("{{ topic.name }}")]
fn see_{{ topic.id }}(ctx: &Watch) -> Result<Items<'static>> {
    seen(ctx, ctx.instance(), "{{ topic.name }}")
}
{% endfor %}
{% if executes or triggers %}

/// The command as it would be sent; nothing is sent yet, and the answer says so.
fn command(instance: &Instance, topic: &str, parameters: &Value) -> Result<Value> {
    is_complete(instance)?;
    Ok(json!({"instance": instance.name, "topic": topic, "parameters": parameters, "sent": false}))
}
{% endif %}
{% for topic in executes %}

/// Carries a command out: `resilmesh execute {{ topic.name }} INSTANCE -p KEY=VALUE`.
#[execute("{{ topic.name }}")]
fn execute_{{ topic.id }}(ctx: &Execute) -> Result<Value> {
    command(ctx.instance(), "{{ topic.name }}", ctx.data())
}
{% endfor %}
{% for topic in triggers %}

/// Gives a command: `resilmesh trigger {{ topic.name }} INSTANCE -p KEY=VALUE`.
#[trigger("{{ topic.name }}")]
fn trigger_{{ topic.id }}(ctx: &Trigger) -> Result<Value> {
    command(ctx.instance(), "{{ topic.name }}", ctx.data())
}
{% endfor %}

#[cfg(test)]
mod tests {
    use resilmesh_sdk::testing::Fake;

    use super::*;

    /// An instance that has all it needs.
    fn complete() -> Fake {
        let fake = SETTINGS.iter().fold(Fake::new(), |fake, name| fake.setting(name, "something"));
        SECRETS.iter().fold(fake, |fake, name| fake.secret(name, "something"))
    }

    #[test]
    fn what_is_missing_is_named() {
        is_complete(complete().setup().instance()).unwrap();
        for name in SETTINGS.iter().chain(SECRETS) {
            let refused = is_complete(Fake::new().setup().instance()).unwrap_err();
            assert!(refused.to_string().contains(name), "{refused}");
        }
    }
{% if ends %}

    #[test]
    fn a_complete_instance_can_be_plugged() {
{% for end in ends %}
        set_up_{{ end.id }}_{{ end.role }}(&complete().setup()).unwrap();
{% endfor %}
    }
{% endif %}
{% if consumes %}

    #[test]
    fn what_is_handed_over_is_seen() {
{% for topic in consumes %}
        let fake = complete().data("{\"of\": 1}");
        put_{{ topic.id }}(&fake.produce()).unwrap();
        let seen: Vec<_> = see_{{ topic.id }}(&fake.watch()).unwrap().collect::<Result<_>>().unwrap();
        assert_eq!(seen, ["{\"of\": 1}"]);
{% endfor %}
    }
{% endif %}
{% if executes or triggers %}

    #[test]
    fn commands_say_that_they_are_not_sent_yet() {
        let fake = complete().data(json!({"id": "1"}));
{% for topic in executes %}
        assert_eq!(execute_{{ topic.id }}(&fake.execute()).unwrap()["sent"], false);
{% endfor %}
{% for topic in triggers %}
        assert_eq!(trigger_{{ topic.id }}(&fake.trigger()).unwrap()["sent"], false);
{% endfor %}
    }
{% endif %}
}
