//! Messages on a socket: a tag, a length, a body. Reading can be abandoned at any await without losing a byte, which is
//! what lets a client be watched while its query runs.

use std::{io, mem::MaybeUninit, time::Duration};

use bytes::{Buf, BytesMut};
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// The length of a message counts its own four bytes, and not the tag.
const MESSAGE_BYTES_MIN: usize = 4;
const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Postgres' own limit for the first packet.
const PACKET_BYTES_MAX: usize = 10_000;

const READ_BYTES: usize = 16 * 1024;

/// How long a client that was told goodbye may take to close.
const LINGER_MAX: Duration = Duration::from_secs(1);

/// Why no message could be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error("the connection was closed")]
    Closed,
    #[error("{0}")]
    Broken(#[from] io::Error),
    #[error("a message of {bytes} bytes, where {MESSAGE_BYTES_MIN} to {max} are expected")]
    Length { bytes: usize, max: usize },
}

/// One whole message, with its tag and length.
pub(crate) struct Frame {
    pub(crate) tag: u8,
    pub(crate) bytes: BytesMut,
}

impl Frame {
    pub(crate) fn body(&self) -> &[u8] {
        self.bytes.get(1 + MESSAGE_BYTES_MIN..).unwrap_or_default()
    }
}

/// One connection, to a client or to the server.
pub(crate) struct Wire {
    stream: TcpStream,
    read: BytesMut,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        // If it fails, answers are slower, but still right.
        let _ = stream.set_nodelay(true);
        Self { stream, read: BytesMut::new() }
    }

    /// The next message, if it was read already.
    pub(crate) fn buffered_frame(&mut self) -> Result<Option<Frame>, WireError> {
        let mut head = self.read.as_ref();
        let (Ok(tag), Ok(length)) = (head.try_get_u8(), head.try_get_u32()) else { return Ok(None) };
        let bytes = 1 + checked(length, MESSAGE_BYTES_MAX)?;
        Ok((self.read.len() >= bytes).then(|| Frame { tag, bytes: self.read.split_to(bytes) }))
    }

    /// The next message, as soon as it is whole.
    pub(crate) async fn frame(&mut self) -> Result<Frame, WireError> {
        loop {
            if let Some(frame) = self.buffered_frame()? {
                return Ok(frame);
            }
            self.fill().await?;
        }
    }

    /// A packet without a tag, as only a client that has not started yet sends it; without its length.
    pub(crate) async fn packet(&mut self) -> Result<BytesMut, WireError> {
        loop {
            if let Ok(length) = self.read.as_ref().try_get_u32() {
                let bytes = checked(length, PACKET_BYTES_MAX)?;
                if self.read.len() >= bytes {
                    let mut packet = self.read.split_to(bytes);
                    packet.advance(MESSAGE_BYTES_MIN);
                    return Ok(packet);
                }
            }
            self.fill().await?;
        }
    }

    /// The first byte of whatever comes next, which stays unread: the tag of a message.
    pub(crate) async fn next_tag(&mut self) -> Result<u8, WireError> {
        loop {
            if let Some(tag) = self.read.first() {
                return Ok(*tag);
            }
            self.fill().await?;
        }
    }

    /// Waits for more bytes and keeps them.
    pub(crate) async fn fill(&mut self) -> Result<(), WireError> {
        self.read.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(WireError::Closed),
            _ => Ok(()),
        }
    }

    /// Must not be abandoned: half a message would be on its way.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// Whether the other side is there and has said nothing. Asks the operating system: tokio hears of a closed
    /// connection only when one of its threads has had time to look.
    pub(crate) fn is_quiet(&self) -> bool {
        let peeked = SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]);
        self.read.is_empty() && peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Writes the last words and closes when the other side has closed too. A socket that is closed with something
    /// unread in it is reset, and the reset can overtake those words.
    pub(crate) async fn close(mut self, last_words: &[u8]) {
        let closing = async {
            self.write(last_words).await?;
            self.stream.shutdown().await?;
            loop {
                self.read.clear();
                self.fill().await?;
            }
        };
        let _gone: Result<Result<(), WireError>, _> = timeout(LINGER_MAX, closing).await;
    }
}

fn checked(length: u32, max: usize) -> Result<usize, WireError> {
    let bytes = usize::try_from(length).unwrap_or(usize::MAX);
    if (MESSAGE_BYTES_MIN..=max).contains(&bytes) { Ok(bytes) } else { Err(WireError::Length { bytes, max }) }
}
