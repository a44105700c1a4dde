//! How a provider knows us besides the headers: `basic:USER:PASSWORD_FILE`, `bearer:FILE`, `aws-sns`.
//!
//! `aws-sns` signs with AWS Signature Version 4, for the region and service that the address names
//! (`sns.ap-south-1.amazonaws.com`). The key is `aws-sns:KEY_ID:SECRET_FILE`, or, without those, what the usual
//! variables of AWS hold: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, if there is one, `AWS_SESSION_TOKEN`.

use std::time::{Duration, SystemTime};

use abdm::clock::SharedClock;
use anyhow::{Context as _, bail};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::Config;

/// What goes with each request.
pub(super) enum Auth {
    None,
    /// The value of `Authorization`.
    Header(HeaderValue),
    Aws {
        credentials: Credentials,
        region: String,
        service: String,
        clock: SharedClock,
    },
}

/// A request as it is signed.
pub(super) struct ToSign<'a> {
    pub(super) method: &'a str,
    pub(super) url: &'a str,
    pub(super) headers: Vec<(&'a str, &'a str)>,
    pub(super) body: &'a [u8],
}

impl Auth {
    /// Reads `[sms] auth`; secrets are read from their files now.
    pub(super) fn read(
        config: &Config,
        auth: Option<&SecretString>,
        url: &str,
        clock: &SharedClock,
    ) -> anyhow::Result<Self> {
        let Some(auth) = auth.map(|auth| auth.expose_secret().trim()).filter(|auth| !auth.is_empty()) else {
            return Ok(Self::None);
        };
        match auth.split(':').collect::<Vec<_>>().as_slice() {
            ["basic", user, file] => {
                let password = secret(config, file)?;
                let pair = format!("{user}:{}", password.expose_secret());
                Self::header(&format!("Basic {}", base64_simd::STANDARD.encode_to_string(pair)))
            }
            ["bearer", file] => Self::header(&format!("Bearer {}", secret(config, file)?.expose_secret())),
            ["aws-sns"] => {
                let variable = |name: &str| {
                    std::env::var(name).with_context(|| format!("sms.auth is \"aws-sns\": set {name}"))
                };
                let (id, secret) = (variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?);
                Ok(Self::aws(
                    Credentials::new(id, secret, variable("AWS_SESSION_TOKEN").ok(), None, "environment"),
                    url,
                    clock,
                ))
            }
            ["aws-sns", id, file] => {
                let secret = secret(config, file)?.expose_secret().to_owned();
                Ok(Self::aws(Credentials::new(*id, secret, None, None, "configuration"), url, clock))
            }
            _ => bail!(
                "sms.auth: expected \"basic:USER:PASSWORD_FILE\", \"bearer:FILE\", \"aws-sns\" or \
                 \"aws-sns:KEY_ID:SECRET_FILE\""
            ),
        }
    }

    fn header(value: &str) -> anyhow::Result<Self> {
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| anyhow::anyhow!("sms.auth: the secret holds characters that no header takes"))?;
        value.set_sensitive(true);
        Ok(Self::Header(value))
    }

    fn aws(credentials: Credentials, url: &str, clock: &SharedClock) -> Self {
        let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        let (service, region) = match host.split('.').collect::<Vec<_>>().as_slice() {
            [service, region, "amazonaws", "com"] => ((*service).to_owned(), (*region).to_owned()),
            // A stand-in for AWS: signed as Mumbai's.
            _ => ("sns".to_owned(), "ap-south-1".to_owned()),
        };
        Self::Aws { credentials, region, service, clock: clock.clone() }
    }

    /// The headers that go with this request.
    pub(super) fn headers(&self, request: &ToSign<'_>) -> anyhow::Result<Vec<(HeaderName, HeaderValue)>> {
        match self {
            Self::None => Ok(Vec::new()),
            Self::Header(value) => Ok(vec![(AUTHORIZATION, value.clone())]),
            Self::Aws { credentials, region, service, clock } => {
                let identity = credentials.clone().into();
                let since = Duration::try_from(clock.now().as_duration()).unwrap_or_default();
                let params = SigningParams::builder()
                    .identity(&identity)
                    .region(region)
                    .name(service)
                    .time(SystemTime::UNIX_EPOCH + since)
                    .settings(SigningSettings::default())
                    .build()?;
                let headers = request.headers.iter().copied();
                let body = SignableBody::Bytes(request.body);
                let signable = SignableRequest::new(request.method, request.url, headers, body)?;
                let (instructions, _) = sign(signable, &params.into())?.into_parts();
                let signed = instructions.headers().map(|(name, value)| {
                    let mut value = HeaderValue::from_str(value)?;
                    value.set_sensitive(true);
                    Ok((HeaderName::from_bytes(name.as_bytes())?, value))
                });
                signed.collect()
            }
        }
    }
}

/// A secret in a file, without the newline at its end.
pub(super) fn secret(config: &Config, file: &str) -> anyhow::Result<SecretString> {
    let path = config.resolve(file);
    let text = std::fs::read_to_string(&path);
    let text = text.with_context(|| format!("[sms]: {} cannot be read", path.display()))?;
    Ok(SecretString::from(text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signature and headers that AWS's own implementation gives for the same request, key and time do not depend on
    /// us; what does is that each part of the request is signed.
    #[test]
    fn every_part_of_a_request_is_signed() {
        let clock = abdm::clock::ManualClock::at("2026-01-20T06:00:00Z".parse().unwrap());
        let auth = Auth::Aws {
            credentials: Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"),
            region: "ap-south-1".to_owned(),
            service: "sns".to_owned(),
            clock: std::sync::Arc::new(clock),
        };
        let signature = |url: &str, content_type: &str, body: &str| {
            let headers = vec![("content-type", content_type)];
            let request = ToSign { method: "POST", url, headers, body: body.as_bytes() };
            let signed = auth.headers(&request).unwrap();
            let of = |name: &str| {
                let found = signed.iter().find(|(header, _)| header == name);
                found.unwrap_or_else(|| panic!("{name}")).1.to_str().unwrap().to_owned()
            };
            assert_eq!(of("x-amz-date"), "20260120T060000Z");
            of("authorization")
        };
        let url = "https://sns.ap-south-1.amazonaws.com/";
        let first = signature(url, "a/b", "Action=Publish");
        assert!(
            first.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260120/ap-south-1/sns/aws4_request"),
            "{first}"
        );
        assert!(first.contains("content-type;host;x-amz-date"), "{first}");
        assert_eq!(first, signature(url, "a/b", "Action=Publish"));
        for (url, content_type, body) in [
            ("https://sns.ap-south-2.amazonaws.com/", "a/b", "Action=Publish"),
            (url, "a/c", "Action=Publish"),
            (url, "a/b", "Action=Publish2"),
        ] {
            assert_ne!(first, signature(url, content_type, body));
        }
    }
}
