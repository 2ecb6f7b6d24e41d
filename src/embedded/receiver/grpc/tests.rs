use tonic::{client::Grpc, codec::CompressionEncoding, transport::Channel};
use tonic_prost::ProstCodec;

use super::*;
use crate::embedded::receiver::{
    Limits,
    fake::{self, FakeTable, Fate, POISON, Running},
};

async fn running() -> Running {
    Running::start(Running::small(), FakeTable::default()).await
}

async fn client(running: &Running) -> Grpc<Channel> {
    let endpoint = Channel::from_shared(format!("http://{}", running.grpc)).unwrap();
    Grpc::new(endpoint.connect().await.unwrap())
}

async fn call(
    mut client: Grpc<Channel>,
    numbers: Vec<u32>,
) -> Result<tonic::Response<ExportResponse>, Status> {
    call_method(&mut client, "trace.v1.TraceService/Export", numbers).await
}

async fn call_method(
    client: &mut Grpc<Channel>,
    method: &str,
    numbers: Vec<u32>,
) -> Result<tonic::Response<ExportResponse>, Status> {
    client.ready().await.unwrap();
    let path = format!("/opentelemetry.proto.collector.{method}");
    let codec: ProstCodec<fake::Request, ExportResponse> = ProstCodec::default();
    let request = tonic::Request::new(fake::Request { numbers });
    client.unary(request, path.parse().unwrap(), codec).await
}

#[tokio::test]
async fn all_three_services_answer() {
    let running = running().await;
    let mut client = client(&running).await;
    for method in [
        "trace.v1.TraceService/Export",
        "metrics.v1.MetricsService/Export",
        "logs.v1.LogsService/Export",
    ] {
        let response = call_method(&mut client, method, vec![1]).await.unwrap();
        assert_eq!(response.into_inner(), ExportResponse::default());
    }
    assert_eq!(running.table.numbers(), [1]);
}

#[tokio::test]
async fn gzip_is_accepted_and_announced() {
    let running = running().await;
    let client = client(&running)
        .await
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip);
    let response = call(client, (1..10_000).collect()).await.unwrap();
    assert_eq!(
        response.metadata().get("grpc-accept-encoding").unwrap(),
        "gzip, deflate, zstd, identity"
    );
    assert_eq!(running.table.numbers().len(), 9_999);
}

#[tokio::test]
async fn a_partial_success_counts_what_was_left_out() {
    let running = running().await;
    let response = call(client(&running).await, vec![1, 0]).await.unwrap();
    let partial = response.into_inner().partial_success.unwrap();
    assert_eq!(
        (partial.rejected, &*partial.error_message),
        (1, "zero is nothing")
    );
}

#[tokio::test]
async fn a_message_that_is_too_large_exhausts_the_resources() {
    let running = running().await;
    let plain = call(client(&running).await, vec![1; 1 << 20]).await;
    let status = plain.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert!(
        status.message().contains(&(1 << 20).to_string()),
        "{status}"
    );
    let gzip = client(&running)
        .await
        .send_compressed(CompressionEncoding::Gzip);
    let status = call(gzip, vec![1; 1 << 20]).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert!(call(client(&running).await, vec![1]).await.is_ok());
}

#[tokio::test]
async fn trouble_is_retryable_and_bad_data_is_not() {
    let table = FakeTable::scripted([Fate::Trouble]);
    let running = Running::start(Running::small(), table).await;
    let client = client(&running).await;
    let status = call(client.clone(), vec![1]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let details = messages::Status::decode(status.details()).unwrap().details;
    assert!(details[0].type_url.ends_with("google.rpc.RetryInfo"));
    assert!(call(client.clone(), vec![1]).await.is_ok());
    let status = call(client, vec![POISON]).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_method_that_does_not_exist_is_not_implemented() {
    let running = running().await;
    let mut client = client(&running).await;
    let status = call_method(&mut client, "trace.v1.TraceService/Import", vec![1]).await;
    assert_eq!(status.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn what_is_not_a_message_is_an_invalid_argument() {
    let running = running().await;
    let malformed =
        Request::post("http://x/opentelemetry.proto.collector.trace.v1.TraceService/Export")
            .header("content-type", "application/grpc")
            .body(tonic::body::Body::new(http_body_util::Full::new(
                Bytes::from_static(&[0, 0, 0, 0, 2, 0x0a, 0xff]),
            )))
            .unwrap();
    let channel = Channel::from_shared(format!("http://{}", running.grpc)).unwrap();
    let mut channel = channel.connect().await.unwrap();
    tower_ready(&mut channel).await;
    let response = tonic::client::GrpcService::call(&mut channel, malformed)
        .await
        .unwrap();
    assert_eq!(response.headers()["grpc-status"], "3");
}

async fn tower_ready(channel: &mut Channel) {
    std::future::poll_fn(|context| {
        tonic::client::GrpcService::<tonic::body::Body>::poll_ready(channel, context)
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn many_calls_share_a_connection_and_few_inserts() {
    let running = Running::start(
        Limits {
            patience: std::time::Duration::from_secs(10),
            ..Running::small()
        },
        FakeTable::default(),
    )
    .await;
    let client = client(&running).await;
    let calls: Vec<_> = (1..=200)
        .map(|number| tokio::spawn(call(client.clone(), vec![number])))
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(running.table.numbers(), (1..=200).collect::<Vec<_>>());
    assert!(running.table.inserts().len() < 200);
}

#[test]
fn exactly_one_message_is_taken() {
    let frame = |flag: u8, length: u8, rest: &[u8]| {
        let framed = [&[flag, 0, 0, 0, length], rest].concat();
        unframe(framed.into()).map_err(|status| status.message().to_owned())
    };
    assert_eq!(frame(0, 2, b"ab"), Ok((false, Bytes::from_static(b"ab"))));
    assert_eq!(frame(1, 0, b""), Ok((true, Bytes::new())));
    assert_eq!(frame(0, 3, b"ab"), Err("the message broke off".to_owned()));
    assert_eq!(frame(0, 1, b"ab"), Err("more than one message".to_owned()));
    assert_eq!(
        frame(2, 2, b"ab"),
        Err("an unknown compression flag".to_owned())
    );
    assert!(unframe(Bytes::from_static(&[0, 0])).is_err());
}
