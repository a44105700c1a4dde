//! The MLLP listener: laboratory systems connect, send HL7 v2 messages, and have each acknowledged in turn.
//!
//! A message is acknowledged after it is stored. Where the store can't be reached, the connection is closed without a
//! word: every sender sends an unacknowledged message again, and a repeat has no second effect, while `AE` would have
//! it put aside. MLLP knows neither keys nor encryption: who reaches the listener may send for its facility.

mod frame;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use abdm::id::FacilityId;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::frame::{Frame, Frames};
use super::hl7::{self, ack::Ack, fault::AckCode};
use crate::bridge::Bridge;
use crate::flows::FlowError;

/// Messages worked on at once, over all connections: each may hold its length several times.
const AT_ONCE: usize = 4;
/// How long to wait when no connection can be accepted.
const PAUSE: Duration = Duration::from_secs(1);
/// How much is read at once.
const PIECE: usize = 64 << 10;

/// How the listener is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose messages these are.
    pub facility: FacilityId,
    /// After so long without a byte a connection is closed.
    pub idle: Duration,
    /// Connections at once; more wait.
    pub connections: usize,
}

/// Listens until `stop` is cancelled. Connections are tasks of `tasks`: each finishes the message it is working on.
pub async fn serve(
    bridge: Arc<Bridge>,
    settings: Settings,
    listener: TcpListener,
    (stop, tasks): (CancellationToken, TaskTracker),
) {
    let places = Arc::new(Semaphore::new(settings.connections));
    let work = Arc::new(Semaphore::new(AT_ONCE));
    let serving = async {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let connection = Connection {
                        bridge: Arc::clone(&bridge),
                        settings: settings.clone(),
                        work: Arc::clone(&work),
                        stop: stop.clone(),
                        peer,
                    };
                    tasks.spawn(async move {
                        connection.run(stream).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(error = %error, "no HL7 connection can be accepted");
                    bridge.clock.sleep(PAUSE).await;
                }
            }
        }
    };
    stop.run_until_cancelled(serving).await;
}

struct Connection {
    bridge: Arc<Bridge>,
    settings: Settings,
    work: Arc<Semaphore>,
    stop: CancellationToken,
    peer: SocketAddr,
}

/// Why a connection ended.
enum End {
    /// The other side closed it, or was silent too long, or we are stopping.
    Closed(&'static str),
    Io(std::io::Error),
    /// Not MLLP.
    Strange,
    Store(FlowError),
}

impl From<std::io::Error> for End {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl Connection {
    async fn run(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let peer = self.peer;
        match self.converse(stream).await {
            End::Closed(why) => tracing::debug!(%peer, why, "HL7 connection closed"),
            End::Io(error) => tracing::debug!(%peer, error = %error, "HL7 connection broke"),
            End::Strange => tracing::warn!(%peer, "HL7 connection closed: what arrived is not MLLP"),
            End::Store(error) => tracing::error!(%peer, error = %error,
                "an HL7 message could not be stored; its connection was closed, so that it is sent again"),
        }
    }

    async fn converse(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> End {
        let mut frames = Frames::new(self.bridge.hl7.limit);
        let mut piece = vec![0; PIECE];
        loop {
            let read = match self.next_piece(&mut stream, &mut piece).await {
                Ok(read) => read,
                Err(end) => return end,
            };
            let mut rest = piece.get(..read).unwrap_or_default();
            loop {
                match frames.take(&mut rest) {
                    Ok(None) => break,
                    Err(_) => return End::Strange,
                    Ok(Some(frame)) => {
                        if let Err(end) = self.answer(&mut stream, frame).await {
                            return end;
                        }
                        if self.stop.is_cancelled() {
                            return End::Closed("stopping");
                        }
                    }
                }
            }
        }
    }

    /// Reads on. A message that has begun is not waited for when we are stopping: it is not acknowledged, so it is
    /// sent again.
    async fn next_piece(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
        piece: &mut [u8],
    ) -> Result<usize, End> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(End::Closed("stopping")),
            read = stream.read(piece) => match read? {
                0 => Err(End::Closed("by the sender")),
                read => Ok(read),
            },
            () = self.bridge.clock.sleep(self.settings.idle) => Err(End::Closed("idle")),
        }
    }

    async fn answer(&self, stream: &mut (impl AsyncWrite + Unpin), frame: Frame) -> Result<(), End> {
        let ack = {
            let _working = self.work.acquire().await;
            match frame {
                Frame::Message(bytes) => self.take(bytes).await.map_err(End::Store)?,
                Frame::TooLong(head) => hl7::too_long(&head, &self.bridge.hl7),
            }
        };
        let code = ack.code.as_str();
        match (ack.code, ack.notices.first()) {
            (AckCode::Accept, _) => tracing::info!(peer = %self.peer, ack = code, "HL7 message stored"),
            (_, notice) => tracing::warn!(peer = %self.peer, ack = code,
                reason = notice.map(|notice| &*notice.message), "HL7 message not taken"),
        }
        let text = ack.message(self.bridge.clock.now(), &hl7::new_control_id(&self.bridge.store));
        let framed = frame::framed(&text);
        let writing = async {
            stream.write_all(&framed).await?;
            stream.flush().await
        };
        tokio::select! {
            written = writing => Ok(written?),
            () = self.bridge.clock.sleep(self.settings.idle) => Err(End::Closed("the acknowledgement was not read")),
        }
    }

    async fn take(&self, bytes: Vec<u8>) -> Result<Ack, FlowError> {
        let facility = self.bridge.store.read().await?.facility(&self.settings.facility).await?;
        match facility {
            Some(facility) => Ok(hl7::answer(&self.bridge, &facility, "hl7", bytes).await?.ack),
            None => Ok(hl7::no_facility(&bytes)),
        }
    }
}
