//! The commands of the workflow, in three acts: between them the stage learns what only the run itself can tell.

/// One command, word by word.
pub type Line = Vec<String>;

/// What the commands speak of.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// The tenant that is restored from its backup.
    pub copy: &'a str,
    /// The folder of the demonstration.
    pub folder: &'a str,
    /// The load that is undone; known in the last act.
    pub run: &'a str,
    /// The snapshot that is restored; known in the last act.
    pub snapshot: &'a str,
}

fn line(words: &[&str]) -> Line {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl Names<'_> {
    fn load(&self, records: &str) -> Line {
        line(&["data", "load", &format!("{}/{records}", self.folder), "--tenant", self.tenant, "--yes"])
    }

    /// A tenant is made and filled, and gets a key for its backups.
    pub fn first_act(&self) -> Vec<Line> {
        vec![
            line(&["tenant", "init", self.tenant, "--tier", "enterprise", "--yes"]),
            self.load("records"),
            line(&["tenant", "show", self.tenant]),
            line(&["backup", "keygen", "--output-path", &format!("{}/backup-key.txt", self.folder), "--yes"]),
        ]
    }

    /// It is backed up, changes, and what changed is backed up.
    pub fn second_act(&self) -> Vec<Line> {
        let create = ["backup", "create", "--tenant", self.tenant, "--encryption"];
        vec![line(&create), self.load("later"), line(&[&create[..], &["--backup-type", "incremental"]].concat())]
    }

    /// The backup is verified, restored and compared; the change is undone, and everything dropped.
    pub fn last_act(&self) -> Vec<Line> {
        let Self { tenant, copy, run, snapshot, .. } = *self;
        vec![
            line(&["backup", "verify", "--tenant", tenant]),
            line(&["backup", "restore", snapshot, "--tenant", copy, "--yes"]),
            line(&["backup", "verify", snapshot, "--level", "live"]),
            line(&["tenant", "drop", copy, "--confirm", copy]),
            line(&["op", "undo", run, "--yes", "--confirm", tenant]),
            line(&["tenant", "show", tenant]),
            line(&["tenant", "drop", tenant, "--confirm", tenant]),
        ]
    }

    /// All of them.
    pub fn whole(&self) -> Vec<Line> {
        [self.first_act(), self.second_act(), self.last_act()].concat()
    }
}
