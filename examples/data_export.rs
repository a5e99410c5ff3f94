//! Writes the users of the tenant 'acme' of the site in `./.fixtool` to standard output, as NDJSON
//! with personal data masked.

use std::path::Path;

use fixtool::backends::database::connect::{self, Limits};
use fixtool::formats::{Compression, SourceFormat};
use fixtool::model::mask::Masker;
use fixtool::model::{Namespace, TenantId};
use fixtool::operations::data::export::stream::Export;
use miette::{IntoDiagnostic, miette};

#[tokio::main]
async fn main() -> miette::Result<()> {
    let address = "sqlite:.fixtool/catalog.db".parse()?;
    let tenant: TenantId = "acme".parse()?;
    let reader = connect::reader(&address, &Limits::default()).await?;

    // The structure comes from the database itself; a pack would tell which columns are personal.
    let namespace = Namespace::of(&tenant);
    let mut model = reader.introspect(&namespace).await?;
    let mut definition = model.tables.swap_remove("users").ok_or_else(|| miette!("there is no table 'users'"))?;
    if let Some(email) = definition.columns.get_mut("email") {
        email.pii = Some(fixtool::model::table::Pii::Email);
    }

    let export = Export {
        namespace,
        table: "users".to_owned(),
        definition,
        format: SourceFormat::Ndjson,
        compression: Compression::None,
        masker: Some(Masker::of_this_run()),
    };
    let (_, rows) = export.run(reader, std::io::stdout(), (Path::new("standard output"), None)).await?;
    std::io::Write::write_all(&mut std::io::stderr(), format!("{rows} users\n").as_bytes()).into_diagnostic()
}
