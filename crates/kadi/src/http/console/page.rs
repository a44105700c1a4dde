//! What every page has: rendering, and what to show when there is no page.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::super::problem::{Code, Problem};

/// Who is signed in, as the top of the page shows it.
#[derive(Debug, Clone)]
pub struct Who {
    /// A facility, or all.
    pub scope: String,
    /// For every form that changes something.
    pub csrf: String,
}

/// Why a page is not shown.
#[derive(Debug)]
pub enum NoPage {
    /// Sign in first, then come back here.
    SignIn(String),
    /// The same for a part of a page that asks by itself.
    SignInAgain,
    /// A form without its token, or from elsewhere.
    Forged,
    /// As the API would say it.
    Problem(Problem),
}

impl<E: Into<Problem>> From<E> for NoPage {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

impl IntoResponse for NoPage {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn(here) => {
                let here = percent_encoding::utf8_percent_encode(&here, percent_encoding::NON_ALPHANUMERIC);
                Redirect::to(&format!("/console/sign-in?next={here}")).into_response()
            }
            Self::SignInAgain => {
                (StatusCode::UNAUTHORIZED, [("hx-redirect", "/console/sign-in")]).into_response()
            }
            Self::Forged => {
                let text = "This form is no longer valid. Go back, load the page again, and repeat.";
                (StatusCode::FORBIDDEN, text).into_response()
            }
            Self::Problem(problem) => problem.into_response(),
        }
    }
}

/// A page from its template.
pub fn render(template: &impl Template) -> Result<Html<String>, NoPage> {
    template.render().map(Html).map_err(|error| {
        tracing::error!(error = %error, "a page could not be rendered");
        NoPage::Problem(Problem::new(Code::Internal))
    })
}
