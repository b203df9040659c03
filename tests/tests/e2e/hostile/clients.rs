//! Clients that send what they must not.

use std::path::Path;

use rpc::v1;
use rpc::v1::sweep_service_client::SweepServiceClient;
use rpc::v1::worker_service_client::WorkerServiceClient;
use tokio::time::timeout;
use tonic::{Code, Status};

use super::test_worker::{PATIENCE, TestCluster, channel};

/// Fails unless the sweep service refused a request.
#[track_caller]
fn refuse<T>(answer: Result<tonic::Response<T>, Status>, codes: &[Code]) {
    let status = answer.err().expect("it was allowed");
    assert!(codes.contains(&status.code()), "{status}");
}

fn submission(toml: String) -> v1::SubmitRequest {
    v1::SubmitRequest {
        toml,
        files: Vec::new(),
        priority: None,
    }
}

/// Names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn names_of_sweeps_never_leave_the_data_folder() {
    let mut cluster = TestCluster::new();
    let url = cluster.url().to_owned();
    let before = (names(cluster.at()), names(&cluster.at().join("data")));
    cluster.runtime.block_on(async {
        let mut client = SweepServiceClient::new(channel(&url).await);
        let long = "n".repeat(300);
        let names = [
            "", ".", "..", "../up", "a/b", "/etc", "a\\b", ".lock", ".uploads", "ü", "a b", &long,
        ];
        for name in names {
            let toml = format!("name = '{name}'\n[problem]\nkind = \"factorization\"\ndim = 4\n");
            refuse(
                client.submit(submission(toml)).await,
                &[Code::InvalidArgument],
            );
            if name.is_empty() {
                continue;
            }
            let name = || name.to_owned();
            let unknown = &[Code::NotFound, Code::InvalidArgument];
            refuse(
                client.status(v1::StatusRequest { name: name() }).await,
                unknown,
            );
            refuse(
                client.fetch(v1::FetchRequest { name: name() }).await,
                unknown,
            );
            refuse(
                client.cancel(v1::CancelRequest { name: name() }).await,
                unknown,
            );
            refuse(
                client.retry(v1::RetryRequest { name: name() }).await,
                unknown,
            );
        }
        let mut client = WorkerServiceClient::new(channel(&url).await);
        for hash in ["", "blake3:../../../etc/passwd", "../../small.toml"] {
            let hash = hash.to_owned();
            refuse(
                client.fetch_file(v1::FetchFileRequest { hash }).await,
                &[Code::NotFound],
            );
        }
        let checkpoint = v1::FetchCheckpointRequest {
            sweep: "../..".to_owned(),
            trial: 0,
        };
        refuse(client.fetch_checkpoint(checkpoint).await, &[Code::NotFound]);
    });
    let after = (names(cluster.at()), names(&cluster.at().join("data")));
    assert_eq!(before, after);
    cluster.check();
}

#[test]
fn requests_of_clients_are_bounded() {
    let mut cluster = TestCluster::new();
    let url = cluster.url().to_owned();
    let problem = "[problem]\nkind = \"factorization\"\ndim = 4\n";
    cluster.runtime.block_on(async {
        let mut client = SweepServiceClient::new(channel(&url).await);
        let submissions = [
            // Text, nesting, lists and names far beyond what anybody writes.
            format!("name = \"x\"\n{problem}# {}\n", "x".repeat(17 << 20)),
            format!("name = \"x\"\n{problem}# {}\n", "x".repeat(30 << 20)),
            format!("name = \"x\"\n{problem}y = {}\n", "[".repeat(200_000)),
            format!(
                "name = \"x\"\n{problem}[filter]\nwhere = \"{}\"\n",
                "(".repeat(200_000)
            ),
            format!(
                "name = \"x\"\n{problem}[filter]\nwhere = \"{}true\"\n",
                "not ".repeat(200_000)
            ),
            format!(
                "name = \"x\"\n[axes]\n\"replicate\" = [{}]\n{problem}",
                "1,".repeat(200_000)
            ),
            format!(
                "name = \"x\"\n[axes]\n\"problem.rank\" = {{ range = [1, {}] }}\n{problem}",
                i64::MAX
            ),
        ];
        let codes = [
            Code::InvalidArgument,
            Code::OutOfRange,
            Code::ResourceExhausted,
        ];
        for toml in submissions {
            let begin: String = toml.chars().take(60).collect();
            let answer = timeout(PATIENCE, client.submit(submission(toml))).await;
            refuse(
                answer.unwrap_or_else(|_| panic!("no answer to {begin}")),
                &codes,
            );
        }
        let mut many = submission(format!("name = \"x\"\n{problem}"));
        let name = |hash: &str, size_bytes| v1::FileName {
            name: "f.csv".to_owned(),
            hash: hash.to_owned(),
            size_bytes,
        };
        many.files = vec![name("", 0); 5000];
        refuse(client.submit(many.clone()).await, &codes);
        many.files.truncate(1);
        refuse(client.submit(many).await, &codes);

        let hash = format!("blake3:{}", "0a".repeat(32));
        let first = |hash: &str, size| v1::upload_file_request::Part::File(name(hash, size));
        let piece = |size: usize| v1::upload_file_request::Part::Piece(vec![0_u8; size].into());
        let uploads = [
            vec![piece(10)],
            vec![first("blake3:../../x", 10), piece(10)],
            vec![first(&hash, u64::MAX), piece(10)],
            vec![first(&hash, 10), piece(11)],
            vec![first(&hash, 10), piece(5), first(&hash, 10)],
            vec![first(&hash, 10), piece(10)],
            vec![first(&hash, 10)],
            vec![],
        ];
        let codes = [Code::InvalidArgument, Code::OutOfRange, Code::DataLoss];
        for parts in uploads {
            let messages = parts
                .into_iter()
                .map(|part| v1::UploadFileRequest { part: Some(part) });
            let messages: Vec<_> = messages.collect();
            refuse(
                client.upload_file(tokio_stream::iter(messages)).await,
                &codes,
            );
        }
    });
    let uploads = cluster.at().join("data/.uploads");
    assert!(
        !uploads.exists() || names(&uploads).is_empty(),
        "{:?}",
        names(&uploads)
    );
    let listed = cluster
        .coordinator
        .call(cluster.at(), &["list", "--json"])
        .expect(0);
    let listed: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    cluster.check();
}
