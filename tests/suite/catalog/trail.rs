//! The ledger and the leases of the catalog.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_told_from_its_begin_to_its_undo() {
    for place in Place::both() {
        let catalog = place.write().await;
        catalog.begin(&start("0a1", "d1")).await.unwrap();
        let twice = catalog.begin(&start("0a2", "d1")).await.unwrap_err();
        assert_eq!(twice.kind, FailureKind::Refused, "{}: {twice}", place.name());
        assert!(twice.message.contains("0a1"), "{twice}");
        assert_eq!(catalog.applied("d1").await.unwrap().as_deref(), Some("0a1"));
        assert_eq!(catalog.applied("d2").await.unwrap(), None);

        catalog.step_started("0a1", 1, "load b").await.unwrap();
        catalog.step_started("0a1", 0, "load a").await.unwrap();
        catalog.step_finished("0a1", 0, &Outcome::default().with("inserted", 5)).await.unwrap();
        catalog.step_failed("0a1", 1, "x::y", "broken").await.unwrap();
        catalog.step_failed("0a1", 1, "x::z", "later").await.unwrap();
        catalog.end("0a1", RunStatus::Failed).await.unwrap();
        let run = catalog.run("0a").await.unwrap().unwrap();
        assert_eq!(run.start, start("0a1", "d1"));
        let started: Vec<u32> = run.steps.iter().map(|step| step.step).collect();
        assert_eq!((run.status, started), (RunStatus::Failed, vec![0, 1]));
        assert_eq!(run.finished().collect::<Vec<_>>(), [(0, &Outcome::default().with("inserted", 5))]);
        assert_eq!(run.failure, Some(("x::y".to_owned(), "broken".to_owned())));
        assert!(run.ended_at.is_some_and(|ended| ended > run.started_at));

        catalog.resumed("0a1", "you").await.unwrap();
        let run = catalog.run("0a1").await.unwrap().unwrap();
        assert_eq!((run.status, run.failure, run.ended_at), (RunStatus::Running, None, None));
        catalog.step_started("0a1", 1, "load b").await.unwrap();
        catalog.step_finished("0a1", 1, &Outcome::default()).await.unwrap();
        catalog.end("0a1", RunStatus::Done).await.unwrap();
        assert_eq!(catalog.resumed("0a1", "you").await.unwrap_err().kind, FailureKind::Refused);
        assert_eq!(catalog.resumed("none", "you").await.unwrap_err().kind, FailureKind::Refused);

        catalog.begin(&RunStart { follows: Some("0a1".into()), ..start("0b1", "d3") }).await.unwrap();
        assert_eq!(catalog.run("0a1").await.unwrap().unwrap().undone_by, None);
        catalog.end("0b1", RunStatus::Done).await.unwrap();
        assert_eq!(catalog.run("0a1").await.unwrap().unwrap().undone_by.as_deref(), Some("0b1"));
        assert_eq!(catalog.run("0").await.unwrap_err().kind, FailureKind::Refused);
        assert!(catalog.run("%").await.unwrap().is_none() && catalog.run("0_1").await.unwrap().is_none());

        let report = catalog.verify().await.unwrap();
        assert_eq!((report.entries, report.damage), (13, Vec::new()), "{}", place.name());
        catalog.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_listed_newest_first_and_page_by_page() {
    for place in Place::both() {
        let catalog = place.write().await;
        for number in 0..7_u32 {
            let run = RunStart {
                target: if number % 2 == 0 { "acme".into() } else { "globex".into() },
                parent: (number < 3).then(|| "fleet".to_owned()),
                ..start(&format!("run{number}"), &format!("d{number}"))
            };
            catalog.begin(&run).await.unwrap();
        }
        catalog.end("run4", RunStatus::Done).await.unwrap();
        let ids = async |filter: RunFilter| {
            let runs = catalog.runs(&filter).await.unwrap();
            runs.into_iter().map(|run| run.run).collect::<Vec<_>>()
        };
        let page = RunFilter { limit: Some(3), ..RunFilter::default() };
        assert_eq!(ids(page.clone()).await, ["run6", "run5", "run4"], "{}", place.name());
        assert_eq!(ids(RunFilter { before: Some("run4".into()), ..page }).await, ["run3", "run2", "run1"]);
        assert!(ids(RunFilter { before: Some("none".into()), ..RunFilter::default() }).await.is_empty());
        assert_eq!(ids(RunFilter { target: Some("globex".into()), ..RunFilter::default() }).await.len(), 3);
        assert_eq!(ids(RunFilter { parent: Some("fleet".into()), ..RunFilter::default() }).await.len(), 3);
        assert_eq!(ids(RunFilter { status: Some(RunStatus::Done), ..RunFilter::default() }).await, ["run4"]);
        catalog.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_and_tasks_side_by_side_keep_one_chain() {
    for place in Place::both() {
        // Four catalogs stand for four processes, each with eight runs at once.
        let mut tasks = Vec::new();
        for process in 0..4 {
            let catalog = place.write().await;
            for number in 0..8 {
                let catalog = catalog.clone();
                tasks.push(tokio::spawn(async move {
                    let run = format!("p{process}n{number}");
                    catalog.begin(&start(&run, &run)).await.unwrap();
                    for step in 0..3 {
                        catalog.step_started(&run, step, "work").await.unwrap();
                        catalog.step_finished(&run, step, &Outcome::default()).await.unwrap();
                    }
                    catalog.end(&run, RunStatus::Done).await.unwrap();
                }));
            }
        }
        for task in tasks {
            task.await.unwrap();
        }
        let catalog = place.open(Access::ReadOnly).await;
        let report = catalog.verify().await.unwrap();
        assert_eq!((report.entries, report.damage), (4 * 8 * 8, Vec::new()), "{}", place.name());
        catalog.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_forgery_in_the_trail_is_found() {
    let forgeries = [
        ("UPDATE {s}ledger_entry SET body = '{\"actor\":\"somebody\"}' WHERE seq = 3", 3),
        ("UPDATE {s}ledger_entry SET written_at = '2020-01-01T00:00:00.000000Z' WHERE seq = 4", 4),
        ("DELETE FROM {s}ledger_entry WHERE seq = 5", 5),
        ("DELETE FROM {s}ledger_entry WHERE seq = 8", 8),
        ("UPDATE {s}ledger_entry SET seq = 99 WHERE seq = 2", 2),
        ("UPDATE {s}ledger_head SET digest = 'x'", 8),
        (
            "INSERT INTO {s}ledger_entry SELECT 9, written_at, run, kind, body, previous, digest FROM {s}ledger_entry \
          WHERE seq = 8",
            9,
        ),
        ("UPDATE {s}run SET actor = 'somebody'", 1),
        ("UPDATE {s}run SET plan = '{}'", 1),
        ("UPDATE {s}run SET status = 'failed'", 1),
        ("DELETE FROM {s}run_step; DELETE FROM {s}run", 1),
    ];
    for place in Place::both() {
        for (forgery, seq) in forgeries {
            place.empty();
            let catalog = place.write().await;
            catalog.begin(&start("r1", "d1")).await.unwrap();
            for step in 0..3 {
                catalog.step_started("r1", step, "work").await.unwrap();
                catalog.step_finished("r1", step, &Outcome::default()).await.unwrap();
            }
            catalog.end("r1", RunStatus::Done).await.unwrap();
            assert_eq!(catalog.verify().await.unwrap().damage, []);
            place.forge(forgery);
            let report = catalog.verify().await.unwrap();
            let first = report.damage.first().unwrap_or_else(|| panic!("{}: not found: {forgery}", place.name()));
            assert_eq!(first.entry, seq, "{}: {forgery}: {:?}", place.name(), report.damage);
            catalog.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_who_ask_one_gets_the_lease() {
    for place in Place::both() {
        for round in 0..5 {
            let mut tasks = Vec::new();
            let catalog = place.write().await;
            let other = place.write().await;
            for task in 0..16 {
                let catalog = if task % 2 == 0 { catalog.clone() } else { other.clone() };
                let request = request(&format!("r{round}t{task}"), Duration::from_mins(1));
                tasks.push(tokio::spawn(async move { (catalog.acquire(&request).await.unwrap(), request) }));
            }
            let mut granted = Vec::new();
            let mut holders = Vec::new();
            for task in tasks {
                match task.await.unwrap() {
                    (LeaseAnswer::Granted, request) => granted.push(request),
                    (LeaseAnswer::Held { run, operation, .. }, _) => {
                        assert_eq!(operation, "data.load");
                        holders.push(run);
                    }
                }
            }
            assert_eq!(granted.len(), 1, "{}", place.name());
            assert!(holders.len() == 15 && holders.iter().all(|run| *run == granted[0].run));
            catalog.release(&granted[0]).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_renewed_lost_taken_over_and_given_back() {
    for place in Place::both() {
        let catalog = place.write().await;
        let (first, second) = (request("one", Duration::from_millis(300)), request("two", Duration::from_mins(1)));
        assert_eq!(catalog.acquire(&first).await.unwrap(), LeaseAnswer::Granted);
        assert_eq!(catalog.acquire(&first).await.unwrap(), LeaseAnswer::Granted, "asked again by its holder");
        let elsewhere = LeaseRequest { holder: "another process".into(), ..first.clone() };
        assert!(matches!(catalog.acquire(&elsewhere).await.unwrap(), LeaseAnswer::Held { .. }));
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            assert!(catalog.heartbeat(&first).await.unwrap());
        }
        let answer = catalog.acquire(&second).await.unwrap();
        let LeaseAnswer::Held { holder, run, expires_at, .. } = answer else { panic!("{}: {answer:?}", place.name()) };
        assert_eq!((holder.as_str(), run.as_str()), ("me@here one", "one"));
        assert!(expires_at.parse::<jiff::Timestamp>().is_ok() && expires_at.len() == now().len(), "{expires_at}");
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert!(catalog.heartbeat(&first).await.unwrap(), "nobody took it");
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(catalog.acquire(&second).await.unwrap(), LeaseAnswer::Granted, "{}", place.name());
        assert!(!catalog.heartbeat(&first).await.unwrap());
        catalog.release(&first).await.unwrap();
        assert!(catalog.heartbeat(&second).await.unwrap(), "somebody else's release changes nothing");
        catalog.release(&second).await.unwrap();
        assert!(catalog.lease("acme").await.unwrap().is_none());
        catalog.close().await;
    }
}
