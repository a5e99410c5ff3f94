//! What the new pack will hold, and whether something stands in its way.

use super::{NewError, Request};
use crate::backends::packs;
use crate::model::Pack;
use crate::model::pack::{Files, builtin, is_name};
use crate::operations::pack::Packs;
use crate::operations::pack::files::Folder;

const PACK: &str = "\
# What a tenant is made of. 'fixtool pack check NAME' says whether it is right; 'fixtool pack schema'
# prints schemas with which an editor completes these files.
name: NAME
title: NAME
versions: [1.0.0]

quotas:
  users:
    title: Users
    table: users

tiers:
  starter:
    title: Starter
    quotas: {users: 10}
    policy:
      password: {min_length: 8, digit: true, upper_case: true, special: true}
      mfa_required: false
      audit_logging: false
      backup_retention_days: 30
  enterprise:
    title: Enterprise
    quotas: {users: unlimited}
    policy:
      password: {min_length: 12, digit: true, upper_case: true, special: true}
      mfa_required: true
      audit_logging: true
      backup_retention_days: 90

permissions:
  users:manage: invite, change and remove people
  users:view: see who is in the tenant

roles:
  admin:
    title: Administrator
    permissions: [users:manage, users:view]
  user:
    title: User
    permissions: [users:view]

admin:
  table: users
  email: email
  values:
    name: \"{name}\"
    role: admin
";

const MODEL: &str = "\
tables:
  users:
    comment: People who use the tenant
    columns:
      id: {type: uuid, required: true, default: uuid()}
      email: {type: string(255), required: true, unique: true, format: email, pii: email}
      name: {type: string(100), required: true, min_length: 1, pii: name}
      role: {type: \"enum(admin,user)\", required: true, default: user}
      created_at: {type: timestamp, required: true, default: now()}
      updated_at: {type: timestamp, required: true, default: now()}
    primary_key: [id]
    order: [updated_at, id]
    newest: updated_at
";

const USERS: &str = "\
id,email,name,role
7d4f0f0e-6f0b-4c39-9c1c-0a5b8f8f2a10,robin.hale@example.com,Robin Hale,user
";

/// Looks at the folder and at the pack to copy.
pub fn observe(request: &Request, reader: &Packs) -> Result<Folder, NewError> {
    let name = request.name.as_str();
    if !is_name(name) || builtin::names().contains(&name) {
        return Err(NewError::Name { shown: name.chars().take(80).flat_map(char::escape_debug).collect() });
    }
    let files = match &request.from {
        Some(from) => copied(from, name, reader)?,
        None => Files::from([
            ("pack.yaml".to_owned(), PACK.replace("NAME", name).into_bytes()),
            ("1.0.0/model.yaml".to_owned(), MODEL.as_bytes().to_vec()),
            ("1.0.0/fixtures/users.csv".to_owned(), USERS.as_bytes().to_vec()),
        ]),
    };
    Pack::from_files(name, &files).map_err(packs::PackSourceError::from)?;
    let folder = request.folder.clone().unwrap_or_else(|| reader.folder.join(name));
    let notes = vec![format!("then 'fixtool pack check {}' says whether it is still right", folder.display())];
    Ok(Folder::observe(folder, files, notes))
}

/// The files of another pack under the new name; what people wrote in comments stays.
fn copied(from: &str, name: &str, reader: &Packs) -> Result<Files, NewError> {
    let mut files = packs::files(from, &reader.folder)?;
    if let Some(manifest) = files.get_mut("pack.yaml") {
        let text = String::from_utf8_lossy(manifest);
        let line = |line: &str| if line.starts_with("name:") { format!("name: {name}") } else { line.to_owned() };
        *manifest = text.lines().map(|text| line(text) + "\n").collect::<String>().into_bytes();
    }
    Ok(files)
}
