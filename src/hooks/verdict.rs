//! What the check hook of a file says of an end of a plug.

use resilmesh_hook_api::Call;
use serde_json::Value;
use tokio::sync::mpsc;

use super::host::Hosts;
use super::{Drift, HookError};

/// What a check hook may say.
const ANSWERS: &str = "a check hook returns True or nothing if all is as it was set up, else what differs: a text, a list of texts, or False";

/// Asks a check hook whether all is as it was set up. Dropping the future interrupts the hook.
///
/// # Errors
/// When it cannot tell: it cannot be called, raises, or answers with something else.
pub async fn check(hosts: &Hosts, call: Call) -> Result<Drift, HookError> {
    let function = call.hook.function.clone();
    let (items, mut given) = mpsc::channel(16);
    let called = hosts.call_with_items(call, items);
    tokio::pin!(called);
    let mut said = Vec::new();
    let value = loop {
        tokio::select! {
            biased;
            Some(item) = given.recv() => said.push(item),
            value = &mut called => break value?,
        }
    };
    while let Ok(item) = given.try_recv() {
        said.push(item);
    }
    // One that yields what differs returns nothing.
    said.push(value);
    let drift = said.into_iter().try_fold(Vec::new(), |mut all, one| {
        all.extend(differences(&function, one)?);
        Ok::<_, HookError>(all)
    })?;
    let drift: Vec<String> = drift.iter().map(|text| hosts.clean(text)).collect();
    Ok(if drift.is_empty() { Drift::AsDeclared } else { Drift::Differs(drift.join("; ")) })
}

/// What differs by what a hook has returned or yielded.
fn differences(function: &str, said: Value) -> Result<Vec<String>, HookError> {
    match said {
        Value::Null | Value::Bool(true) => Ok(Vec::new()),
        Value::Bool(false) => Ok(vec!["it is not as it was set up".to_owned()]),
        Value::String(text) => {
            Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
        }
        Value::Array(all) if all.iter().all(Value::is_string) => {
            all.into_iter().map(|one| differences(function, one)).collect::<Result<Vec<_>, _>>().map(|all| all.concat())
        }
        other => Err(HookError::new(format!("check hook `{function}` answers with {}", kind(&other))).hint(ANSWERS)),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Number(_) => "a number",
        Value::Array(_) => "a list that has other things than texts in it",
        Value::Object(_) => "a map",
        Value::Null | Value::Bool(_) | Value::String(_) => "a text",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn true_and_nothing_are_good_and_texts_say_what_differs() {
        for good in [json!(null), json!(true), json!(""), json!([])] {
            assert_eq!(differences("f", good.clone()), Ok(Vec::new()), "{good}");
        }
        let differs = |said| differences("f", said).expect("an answer");
        assert_eq!(differs(json!(false)), ["it is not as it was set up"]);
        assert_eq!(differs(json!("the inlet is gone\n")), ["the inlet is gone"]);
        assert_eq!(differs(json!(["no inlet", "", "two\nlines"])), ["no inlet", "two", "lines"]);
    }

    #[test]
    fn an_answer_that_is_none_is_an_error() {
        for (said, kind) in [
            (json!(3), "a number"),
            (json!({}), "a map"),
            (json!([false]), "a list that has other things than texts in it"),
        ] {
            let error = differences("inlet_is_there", said).expect_err("no answer");
            assert_eq!(error.what, format!("check hook `inlet_is_there` answers with {kind}"));
            assert_eq!(error.hint.as_deref(), Some(ANSWERS));
        }
    }
}
