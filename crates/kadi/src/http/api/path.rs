//! What the API's paths name. A reference that could not exist is 422, another id that could not is 404.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use domain::reference::{CareContextRef, PatientRef};

use super::super::problem::{FieldError, Problem};

/// `{patientRef}`
#[derive(Debug, Clone)]
pub struct PatientPath(pub PatientRef);

/// `{patientRef}` and `{careContextRef}`
#[derive(Debug, Clone)]
pub struct CareContextPath(pub PatientRef, pub CareContextRef);

/// `{id}` or whatever the last parameter is called; one that can't be read names nothing.
#[derive(Debug, Clone)]
pub struct IdPath<T>(pub T);

/// `{webhookId}` of a path that goes on.
#[derive(Debug, Clone)]
pub struct WebhookPath(pub String);

impl<S: Send + Sync> FromRequestParts<S> for WebhookPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = params(parts, state).await?;
        let id = params.iter().find(|(name, _)| *name == "webhookId").map(|(_, id)| id.to_owned());
        id.map(Self).ok_or_else(Problem::not_found)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PatientPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = params(parts, state).await?;
        Ok(Self(reference(&params, "patientRef")?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CareContextPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = params(parts, state).await?;
        Ok(Self(reference(&params, "patientRef")?, reference(&params, "careContextRef")?))
    }
}

impl<T: std::str::FromStr, S: Send + Sync> FromRequestParts<S> for IdPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = params(parts, state).await?;
        let id = params.iter().last().and_then(|(_, id)| id.parse().ok());
        id.map(Self).ok_or_else(Problem::not_found)
    }
}

async fn params<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RawPathParams, Problem> {
    // It fails only for a path whose percent-encoding is not UTF-8.
    RawPathParams::from_request_parts(parts, state).await.map_err(|_| Problem::not_found())
}

fn reference<T>(params: &RawPathParams, name: &'static str) -> Result<T, Problem>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let (_, text) = params.iter().find(|(known, _)| *known == name).ok_or_else(Problem::not_found)?;
    text.parse().map_err(|error: T::Err| {
        Problem::invalid(vec![FieldError::new(format!("/{name}"), error.to_string())])
    })
}
