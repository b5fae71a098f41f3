//! Values of JSON as values of Python, and back.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PyMapping, PySequence, PySet, PyString, PyTuple,
};
use resilmesh_hook_api::LONGEST_LINE;
use serde_json::{Map, Number, Value};

/// How deep lists and maps may lie in one another: less than what readers of JSON allow.
const DEEPEST: usize = 64;

/// The value for Python.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(flag) => PyBool::new(py, *flag).to_owned().into_any(),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => number.into_pyobject(py)?.into_any(),
            (None, Some(number)) => number.into_pyobject(py)?.into_any(),
            (None, None) => PyFloat::new(py, number.as_f64().unwrap_or(f64::NAN)).into_any(),
        },
        Value::String(text) => PyString::new(py, text).into_any(),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(to_python(py, item)?)?;
            }
            list.into_any()
        }
        Value::Object(map) => {
            let dict = PyDict::new(py);
            for (key, value) in map {
                dict.set_item(key, to_python(py, value)?)?;
            }
            dict.into_any()
        }
    })
}

/// The value for JSON. What JSON has no form for is given as text, as `str()` has it.
pub(crate) fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    Budget(LONGEST_LINE).value(value, 0)
}

/// How many bytes may still come.
struct Budget(usize);

impl Budget {
    fn value(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
        self.spend(4)?;
        if depth > DEEPEST {
            return Err(PyValueError::new_err(format!(
                "the value lies more than {DEEPEST} levels deep, or contains itself"
            )));
        }
        if value.is_none() {
            Ok(Value::Null)
        } else if let Ok(flag) = value.cast::<PyBool>() {
            Ok(Value::Bool(flag.is_true()))
        } else if value.cast::<PyInt>().is_ok() {
            self.integer(value)
        } else if let Ok(number) = value.cast::<PyFloat>() {
            Number::from_f64(number.value()).map_or_else(|| self.text(value), |number| Ok(Value::Number(number)))
        } else if value.cast::<PyString>().is_ok() {
            self.text(value)
        } else if let Ok(bytes) = value.cast::<PyBytes>() {
            self.spend(bytes.as_bytes().len())?;
            Ok(Value::String(String::from_utf8_lossy(bytes.as_bytes()).into_owned()))
        } else if let Ok(map) = value.cast::<PyDict>() {
            self.map(map.iter(), depth)
        } else if is_list(value) {
            self.list(value, depth)
        } else if let Some(document) = document(value)? {
            self.value(&document, depth + 1)
        } else if let Ok(map) = value.cast::<PyMapping>() {
            let items = map.items()?.iter().map(|item| item.extract()).collect::<PyResult<Vec<_>>>()?;
            self.map(items.into_iter(), depth)
        } else if value.cast::<PySequence>().is_ok() {
            self.list(value, depth)
        } else {
            self.text(value)
        }
    }

    fn integer(&mut self, value: &Bound<'_, PyAny>) -> PyResult<Value> {
        if let Ok(number) = value.extract::<i64>() {
            return Ok(number.into());
        }
        value.extract::<u64>().map_or_else(|_| self.text(value), |number| Ok(number.into()))
    }

    fn text(&mut self, value: &Bound<'_, PyAny>) -> PyResult<Value> {
        let text = value.str()?.to_string_lossy().into_owned();
        self.spend(text.len())?;
        Ok(Value::String(text))
    }

    fn list(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
        value.try_iter()?.map(|item| self.value(&item?, depth + 1)).collect::<PyResult<_>>().map(Value::Array)
    }

    fn map<'py>(
        &mut self,
        items: impl Iterator<Item = (Bound<'py, PyAny>, Bound<'py, PyAny>)>,
        depth: usize,
    ) -> PyResult<Value> {
        let mut map = Map::new();
        for (key, value) in items {
            let key = key.str()?.to_string_lossy().into_owned();
            self.spend(key.len())?;
            map.insert(key, self.value(&value, depth + 1)?);
        }
        Ok(Value::Object(map))
    }

    fn spend(&mut self, bytes: usize) -> PyResult<()> {
        self.0 = self
            .0
            .checked_sub(bytes)
            .ok_or_else(|| PyValueError::new_err(format!("the value is larger than {} MiB", LONGEST_LINE >> 20)))?;
        Ok(())
    }
}

fn is_list(value: &Bound<'_, PyAny>) -> bool {
    value.cast::<PyList>().is_ok()
        || value.cast::<PyTuple>().is_ok()
        || value.cast::<PySet>().is_ok()
        || value.cast::<PyFrozenSet>().is_ok()
}

/// What an object of the package's model, or of pydantic, is as a map.
fn document<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    if value.is_instance_of::<pyo3::types::PyType>() || !value.hasattr("model_dump")? {
        return Ok(None);
    }
    value.call_method0("model_dump").map(Some)
}
