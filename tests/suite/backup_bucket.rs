//! Backups in a bucket of an S3-compatible server: the same commands, the same results.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::{Site, backups, on_both_engines, unique, variable};
use backups::{assert_same, contents, create, run};

/// Sends a request with an empty signature, which the test's server takes; its answer.
fn request(method: &str, path: &str) -> String {
    String::from_utf8_lossy(&answer(method, path)).into_owned()
}

fn answer(method: &str, path: &str) -> Vec<u8> {
    let server = variable("FIXTOOL_TEST_S3");
    let place = server.strip_prefix("http://").expect("an http address");
    let mut stream = TcpStream::connect(place).expect("the server answers");
    let who = "AWS4-HMAC-SHA256 Credential=tester/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
    let head = format!(
        "{method} /{path} HTTP/1.1\r\nHost: {place}\r\nAuthorization: {who}\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("the request is sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    answer
}

/// The bytes of an object.
pub fn fetched(bucket: &str, key: &str) -> Vec<u8> {
    let answer = answer("GET", &format!("{bucket}/{key}"));
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{key}: {}", String::from_utf8_lossy(&answer[..head]));
    answer[head + 4..].to_vec()
}

/// The site with a bucket of its own as its repository: the bucket's name.
pub fn with_bucket(site: &Site) -> String {
    let bucket = unique("bucket").replace('_', "-");
    assert!(request("PUT", &bucket).starts_with("HTTP/1.1 200"), "a bucket is made");
    let server = variable("FIXTOOL_TEST_S3");
    site.write(
        "fixtool.toml",
        format!(
            "[backup]\npath = ['s3://{bucket}/deep/down']\ns3_endpoint = '{server}'\n\
             s3_access_key_id = 'tester'\ns3_secret_access_key = 'h1dden-s3cr3t'\n"
        ),
    );
    bucket
}

/// The keys of a bucket's objects.
fn keys(bucket: &str) -> Vec<String> {
    let listed = request("GET", &format!("{bucket}?list-type=2&max-keys=1000"));
    listed.split("<Key>").skip(1).filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned())).collect()
}

fn a_bucket_is_a_repository_like_any_other(site: &Site) {
    backups::tenant(site, "acme");
    let bucket = with_bucket(site);
    let first = create(site, "acme", "");
    let then = contents(site, "acme");
    let unchanged = run(site, "backup create --tenant acme --backup-type incremental -o json").code(0);
    assert_eq!(backups::counted(&unchanged, "bytes_written"), 0);
    std::thread::sleep(std::time::Duration::from_millis(1_010));
    site.query("acme", "UPDATE users SET name = 'later'");
    let newest = create(site, "acme", "--backup-type incremental");
    assert_eq!(backups::listed(site, "acme"), [first.clone(), backups::snapshot(&unchanged), newest]);
    for level in ["quick", "data", "live", "drill"] {
        run(site, &format!("backup verify --tenant acme --newest --level {level}")).code(0);
    }
    assert!(keys(&bucket).iter().all(|key| key.starts_with("deep/down/")), "{:?}", keys(&bucket));
    assert!(!backups::repository(site).exists(), "nothing lies beside the bucket");
    run(site, &format!("backup restore {first} --tenant copy")).code(0);
    assert_same(&contents(site, "copy"), &then);

    let missing = keys(&bucket).into_iter().find(|key| key.contains("/parts/")).expect("a part");
    let answer = request("DELETE", &format!("{bucket}/{missing}"));
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let name = missing.rsplit('/').next().expect("its name");
    for level in ["quick", "data"] {
        run(site, &format!("backup verify --tenant acme --level {level}")).code(10).says(&[&name[..16], "missing"]);
    }
}

fn a_bucket_that_is_not_there_is_named(site: &Site) {
    backups::tenant(site, "acme");
    with_bucket(site);
    let config = site.read("fixtool.toml");
    site.write("fixtool.toml", config.replace("s3://bucket", "s3://nowhere"));
    let refused = run(site, "backup create --tenant acme");
    assert!(matches!(refused.code, 1 | 4 | 5), "{refused}");
    assert!(!refused.stderr.contains("h1dden") && !refused.stdout.contains("h1dden"), "{refused}");
    refused.says(&["s3://nowhere"]);
    let list = run(site, "backup list");
    assert!(matches!(list.code, 1 | 4 | 5), "{list}");
    list.says(&["s3://nowhere", "NoSuchBucket"]);
}

on_both_engines!(a_bucket_is_a_repository_like_any_other, a_bucket_that_is_not_there_is_named);
