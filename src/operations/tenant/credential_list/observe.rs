//! What `tenant credential list` looks at.

use super::{CredentialList, View};
use crate::backends::packs;
use crate::backends::site::{SiteError, SiteReader};

pub(super) async fn observe(list: &CredentialList, reader: &SiteReader) -> Result<View, SiteError> {
    let tenant = reader.tenant(&list.id).await?;
    let credentials = reader.catalog().credentials(&tenant.id).await?;
    let mut missing = Vec::new();
    if let Ok(pack) = packs::load(&tenant.pack, reader.packs()) {
        for (integration, wants) in &pack.manifest.integrations {
            let keys = wants.credentials.iter().map(|name| format!("{integration}.{name}"));
            missing.extend(keys.filter(|key| credentials.iter().all(|has| has.name != *key)));
        }
    }
    Ok(View { tenant: tenant.id, credentials, missing })
}
