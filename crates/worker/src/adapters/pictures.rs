//! Copies of profile pictures in R2, one for each username. What may be fetched and kept is decided in the product.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use oslira_app::{
    features::{
        leads::{Picture, Pictures},
        profiles::{
            InstagramHandle, PICTURE_BYTES_MAX, PICTURE_TIMEOUT, PictureSource, PictureStore, picture_key, picture_type,
        },
    },
    shared::store::StoreError,
};
use oslira_providers::HttpSend;
use worker::{Bucket, Env, send::SendFuture};

use super::PROFILES_BUCKET;

/// The bucket of copies, and where pictures are fetched from.
pub struct PictureCopies {
    env: Env,
    send: Arc<dyn HttpSend>,
    source: PictureSource,
}

impl PictureCopies {
    pub fn new(env: &Env, send: Arc<dyn HttpSend>, source: PictureSource) -> Self {
        Self { env: env.clone(), send, source }
    }

    fn bucket(&self) -> worker::Result<Bucket> {
        self.env.bucket(PROFILES_BUCKET)
    }

    async fn delete_all(&self, usernames: &[InstagramHandle]) -> worker::Result<()> {
        let keys = usernames.iter().map(|username| picture_key(username.as_str())).collect();
        self.bucket()?.delete_multiple(keys).await
    }

    async fn put(&self, username: &str, bytes: Vec<u8>) -> worker::Result<()> {
        self.bucket()?.put(picture_key(username), bytes).execute().await.map(drop)
    }

    async fn get(&self, username: &str) -> worker::Result<Option<Vec<u8>>> {
        let object = self.bucket()?.get(picture_key(username)).execute().await?;
        match object.as_ref().and_then(worker::Object::body) {
            Some(body) => body.bytes().await.map(Some),
            None => Ok(None),
        }
    }

    async fn fetch(&self, url: &str) -> Result<Bytes, String> {
        let uri = self.source.permit(url).ok_or("pictures may not be fetched from this address")?;
        let request = Request::get(uri).body(Bytes::new()).map_err(|error| error.to_string())?;
        let answer =
            self.send.send(request, PICTURE_TIMEOUT, PICTURE_BYTES_MAX).await.map_err(|error| error.to_string())?;
        match answer.status().as_u16() {
            200 => Ok(answer.into_body()),
            status => Err(format!("status {status}")),
        }
    }
}

#[async_trait]
impl PictureStore for PictureCopies {
    async fn copy(&self, username: &InstagramHandle, url: &str) -> Result<(), String> {
        let bytes = self.fetch(url).await?;
        if picture_type(&bytes).is_none() {
            return Err("the file at this address is not a picture".to_owned());
        }
        SendFuture::new(self.put(username.as_str(), bytes.to_vec())).await.map_err(|error| format!("R2: {error}"))
    }

    async fn delete(&self, usernames: &[InstagramHandle]) -> Result<(), StoreError> {
        if usernames.is_empty() {
            return Ok(());
        }
        SendFuture::new(self.delete_all(usernames))
            .await
            .map_err(|error| StoreError::Unavailable(format!("R2: {error}")))
    }
}

#[async_trait]
impl Pictures for PictureCopies {
    async fn of(&self, username: &str) -> Result<Option<Picture>, StoreError> {
        let bytes = SendFuture::new(self.get(username))
            .await
            .map_err(|error| StoreError::Unavailable(format!("R2: {error}")))?;
        // R2 holds the bytes without a media type, so the type is told from them again.
        Ok(bytes.and_then(|bytes| picture_type(&bytes).map(|content_type| Picture { content_type, bytes })))
    }
}
