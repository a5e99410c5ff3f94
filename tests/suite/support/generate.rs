//! Users as a CSV file: plausible, with edge cases, the same for the same seed. The benchmark uses
//! the same file.

use std::fmt::Write as _;
use std::io::{self, Write};

/// Columns of the built-in pack's table `users`, in the order of [`user`].
pub const USERS_HEADER: &str =
    "id,email,name,role,spotify_user_id,preferences,is_active,last_login_at,created_at,updated_at";

const FIRST: [&str; 16] = [
    "Amélie",
    "Björn",
    "Chloé",
    "Diego",
    "Elif",
    "Farid",
    "Grace",
    "Hiroshi",
    "Ines",
    "Jonas",
    "Katarzyna",
    "Liam",
    "Məryəm",
    "Nora",
    "Oluwaseun",
    "李娜",
];
const LAST: [&str; 16] = [
    "Andersson",
    "Bianchi",
    "Çelik",
    "Dubois",
    "Eriksen",
    "Fernández",
    "García",
    "Haddad",
    "Ivanova",
    "Johnson",
    "Kowalski",
    "Lindqvist",
    "Müller",
    "Nguyễn",
    "O'Brien",
    "王",
];
const ROLES: [&str; 4] = ["user", "collaborator", "admin", "owner"];
const THEMES: [&str; 3] = ["dark", "light", "system"];
const LANGUAGES: [&str; 6] = ["en", "de", "fr", "es", "ja", "pt-BR"];

/// How fields are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Some fields are empty, booleans are `true` and `false`.
    Usual,
    /// No field is empty, booleans are 1 and 0: what a tool without types reads to the same values.
    Filled,
}

/// A whole file as text.
pub fn users_csv(rows: u64, seed: u64) -> String {
    let mut bytes = Vec::new();
    write_users(&mut bytes, 0..rows, seed, Shape::Usual).expect("memory takes it");
    String::from_utf8(bytes).expect("UTF-8")
}

/// Writes the header and the users of these numbers.
pub fn write_users(out: &mut impl Write, numbers: std::ops::Range<u64>, seed: u64, shape: Shape) -> io::Result<()> {
    writeln!(out, "{USERS_HEADER}")?;
    let mut line = String::new();
    for number in numbers {
        line.clear();
        user(&mut line, number, seed, shape);
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}

/// Appends one user as a line. The same number and seed give the same line, whatever came before.
pub fn user(line: &mut String, number: u64, seed: u64, shape: Shape) {
    let filled = shape == Shape::Filled;
    let high = mix(seed ^ number.wrapping_mul(2));
    let low = mix(high ^ number);
    let pick = mix(low);
    let id = uuid(high, low);
    let email = email(number);
    let (first, last) = (FIRST[at(pick, 0, 16)], LAST[at(pick, 4, 16)]);
    let role = if pick.is_multiple_of(50) { ROLES[at(pick, 8, 4)] } else { "user" };
    let created = 1_577_836_800 + at(low, 0, 150_000_000) as u64;
    let updated = created + at(high, 0, 40_000_000) as u64;
    let _ = write!(line, "{id},{email},{first} {last},{role},");
    if filled || !pick.is_multiple_of(3) {
        let _ = write!(line, "spotify_{high:016x}");
    }
    let _ = write!(
        line,
        ",\"{{\"\"theme\"\": \"\"{}\"\", \"\"language\"\": \"\"{}\"\", \"\"volume\"\": {}, \"\"genres\"\": [{}]}}\",{},",
        THEMES[at(pick, 12, 3)],
        LANGUAGES[at(pick, 16, 6)],
        at(pick, 20, 101),
        at(pick, 28, 40),
        match (filled, !pick.is_multiple_of(11)) {
            (false, true) => "true",
            (false, false) => "false",
            (true, true) => "1",
            (true, false) => "0",
        },
    );
    if filled || !pick.is_multiple_of(7) {
        timestamp(line, updated, low % 1_000_000);
    }
    line.push(',');
    timestamp(line, created, high % 1_000_000);
    line.push(',');
    timestamp(line, updated, low % 1_000_000);
    line.push('\n');
}

/// The id of a user, as [`user`] writes it.
pub fn user_id(number: u64, seed: u64) -> String {
    let high = mix(seed ^ number.wrapping_mul(2));
    uuid(high, mix(high ^ number))
}

/// The e-mail address of a user, as [`user`] writes it.
pub fn email(number: u64) -> String {
    format!("user{number}@tenant-{}.example.com", number % 97)
}

/// Columns of the built-in pack's table `ai_sessions`, in the order of [`write_sessions`].
pub const SESSIONS_HEADER: &str = "id,user_id,session_type,status,context,metadata,expires_at,created_at,updated_at";

/// What is wrong with a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It has the id of the session before it.
    Duplicate,
    /// Its user does not exist.
    Reference,
    /// Its status is none of those allowed.
    Check,
}

/// Writes sessions of these users, each session `number` with what `fault(number)` says is wrong.
pub fn write_sessions(
    out: &mut impl Write,
    numbers: std::ops::Range<u64>,
    (users, seed): (u64, u64),
    fault: impl Fn(u64) -> Option<Fault>,
) -> io::Result<()> {
    writeln!(out, "{SESSIONS_HEADER}")?;
    let mut line = String::new();
    for number in numbers {
        let fault = fault(number);
        let own = if fault == Some(Fault::Duplicate) { number.saturating_sub(1) } else { number };
        let (high, low) = (mix(seed ^ 0x5e55 ^ own), mix(own.wrapping_mul(3)));
        let owner = if fault == Some(Fault::Reference) { users + number } else { number % users };
        let status = match fault {
            Some(Fault::Check) => "sleeping",
            _ => ["active", "completed", "failed", "timeout"][at(high, 8, 4)],
        };
        line.clear();
        let _ = write!(
            line,
            "{},{},chat,{status},\"{{\"\"turns\"\": {}}}\",,,",
            uuid(high, low),
            user_id(owner, seed),
            at(low, 0, 40)
        );
        let created = 1_700_000_000 + at(low, 8, 30_000_000) as u64;
        timestamp(&mut line, created, high % 1_000_000);
        line.push(',');
        timestamp(&mut line, created + 60, high % 1_000_000);
        line.push('\n');
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}

fn at(bits: u64, shift: u32, below: u64) -> usize {
    usize::try_from((bits >> shift) % below).expect("a small number")
}

fn uuid(high: u64, low: u64) -> String {
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | ((low >> 48) & 0x3fff),
        low & 0xffff_ffff_ffff
    )
}

/// Appends a time given in seconds since 1970 and microseconds, as RFC 3339 in UTC.
fn timestamp(line: &mut String, seconds: u64, micros: u64) {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Counted from 0000-03-01, so that the leap day is a year's last day.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let _ = write!(
        line,
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{micros:06}Z",
        rest / 3_600,
        rest / 60 % 60,
        rest % 60
    );
}

/// A good mixer of 64 bits: every bit of the result depends on every bit given.
fn mix(bits: u64) -> u64 {
    let mut bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
