//! A collector of traces: takes OTLP over HTTP and hands out the spans.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// A running collector.
pub struct Collector {
    /// Where it takes traces.
    pub endpoint: String,
    messages: Receiver<ExportTraceServiceRequest>,
}

impl Collector {
    /// Listens on a free port.
    pub fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}/v1/traces", listener.local_addr().expect("an address"));
        let (sender, messages) = channel();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (connection, sender) = (connection.expect("a connection"), sender.clone());
                thread::spawn(move || serve(connection, &sender));
            }
        });
        Collector { endpoint, messages }
    }

    /// The spans that have come so far, by name, and what each is a part of: `service.name`.
    pub fn spans(&self) -> BTreeMap<String, Vec<Span>> {
        let mut spans = BTreeMap::<String, Vec<Span>>::new();
        for resource in self.messages.try_iter().flat_map(|message| message.resource_spans) {
            let attributes = &resource.resource.as_ref().expect("a resource").attributes;
            let service = attributes.iter().find(|attribute| attribute.key == "service.name");
            assert!(format!("{service:?}").contains("edgewit"), "{attributes:?}");
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                spans.entry(span.name.clone()).or_default().push(span);
            }
        }
        spans
    }
}

/// Answers requests until the connection is closed.
fn serve(connection: TcpStream, messages: &Sender<ExportTraceServiceRequest>) {
    let mut writer = connection.try_clone().expect("a second handle");
    let mut reader = BufReader::new(connection);
    loop {
        let mut length = 0;
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|read| read > 0) && line != "\r\n" {
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().expect("a length");
            }
            line.clear();
        }
        if line.is_empty() {
            return;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("the body");
        let message = ExportTraceServiceRequest::decode(&*body).expect("OTLP in protobuf");
        // The test may have what it wants already.
        let _ = messages.send(message);
        let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        writer.write_all(answer).expect("answered");
    }
}
