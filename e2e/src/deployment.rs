//! An address at which the stack's API answers as a deployment would.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// What a command asks before it sends a token, on a connection of its own.
const WHO_ANSWERS: &[u8] = b"GET /health/ready";

/// An address that passes connections on to the API, except that it says of itself that it is staging: the stack's Worker cannot,
/// because one of that name accepts no sandbox.
pub async fn as_staging(api_url: &str) -> String {
    let api = api_url.strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(answer(client, api.clone()));
        }
    });
    address
}

/// Errors are the client's to notice.
async fn answer(mut client: TcpStream, api: String) -> std::io::Result<()> {
    let mut start = [0; WHO_ANSWERS.len()];
    client.peek(&mut start).await?;
    if start != WHO_ANSWERS {
        let mut api = TcpStream::connect(api).await?;
        return copy_bidirectional(&mut client, &mut api).await.map(drop);
    }
    let mut request = [0; 4096];
    let _ = client.read(&mut request).await?;
    let ready = json!({ "status": "ready", "environment": "staging", "release": "oslira@1a2b3c4", "warnings": [] });
    let body = json!({ "success": true, "data": ready }).to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
    client.write_all(format!("{head}\r\nconnection: close\r\n\r\n{body}").as_bytes()).await
}
