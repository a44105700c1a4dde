//! Senders for development: the message appears where a developer looks. Production refuses them.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::ExposeSecret as _;

use super::{Delivery, Dlt, Message, NotSent, SmsSender, Template, Values};

/// Writes messages to standard error or to a file, one line of JSON each.
#[derive(Debug)]
pub(super) struct LocalSender {
    file: Option<PathBuf>,
    text: Template,
    dlt: Dlt,
}

impl LocalSender {
    pub(super) fn console(text: Template, dlt: Dlt) -> Self {
        Self { file: None, text, dlt }
    }

    /// Fails if the file cannot be appended to.
    pub(super) fn file(path: &Path, text: Template, dlt: Dlt) -> std::io::Result<Self> {
        append(path)?;
        Ok(Self { file: Some(path.to_owned()), text, dlt })
    }

    fn write(&self, message: &Message<'_>) -> std::io::Result<()> {
        let values = Values::new(message, &self.text, &self.dlt);
        let line = serde_json::json!({"mobile": values.mobile, "otp": message.otp.expose_secret(),
            "facility": message.facility, "minutes": message.minutes, "text": values.text});
        let line = format!("{line}\n");
        match &self.file {
            Some(path) => append(path)?.write_all(line.as_bytes()),
            None => std::io::stderr().lock().write_all(format!("SMS {line}").as_bytes()),
        }
    }
}

/// One write of one line: several bridges may share the file.
fn append(path: &Path) -> std::io::Result<std::fs::File> {
    OpenOptions::new().create(true).append(true).open(path)
}

impl SmsSender for LocalSender {
    fn send<'a>(
        &'a self,
        message: &'a Message<'a>,
        _within: Duration,
    ) -> BoxFuture<'a, Result<Delivery, NotSent>> {
        Box::pin(async {
            let written = self.write(message).map(|()| Delivery::default());
            written.map_err(|error| NotSent::passing(format!("the message could not be written: {error}")))
        })
    }
}
