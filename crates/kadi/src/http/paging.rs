//! Lists: `{items, next}`, newest first, with an opaque cursor.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::{Code, FieldError, Problem};

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 200;

/// One page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct List<T> {
    /// Newest first.
    pub items: Vec<T>,
    /// Give it as `cursor` for the next page; null on the last.
    #[schema(required)]
    pub next: Option<String>,
}

/// Which page of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// How many items at most; 1 to 200, usually 50.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<u32>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// What to read for a page: one item more than is shown tells whether there is a next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    limit: u32,
    /// The key of the last item that was shown.
    pub after: Option<String>,
}

impl PageParams {
    /// Checks limit and cursor.
    pub fn read(&self) -> Result<PageRequest, Problem> {
        let mut errors = Vec::new();
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            errors.push(FieldError::new("/limit", "must be 1 to 200"));
        }
        let after = self.cursor.as_deref().map(open_cursor);
        if after == Some(None) {
            errors.push(FieldError::new("/cursor", "must be `next` of an earlier answer, unchanged"));
        }
        if errors.is_empty() {
            Ok(PageRequest { limit, after: after.flatten() })
        } else {
            Err(Problem::invalid(errors))
        }
    }
}

impl PageRequest {
    /// How many items to read.
    pub fn read_limit(&self) -> u32 {
        self.limit + 1
    }

    /// The key of the last item shown, as the type that it is. A cursor that is none is 422.
    pub fn after<K: std::str::FromStr>(&self) -> Result<Option<K>, Problem> {
        let key = self.after.as_deref().map(str::parse).transpose();
        key.map_err(|_| Problem::invalid(vec![FieldError::new("/cursor", "belongs to another list")]))
    }

    /// The page, of up to [`PageRequest::read_limit`] items and a way to tell an item's key.
    pub fn list<T, U>(&self, mut read: Vec<T>, key: impl Fn(&T) -> String, show: impl Fn(T) -> U) -> List<U> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = read.len() > limit;
        read.truncate(limit);
        let next = read.last().filter(|_| more).map(|last| seal_cursor(&key(last)));
        List { items: read.into_iter().map(show).collect(), next }
    }
}

/// The cursor that goes on after the item with this key.
pub fn seal_cursor(key: &str) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(key)
}

fn open_cursor(cursor: &str) -> Option<String> {
    let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(cursor).ok()?;
    String::from_utf8(bytes).ok().filter(|key| !key.is_empty() && !key.contains('\0'))
}

/// Query parameters of the type. Those that can't be read are answered 422 with the parameter's name.
#[derive(Debug, Clone)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(unread(&rejection).into_response()),
        }
    }
}

/// The rejection reads `Failed to deserialize query string: limit: invalid digit found in string`.
fn unread(rejection: &QueryRejection) -> Problem {
    let text = rejection.body_text();
    let name = text.split(": ").nth(1).filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    match name {
        Some(name) => Problem::invalid(vec![FieldError::new(format!("/{name}"), "cannot be read")]),
        None => Problem::new(Code::Malformed).detail("the query string cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(limit: Option<u32>, cursor: Option<&str>) -> Result<PageRequest, Problem> {
        PageParams { limit, cursor: cursor.map(str::to_owned) }.read()
    }

    #[test]
    fn pages_follow_each_other_until_the_last() {
        let all = [9, 8, 7, 6, 5];
        let mut seen = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = request(Some(2), cursor.as_deref()).unwrap();
            let after = page.after::<i32>().unwrap().unwrap_or(i32::MAX);
            let limit = usize::try_from(page.read_limit()).unwrap();
            let read: Vec<i32> = all.iter().copied().filter(|item| *item < after).take(limit).collect();
            let list = page.list(read, i32::to_string, |item| item);
            seen.push(list.items);
            cursor = list.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, [vec![9, 8], vec![7, 6], vec![5]]);
    }

    #[test]
    fn limits_and_cursors_that_are_none_are_named() {
        for limit in [0, 201] {
            assert_eq!(request(Some(limit), None).unwrap_err().errors[0].pointer, "/limit");
        }
        for cursor in ["", "*", "AA"] {
            assert_eq!(request(None, Some(cursor)).unwrap_err().errors[0].pointer, "/cursor", "{cursor}");
        }
        let foreign = request(None, Some(&seal_cursor("IN1"))).unwrap();
        assert_eq!(foreign.after::<u64>().unwrap_err().errors[0].pointer, "/cursor");
    }
}
