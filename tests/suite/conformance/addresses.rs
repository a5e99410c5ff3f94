//! Ways to a PostgreSQL server: TLS, refusals, and a pooler in between.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fixtool::backends::database::address::Address;
use fixtool::backends::database::connect::{Limits, reader, writer};
use fixtool::backends::database::ddl::{self, Target};
use fixtool::backends::database::{DatabaseError, DatabaseErrorKind, Lookup, Refill, RefillSpec, Writer};
use fixtool::model::{Model, Namespace, Table, Value};
use tempfile::TempDir;

use super::lines::{lines, split, what};
use super::{Place, model, namespace, runtime};
use crate::support::{Pooler, PostgresDatabase, PrivatePostgres, server};

async fn connect(url: &str) -> Result<bool, DatabaseError> {
    let address: Address = url.parse().unwrap();
    let limits = Limits { connect: Duration::from_secs(5), ..Limits::default() };
    let reader = reader(&address, &limits).await?;
    assert!(reader.namespace_exists(&namespace("pg_catalog")).await?);
    let tls = reader.capabilities().tls;
    reader.close().await;
    Ok(tls)
}

#[test]
fn refusals_say_what_to_do() {
    let database = PostgresDatabase::new();
    let url = database.url();
    let user = database.read_only_user();
    let closed = server::free_port();
    runtime().block_on(async {
        let wrong = user.replace("look-only", "hunter2");
        let error = connect(&wrong).await.unwrap_err();
        assert_eq!(error.kind, DatabaseErrorKind::Permission, "{error:?}");
        assert!(error.help.as_deref().is_some_and(|help| help.contains("PGPASSWORD")));
        assert!(!format!("{error:?}{error}").contains("hunter2"));
        let error = connect(&format!("{url}_missing")).await.unwrap_err();
        assert_eq!(error.kind, DatabaseErrorKind::Unsupported, "{error:?}");
        let error = connect(&format!("postgres://fixtool@127.0.0.1:{closed}/x")).await.unwrap_err();
        assert_eq!(error.kind, DatabaseErrorKind::Unreachable, "{error:?}");
        assert!(error.is_transient());
        let error = connect(&format!("{url}?sslmode=require")).await.unwrap_err();
        assert_eq!(error.kind, DatabaseErrorKind::Permission, "{error:?}");
        assert!(!connect(&url).await.unwrap());
    });
}

/// An authority, and a certificate that it gave to `localhost`.
struct Authority {
    root: PathBuf,
    certificate: String,
    key: String,
}

fn authority(folder: &Path, name: &str) -> Authority {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    let certificate = parameters.self_signed(&key).unwrap();
    let root = folder.join(format!("{name}.pem"));
    fs::write(&root, certificate.pem()).unwrap();
    let issuer = rcgen::Issuer::new(parameters, key);
    let server_key = rcgen::KeyPair::generate().unwrap();
    let server = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = server.signed_by(&server_key, &issuer).unwrap();
    Authority { root, certificate: certificate.pem(), key: server_key.serialize_pem() }
}

#[test]
fn sslmode_means_what_libpq_means() {
    let folder = TempDir::new().unwrap();
    let (ours, other) = (authority(folder.path(), "ours"), authority(folder.path(), "other"));
    let server = PrivatePostgres::start(&[]);
    server.stop("fast");
    install(&server, "server.crt", &ours.certificate);
    install(&server, "server.key", &ours.key);
    let mut configuration = fs::read_to_string(server.data().join("postgresql.conf")).unwrap();
    configuration.push_str("\nssl = on\n");
    install(&server, "postgresql.conf", &configuration);
    server.start_again();
    let url = |host: &str, rest: &str| format!("postgres://fixtool@{host}:{}/postgres?{rest}", server.port());
    let (ours, other) = (ours.root.display(), other.root.display());
    runtime().block_on(async {
        assert!(!connect(&url("127.0.0.1", "sslmode=disable")).await.unwrap());
        assert!(!connect(&url("127.0.0.1", "sslmode=allow")).await.unwrap());
        for encrypted in [
            url("127.0.0.1", ""),
            url("127.0.0.1", "sslmode=prefer"),
            url("127.0.0.1", "sslmode=require"),
            url("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={ours}")),
            url("localhost", &format!("sslmode=verify-full&sslrootcert={ours}")),
            url("127.0.0.1", &format!("sslmode=require&sslrootcert={ours}")),
        ] {
            assert!(connect(&encrypted).await.unwrap(), "{encrypted}");
        }
        for refused in [
            url("localhost", &format!("sslmode=verify-full&sslrootcert={other}")),
            url("localhost", &format!("sslmode=verify-ca&sslrootcert={other}")),
            url("localhost", &format!("sslmode=require&sslrootcert={other}")),
            // The certificate is for a name, and this is an address.
            url("127.0.0.1", &format!("sslmode=verify-full&sslrootcert={ours}")),
            url("localhost", "sslmode=verify-full"),
        ] {
            let error = connect(&refused).await.unwrap_err();
            assert_eq!(error.kind, DatabaseErrorKind::Permission, "{refused}: {error:?}");
            assert!(error.help.is_some_and(|help| help.contains("sslrootcert")));
        }
    });
}

/// Puts a file into the server's folder, for the server's user alone.
fn install(server: &PrivatePostgres, name: &str, content: &str) {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    let path = server.data().join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let owner = fs::metadata(server.data()).unwrap();
    chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
}

/// Works as two clients at once, each with several connections over three backends.
async fn work_through(url: &str) {
    let address: Address = url.parse().unwrap();
    let limits = Limits { pool_size: 4, ..Limits::default() };
    let (one, two) = (writer(&address, &limits).await.unwrap(), writer(&address, &limits).await.unwrap());
    assert!(one.capabilities().transaction_pooler && two.capabilities().transaction_pooler);
    let model = model(
        "tables:\n  a:\n    columns:\n      x: {type: int, required: true}\n      y: {type: uuid, default: uuid()}\n    primary_key: [x]\n",
    );
    let clients = [one, two].map(|writer| (writer, model.clone(), address.clone())).into_iter().enumerate();
    let work = clients.map(|(n, (writer, model, address))| {
        tokio::spawn(async move {
            for round in 0..5 {
                let here = namespace(&format!("tenant_{n}_{round}"));
                let place = Place { writer: writer.clone(), address: address.clone(), folder: None, database: None };
                place.create(&here, &model).await;
                let rows = (0..100).map(|x| vec![Value::Int(x), Value::Uuid([7; 16])]).collect();
                place.fill(&here, &model, "a", rows).await;
                let found = writer.introspect(&here).await.unwrap();
                assert_eq!(found.tables["a"].columns.len(), 2);
                let question = Lookup {
                    namespace: here.clone(),
                    table: "a".into(),
                    columns: vec!["x".into()],
                    wanted: "y".into(),
                };
                let keys: Vec<_> = (90..110).map(|x| vec![Value::Int(x)]).collect();
                let answers = writer.lookup(&question, &keys).await.unwrap();
                assert_eq!(answers.iter().flatten().count(), 10);
                let reader = place.reader().await;
                assert_eq!(reader.table_stats(&here, &["a".into()]).await.unwrap()[0].rows, 100);
                let writing = "WITH i AS (INSERT INTO \"tenant_0_0\".a VALUES (-1) RETURNING x) SELECT x FROM i";
                let (out, _rows) = tokio::sync::mpsc::channel(1);
                assert!(reader.query(writing, out).await.is_err());
                held_and_exchanged(&*writer, &here, &model).await;
                writer.drop_namespace(&here).await.unwrap();
            }
        })
    });
    for client in work.collect::<Vec<_>>() {
        client.await.unwrap();
    }
}

/// One transaction is all that can be had for a moment, and enough.
async fn held_and_exchanged(writer: &dyn Writer, here: &Namespace, model: &Model) {
    let moment = writer.instant(here, &["a".into()], 3).await.unwrap();
    assert_eq!(moment.readers(), 1);
    let of = what(model, "a");
    let (one, two) = tokio::join!(lines(&moment, &of), lines(&moment, &of));
    assert!(one == two && split(&one).len() == 100);
    moment.close().await;
    let [fresh, old] = ["fresh", "old"].map(|end| namespace(&format!("{}_{end}", here.as_str())));
    writer.create_namespace(&fresh).await.unwrap();
    let target = Target { engine: writer.engine(), namespace: &fresh };
    let stages = ddl::stages(target, model, &|_: &Table, rule: &str| Ok(rule.to_owned())).unwrap();
    writer.execute(&fresh, &stages.tables).await.unwrap();
    let (out, given) = tokio::sync::mpsc::channel(2);
    out.send(Refill::Lines(one.into())).await.unwrap();
    out.send(Refill::End).await.unwrap();
    let spec = RefillSpec {
        namespace: fresh.clone(),
        table: "a".into(),
        columns: of.columns,
        written_by: None,
        alone: true,
        checkpoint: None,
    };
    assert_eq!(writer.refill(&spec, given).await.unwrap(), 100);
    writer.finish_refill(&fresh, &stages, 2).await.unwrap();
    writer.exchange_namespaces(here, &fresh, &old).await.unwrap();
    writer.drop_namespace(&old).await.unwrap();
}

#[test]
fn a_pooler_in_transaction_mode_changes_nothing() {
    let database = PostgresDatabase::new();
    for settings in Pooler::WAYS {
        let pooler = Pooler::start(&database, settings);
        runtime().block_on(work_through(&pooler.url));
    }
}
