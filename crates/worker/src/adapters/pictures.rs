//! Copies of profile pictures in R2, one for each username.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Uri};
use oslira_app::{
    features::{
        leads::{Picture, Pictures},
        profiles::{InstagramHandle, PictureStore},
    },
    shared::store::StoreError,
};
use oslira_providers::HttpSend;
use worker::{Bucket, Env, send::SendFuture};

const BUCKET: &str = "PROFILES";

/// A picture that takes longer is not worth waiting for: models answer in more.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);

/// Instagram's profile pictures have 5 to 150 KiB.
const PICTURE_BYTES_MAX: usize = 512 * 1024;

/// Where Instagram keeps its pictures.
const HOSTS: [&str; 2] = ["cdninstagram.com", "fbcdn.net"];

/// The bucket, and the way to Instagram's servers.
pub struct PictureCopies {
    env: Env,
    send: Arc<dyn HttpSend>,
    /// The sandbox's own host on a local stack: then nothing else is asked.
    local_host: Option<String>,
}

impl PictureCopies {
    pub fn new(env: &Env, send: Arc<dyn HttpSend>, local_host: Option<String>) -> Self {
        Self { env: env.clone(), send, local_host }
    }

    /// Whether a stranger's address leads to Instagram's own servers.
    fn may_fetch(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else { return false };
        match &self.local_host {
            Some(local) => uri.authority().is_some_and(|authority| authority.as_str() == local),
            None => {
                let is_below = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
                scheme == "https" && uri.port().is_none() && HOSTS.into_iter().any(is_below)
            }
        }
    }

    fn bucket(&self) -> worker::Result<Bucket> {
        self.env.bucket(BUCKET)
    }

    async fn put(&self, username: &str, bytes: Vec<u8>) -> worker::Result<()> {
        self.bucket()?.put(key(username), bytes).execute().await.map(drop)
    }

    async fn get(&self, username: &str) -> worker::Result<Option<Vec<u8>>> {
        let object = self.bucket()?.get(key(username)).execute().await?;
        match object.as_ref().and_then(worker::Object::body) {
            Some(body) => body.bytes().await.map(Some),
            None => Ok(None),
        }
    }

    async fn fetch(&self, url: &str) -> Result<Bytes, String> {
        let uri = Uri::try_from(url).map_err(|_| "the address is none".to_owned())?;
        if !self.may_fetch(&uri) {
            return Err("the address is not one of Instagram's".to_owned());
        }
        let request = Request::get(uri).body(Bytes::new()).map_err(|error| error.to_string())?;
        let answer =
            self.send.send(request, FETCH_TIMEOUT, PICTURE_BYTES_MAX).await.map_err(|error| error.to_string())?;
        match answer.status().as_u16() {
            200 => Ok(answer.into_body()),
            status => Err(format!("status {status}")),
        }
    }
}

fn key(username: &str) -> String {
    format!("instagram/{username}/picture")
}

/// What the bytes are by themselves, whatever anybody says of them.
fn content_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[async_trait]
impl PictureStore for PictureCopies {
    async fn copy(&self, username: &InstagramHandle, url: &str) -> Result<(), String> {
        let bytes = self.fetch(url).await?;
        if content_type(&bytes).is_none() {
            return Err("what is there is no picture".to_owned());
        }
        SendFuture::new(self.put(username.as_str(), bytes.to_vec())).await.map_err(|error| format!("R2: {error}"))
    }
}

#[async_trait]
impl Pictures for PictureCopies {
    async fn of(&self, username: &str) -> Result<Option<Picture>, StoreError> {
        let bytes = SendFuture::new(self.get(username))
            .await
            .map_err(|error| StoreError::Unavailable(format!("R2: {error}")))?;
        Ok(bytes.and_then(|bytes| content_type(&bytes).map(|content_type| Picture { content_type, bytes })))
    }
}
