//! The line between one bridge and the database, which can be cut: what was under way is swallowed, as by a network that
//! is gone, and when the line is back, its old connections are not.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use abdm::clock::SharedClock;
use anyhow::Context as _;
use reqwest::Url;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A line that passes everything on, until it is cut.
pub struct Wire {
    /// The database's URL by this line.
    pub url: String,
    cut: watch::Sender<bool>,
    clock: SharedClock,
}

impl Wire {
    /// A line to the PostgreSQL server of this URL. It ends with the runtime.
    pub async fn lay(url: &str, clock: SharedClock) -> anyhow::Result<Self> {
        let mut url = Url::parse(url).context("--store is no URL")?;
        let host = url.host_str().context("--store names no host; a socket's line can't be cut")?;
        let server = format!("{host}:{}", url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let near: SocketAddr = listener.local_addr()?;
        url.set_ip_host(near.ip())
            .ok()
            .and_then(|()| url.set_port(Some(near.port())).ok())
            .context("--store")?;
        let (cut, is_cut) = watch::channel(false);
        tokio::spawn(accept(listener, Arc::from(server), is_cut));
        Ok(Self { url: url.into(), cut, clock })
    }

    /// Cuts the line for so long.
    pub async fn cut(&self, time: Duration) {
        self.cut.send_replace(true);
        self.clock.sleep(time).await;
        self.cut.send_replace(false);
    }
}

async fn accept(listener: TcpListener, server: Arc<str>, is_cut: watch::Receiver<bool>) {
    loop {
        let Ok((near, _)) = listener.accept().await else {
            // Too many open files, most likely: let some be closed.
            tokio::task::yield_now().await;
            continue;
        };
        let (server, is_cut) = (Arc::clone(&server), is_cut.clone());
        tokio::spawn(async move {
            // Either side may break off at any time: the other sees it.
            let _ = pass(near, &server, is_cut).await;
        });
    }
}

async fn pass(mut near: TcpStream, server: &str, mut is_cut: watch::Receiver<bool>) -> io::Result<()> {
    let ended = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    is_cut.wait_for(|cut| !cut).await.map_err(ended)?;
    let mut far = TcpStream::connect(server).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    tokio::select! {
        done = tokio::io::copy_bidirectional(&mut near, &mut far) => return done.map(drop),
        cut = async { is_cut.wait_for(|cut| *cut).await.map(drop) } => cut.map_err(ended)?,
    }
    // Both ends stay open and hear nothing until the line is back.
    is_cut.wait_for(|cut| !cut).await.map_err(ended).map(drop)
}
