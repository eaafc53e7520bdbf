//! stub
use crate::{
    cluster::api::{Api, ApiError},
    engine::subject::ObjectKey,
};
use serde_json::Value;
pub async fn ensure(_api: &Api, _objects: &[Value]) -> Result<Vec<ObjectKey>, ApiError> {
    Ok(Vec::new())
}
