//! The object store: large documents, sealed, outside of the database, in a folder or in a bucket.
//!
//! An object is immutable: it is written whole under an id of its own, read, and at last deleted. It lies at
//! `YY/XX/ID`, where `XX` and `YY` are the last two pairs of digits of the id, which are random, so that no folder grows
//! large. What an object is for, and whether it is still needed, stands in the database alone; see [`crate::Store::keep`].
//! Several instances on one database need one object store.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutPayload};
use uuid::Uuid;

use crate::error::{Result, StoreError};

/// The name of an object. It begins with the time at which it was made (UUID version 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub Uuid);

impl std::fmt::Display for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl std::str::FromStr for ObjectId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// An object store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    /// Of a bucket, what its objects' names begin with.
    prefix: Path,
    /// Where it is, if it is a folder.
    folder: Option<PathBuf>,
}

impl Objects {
    /// Opens `file:///FOLDER`, which is made if missing, or `s3://BUCKET/PREFIX`, with the credentials and the region
    /// that AWS's own variables name (`AWS_ACCESS_KEY_ID`, `AWS_REGION`, `AWS_ENDPOINT` and so on). Connects to nobody yet.
    ///
    /// # Errors
    /// The URL is of another kind, or the folder cannot be made.
    pub fn open(url: &str) -> Result<Self> {
        let refused = |why: String| StoreError::Url(format!("{url}: {why}"));
        if let Some(folder) = url.strip_prefix("file://") {
            std::fs::create_dir_all(folder).map_err(|error| refused(error.to_string()))?;
            let store =
                LocalFileSystem::new_with_prefix(folder).map_err(|error| refused(error.to_string()))?;
            let (store, folder) = (Arc::new(store.with_fsync(true)), Some(PathBuf::from(folder)));
            return Ok(Self { store, prefix: Path::default(), folder });
        }
        let Some(place) = url.strip_prefix("s3://") else {
            return Err(refused("an object store is file:///FOLDER or s3://BUCKET/PREFIX".to_owned()));
        };
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let store = bucket_of(bucket).map_err(refused)?;
        let prefix = Path::parse(prefix).map_err(|error| refused(error.to_string()))?;
        Ok(Self { store, prefix, folder: None })
    }

    /// Writes an object. Once this returns it is there whatever happens, and whole.
    ///
    /// # Errors
    /// The object store refuses or cannot be reached, or there is an object of this id.
    pub async fn put(&self, id: ObjectId, bytes: Bytes) -> Result<()> {
        let payload = PutPayload::from_bytes(bytes);
        self.store.put_opts(&self.place(id), payload, PutMode::Create.into()).await?;
        Ok(())
    }

    /// An object as it was written; `None` if there is none of this id.
    ///
    /// # Errors
    /// The object store cannot be reached or fails.
    pub async fn get(&self, id: ObjectId) -> Result<Option<Bytes>> {
        match self.store.get(&self.place(id)).await {
            Ok(found) => Ok(Some(found.bytes().await?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes an object, and what a killed process may have left of writing it. It may be gone already.
    ///
    /// # Errors
    /// The object store refuses or cannot be reached.
    pub async fn delete(&self, id: ObjectId) -> Result<()> {
        if let Some(folder) = &self.folder {
            forget_staged(&folder.join(self.place(id).as_ref()));
        }
        match self.store.delete(&self.place(id)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Every object, in no order. What is not an object of ours is passed over.
    pub fn list(&self) -> BoxStream<'static, Result<ObjectId>> {
        let prefix = (!self.prefix.as_ref().is_empty()).then_some(&self.prefix);
        let found = self.store.list(prefix).filter_map(async |found| match found {
            Ok(found) => found.location.filename()?.parse().ok().map(Ok),
            Err(error) => Some(Err(error.into())),
        });
        found.boxed()
    }

    fn place(&self, id: ObjectId) -> Path {
        let name = id.to_string();
        let pair = |from: usize| name.get(from..from + 2).unwrap_or_default().to_owned();
        let [outer, inner] = [pair(name.len() - 2), pair(name.len() - 4)];
        self.prefix.parts().chain([outer.into(), inner.into(), name.into()]).collect()
    }
}

/// A file is written under its name with a number behind, and then renamed. An id is used once, so the number is 1.
fn forget_staged(file: &FilePath) {
    let mut staged = file.as_os_str().to_owned();
    staged.push("#1");
    // There is none but after a kill.
    let _ = std::fs::remove_file(staged);
}

#[cfg(feature = "s3")]
fn bucket_of(name: &str) -> Result<Arc<dyn ObjectStore>, String> {
    let builder = object_store::aws::AmazonS3Builder::from_env().with_bucket_name(name);
    builder.build().map(|store| Arc::new(store) as _).map_err(|error| error.to_string())
}

#[cfg(not(feature = "s3"))]
fn bucket_of(_: &str) -> Result<Arc<dyn ObjectStore>, String> {
    Err("this kadi was built without the feature s3".to_owned())
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;

    use super::*;

    fn folder() -> (tempfile::TempDir, Objects) {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(&format!("file://{}/objects", folder.path().display())).unwrap();
        (folder, objects)
    }

    fn files(folder: &FilePath) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
    }

    #[tokio::test]
    async fn an_object_is_written_once_read_listed_and_deleted() {
        let (_folder, objects) = folder();
        let (one, other) = (ObjectId(Uuid::now_v7()), ObjectId(Uuid::now_v7()));
        assert_eq!(objects.get(one).await.unwrap(), None);
        objects.put(one, Bytes::from_static(b"one")).await.unwrap();
        assert!(objects.put(one, Bytes::from_static(b"other")).await.is_err(), "an object is immutable");
        objects.put(other, Bytes::new()).await.unwrap();
        assert_eq!(objects.get(one).await.unwrap().unwrap(), "one");
        let mut listed: Vec<_> = objects.list().try_collect().await.unwrap();
        listed.sort_unstable();
        assert_eq!(listed, [one, other]);
        objects.delete(one).await.unwrap();
        objects.delete(one).await.unwrap();
        assert_eq!(objects.get(one).await.unwrap(), None);
        assert_eq!(objects.list().try_collect::<Vec<_>>().await.unwrap(), [other]);
    }

    #[tokio::test]
    async fn what_a_kill_left_half_written_is_no_object_and_goes_with_its_id() {
        let (folder, objects) = folder();
        let id = ObjectId(Uuid::now_v7());
        let file = folder.path().join("objects").join(objects.place(id).as_ref());
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(format!("{}#1", file.display()), "half").unwrap();
        assert_eq!(objects.get(id).await.unwrap(), None);
        assert!(objects.list().try_collect::<Vec<_>>().await.unwrap().is_empty());
        objects.delete(id).await.unwrap();
        assert!(files(folder.path()).is_empty());
    }

    #[test]
    fn other_places_are_refused_with_what_would_be_right() {
        for url in ["", "/var/lib/kadi/objects", "https://example.org/bucket"] {
            let error = Objects::open(url).unwrap_err().to_string();
            assert!(error.contains("file:///FOLDER or s3://BUCKET/PREFIX"), "{error}");
        }
        let error = Objects::open("file:///dev/null/objects").unwrap_err().to_string();
        assert!(error.contains("/dev/null/objects"), "{error}");
    }
}
