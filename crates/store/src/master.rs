//! What wraps the data keys: a master key that this process holds, or a service that never gives its key away.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::error::{Result, StoreError};
use crate::seal::{Key, Wrapper};

/// A service that wraps keys, such as the transit engine of HashiCorp Vault.
pub trait KeyService: Send + Sync {
    /// Wraps a key. What comes out does not begin with the byte 1, with which keys begin that a master key wrapped.
    fn wrap<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Vec<u8>>>;

    /// Reads a key back.
    ///
    /// # Errors
    /// [`StoreError::Unsealable`] if the service did not wrap it, or not by this key; [`StoreError::KeyService`] if the
    /// service can't be asked.
    fn unwrap<'a>(&'a self, wrapped: &'a [u8]) -> BoxFuture<'a, Result<Key>>;

    /// Wraps what is wrapped again, by the newest version of the service's key.
    fn rewrap<'a>(&'a self, wrapped: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>>>;
}

/// What wraps the data keys of a store.
#[derive(Clone)]
pub enum Master {
    /// By this key, here.
    Key(Key),
    /// By a service.
    Service(Arc<dyn KeyService>),
}

impl std::fmt::Debug for Master {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Master::Key",
            Self::Service(_) => "Master::Service",
        })
    }
}

impl From<Key> for Master {
    fn from(key: Key) -> Self {
        Self::Key(key)
    }
}

impl Master {
    pub(crate) async fn wrap(&self, key: &Key) -> Result<Vec<u8>> {
        match self {
            Self::Key(master) => Wrapper::new(master)?.wrap(key),
            Self::Service(service) => service.wrap(key).await,
        }
    }

    pub(crate) async fn unwrap(&self, wrapped: &[u8]) -> Result<Key> {
        match self {
            Self::Key(master) => Wrapper::new(master)?.unwrap(wrapped),
            Self::Service(service) => service.unwrap(wrapped).await,
        }
    }
}

/// The error of a data key that does not open by this master key.
pub(crate) fn wrong_master() -> StoreError {
    StoreError::Unsealable { what: "data key" }
}
