use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use futures_util::stream;

use super::*;

/// Answers one request with this and gives what was asked.
fn server(answer: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        let mut asked = String::new();
        while !asked.ends_with("\r\n\r\n") {
            stream.read_line(&mut asked).unwrap();
        }
        let length =
            asked.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).unwrap();
        stream.get_mut().write_all(answer.as_bytes()).unwrap();
        asked + &String::from_utf8(body).unwrap()
    });
    (url, asked)
}

fn client() -> Client {
    let mut headers = HeaderMap::new();
    headers.insert("x-secret", "s".parse().unwrap());
    Client::builder().timeout(Duration::from_secs(10)).default_headers(headers).build().unwrap()
}

#[tokio::test]
async fn a_request_has_what_it_was_given_and_its_answer_is_read_whole() {
    let (url, asked) = server("HTTP/1.1 422 X\r\nContent-Length: 5\r\n\r\nno ÿ");
    let request = client().request(Method::POST, &format!("{url}/api/v2/write"));
    let request = request.header("Authorization", "Token t").query(&[("org", "a b"), ("bucket", "ü")]);
    let parts = [Ok::<_, Error>("m f=1\n"), Ok("m f=2\n")];
    let answer = request.body(Body::wrap_stream(stream::iter(parts))).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.text().await.unwrap(), "no ÿ");
    let asked = asked.join().unwrap();
    assert!(asked.starts_with("POST /api/v2/write?org=a+b&bucket=%C3%BC HTTP/1.1\r\n"), "{asked}");
    let lower = asked.to_lowercase();
    assert!(lower.contains("x-secret: s\r\n") && lower.contains("authorization: token t\r\n"), "{asked}");
    assert!(asked.ends_with("\r\n\r\nm f=1\nm f=2\n"), "{asked}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_never_followed() {
    let answer = "HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    let (url, asked) = server(answer);
    let answer = client().request(Method::GET, &url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
    asked.join().unwrap();
}

#[tokio::test]
async fn json_comes_and_goes() {
    let (url, asked) = server("HTTP/1.1 200 X\r\nContent-Length: 3\r\n\r\n[7]");
    let request = client().request(Method::POST, &url).json(&[1, 2]);
    assert_eq!(request.send().await.unwrap().json::<Vec<u8>>().await.unwrap(), [7]);
    let asked = asked.join().unwrap();
    assert!(asked.to_lowercase().contains("content-type: application/json\r\n") && asked.ends_with("[1,2]"));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_and_an_engine_that_is_away_are_errors() {
    let wrong = client().request(Method::GET, "http://127.0.0.1:1").header("a b", "c").send().await;
    assert_eq!(wrong.unwrap_err().to_string(), "invalid HTTP header name");
    let away = client().request(Method::GET, "http://127.0.0.1:1").send().await;
    assert!(away.unwrap_err().to_string().contains("refused"));
}
