//! News from the database (`NOTIFY`), spread inside this process: who waits for a package, a
//! worker that waits for a job, caches that have to be renewed.

use std::sync::Arc;
use store::{PgPool, channel};
use tokio::sync::broadcast;

/// One piece of news: the database channel and its payload.
#[derive(Clone, Debug)]
pub struct News {
    pub channel: String,
    pub payload: String,
}

/// Everybody who wants to hear subscribes here. News may be lost (a slow listener, a broken
/// connection): listeners look at the database from time to time all the same.
#[derive(Clone, Debug)]
pub struct Hub {
    sender: broadcast::Sender<Arc<News>>,
}

/// News kept for a listener that is busy.
const BACKLOG: usize = 1024;

/// Name of the news that says: the connection was made anew, anything may have happened.
pub const RECONNECTED: &str = "reconnected";

impl Default for Hub {
    fn default() -> Self {
        Self {
            sender: broadcast::channel(BACKLOG).0,
        }
    }
}

impl Hub {
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<News>> {
        self.sender.subscribe()
    }

    /// Tells all listeners of this process.
    pub fn tell(&self, channel: &str, payload: &str) {
        let news = News {
            channel: channel.to_owned(),
            payload: payload.to_owned(),
        };
        // No listener: nobody to tell.
        let _ = self.sender.send(Arc::new(news));
    }

    /// Listens to the database until the pool is closed, connecting again after every
    /// interruption.
    pub async fn listen(self, pool: PgPool) {
        while !pool.is_closed() {
            if let Err(error) = self.listen_once(&pool).await
                && !pool.is_closed()
            {
                tracing::warn!(%error, "lost the connection for database news, connecting again");
            }
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    }

    async fn listen_once(&self, pool: &PgPool) -> sqlx::Result<()> {
        let mut listener = sqlx::postgres::PgListener::connect_with(pool).await?;
        listener
            .listen_all([
                channel::JOBS,
                channel::PACKAGES,
                channel::REPOSITORIES,
                channel::KERNELS,
                channel::SOURCES,
            ])
            .await?;
        self.tell(RECONNECTED, "");
        loop {
            match listener.try_recv().await? {
                Some(news) => self.tell(news.channel(), news.payload()),
                None => self.tell(RECONNECTED, ""),
            }
        }
    }
}
