//! One address in front of the bridges that live: what a load balancer is to them, and what keeps ABDM's and the
//! hospital's addresses the same when a bridge comes back on another port.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpListener, TcpStream};

/// Passes connections on to whoever is there.
pub struct Balancer {
    /// Where it listens.
    pub address: SocketAddr,
    targets: Arc<Targets>,
}

#[derive(Default)]
struct Targets {
    alive: Mutex<Vec<SocketAddr>>,
    turn: AtomicUsize,
}

impl Balancer {
    /// Listens, and ends with the runtime.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, targets) = (listener.local_addr()?, Arc::<Targets>::default());
        tokio::spawn(accept(listener, Arc::clone(&targets)));
        Ok(Self { address, targets })
    }

    /// A bridge is there.
    pub fn add(&self, target: SocketAddr) {
        self.targets.change(|alive| alive.push(target));
    }

    /// A bridge is gone.
    pub fn remove(&self, target: SocketAddr) {
        self.targets.change(|alive| alive.retain(|other| *other != target));
    }
}

impl Targets {
    fn change<T>(&self, change: impl FnOnce(&mut Vec<SocketAddr>) -> T) -> T {
        change(&mut self.alive.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Connects to the next one that answers.
    async fn connect(&self) -> Option<TcpStream> {
        let mut alive = self.change(|alive| alive.clone());
        let turn = self.turn.fetch_add(1, Ordering::Relaxed).checked_rem(alive.len())?;
        alive.rotate_left(turn);
        for target in alive {
            if let Ok(stream) = TcpStream::connect(target).await {
                return Some(stream);
            }
        }
        None
    }
}

async fn accept(listener: TcpListener, targets: Arc<Targets>) {
    loop {
        let Ok((mut near, _)) = listener.accept().await else {
            // Too many open files, most likely: let some be closed.
            tokio::task::yield_now().await;
            continue;
        };
        let targets = Arc::clone(&targets);
        tokio::spawn(async move {
            let Some(mut far) = targets.connect().await else { return };
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            // Either side may break off at any time: the other sees it.
            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        });
    }
}
