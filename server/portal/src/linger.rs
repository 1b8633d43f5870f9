//! Clients that are refused while they still send. Most read our answer only when they have sent
//! everything, and a connection closed before that is reset: the answer is lost on its way, and
//! people see "broken pipe" instead of the reason. So what a handler leaves unread is read on for a
//! while and thrown away.

use axum::body::{Body, BodyDataStream, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::{Stream, StreamExt as _};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;

/// So much is read on, in bytes and in time; whoever sends more is cut off after all.
const MOST_BYTES: usize = 64 << 20;
const LONGEST: Duration = Duration::from_secs(10);

/// The middleware.
pub async fn linger(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let asks_first = request.headers().contains_key(header::EXPECT);
    let request = request.map(|body| {
        Body::from_stream(Lingering {
            rest: Some(body.into_data_stream()),
            asks_first,
        })
    });
    next.run(request).await
}

/// A body whose rest is read when it is dropped.
struct Lingering {
    /// None at its end.
    rest: Option<BodyDataStream>,
    /// The client sends nothing before it is told to go on, as the first read does.
    asks_first: bool,
}

impl Stream for Lingering {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        let next = rest.poll_next_unpin(cx);
        self.asks_first = false;
        if matches!(next, Poll::Ready(None | Some(Err(_)))) {
            self.rest = None;
        }
        next
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some(rest) = self.rest.take().filter(|_| !self.asks_first) else {
            return;
        };
        // Without a runtime there is no connection either.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(tokio::time::timeout(LONGEST, throw_away(rest)));
        }
    }
}

async fn throw_away(mut rest: BodyDataStream) {
    let mut bytes = 0;
    while let Some(Ok(chunk)) = rest.next().await {
        bytes += chunk.len();
        if bytes > MOST_BYTES {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::put;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    /// More than the buffers of a connection hold.
    const LARGE: usize = 16 << 20;

    /// A service that refuses everything, after a first look at the body if asked for.
    async fn connect(looks: bool) -> TcpStream {
        let refuse = async move |body: Body| {
            if looks {
                let _ = body.into_data_stream().next().await;
            }
            (StatusCode::PAYLOAD_TOO_LARGE, "the reason")
        };
        let router = Router::new()
            .route("/", put(refuse))
            .layer(axum::middleware::from_fn(linger));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, router).into_future());
        TcpStream::connect(address).await.unwrap()
    }

    async fn send(connection: &mut TcpStream, text: &str) {
        connection.write_all(text.as_bytes()).await.unwrap();
    }

    #[tokio::test]
    async fn who_sends_everything_first_gets_the_answer() {
        for looks in [false, true] {
            let mut connection = connect(looks).await;
            let head = format!("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGE}\r\n\r\n");
            send(&mut connection, &head).await;
            connection.write_all(&vec![0; LARGE]).await.unwrap();
            let mut answer = vec![0; 1024];
            let length = connection.read(&mut answer).await.unwrap();
            let answer = String::from_utf8_lossy(&answer[..length]);
            assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
            assert!(answer.ends_with("the reason"), "{answer}");
        }
    }

    #[tokio::test]
    async fn who_asks_first_is_not_told_to_send() {
        let mut connection = connect(false).await;
        let head = "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
        send(&mut connection, head).await;
        let mut answer = String::new();
        // Closed behind the answer: what would come is not wanted.
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    }
}
