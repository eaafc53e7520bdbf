//! Values as JSON, for what a mutation writes.

use serde_json::{Map as JsonMap, Value as Json};

use crate::engine::cel::{Failure, Value, value::Key};

impl Value<'_> {
    /// # Errors
    /// A value that JSON has no form for.
    pub fn to_json(&self) -> Result<Json, Failure> {
        Ok(match self {
            Value::Null | Value::Optional(None) => Json::Null,
            Value::Bool(value) => (*value).into(),
            Value::Int(value) => (*value).into(),
            Value::Uint(value) => (*value).into(),
            Value::Double(value) => {
                let number = serde_json::Number::from_f64(*value);
                Json::Number(number.ok_or_else(|| Failure::error(format!("JSON has no number for `{value}`")))?)
            }
            Value::String(text) => text.as_str().into(),
            Value::List(list) => Json::Array(list.iter().map(|item| item.to_json()).collect::<Result<_, _>>()?),
            Value::Map(map) => {
                let mut object = JsonMap::new();
                for (key, value) in map.iter() {
                    let Key::String(key) = key else { return Err(Failure::error("JSON has no keys but texts")) };
                    object.insert(key.as_str().to_owned(), value.to_json()?);
                }
                Json::Object(object)
            }
            Value::Struct(made) => {
                let fields = made.fields.iter().map(|(name, value)| Ok((name.to_string(), value.to_json()?)));
                Json::Object(fields.collect::<Result<_, Failure>>()?)
            }
            Value::Optional(Some(value)) => value.to_json()?,
            other => return Err(Failure::error(format!("JSON has no form for `{}`", other.type_name().as_str()))),
        })
    }
}
