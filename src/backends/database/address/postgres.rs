//! `postgres://` addresses, read as libpq reads them.

use std::fmt::Write as _;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

use super::{EXAMPLES, InvalidAddress, PostgresAddress, SslMode, decode, encode, shorten};

impl PostgresAddress {
    pub(super) fn parse(rest: &str) -> Result<Self, InvalidAddress> {
        let Some(rest) = rest.strip_prefix("//") else {
            return Err(InvalidAddress::new("'//' is missing after the scheme", EXAMPLES));
        };
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, place) = authority.rsplit_once('@').map_or(("", authority), |(login, place)| (login, place));
        let (user, password) = login.split_once(':').map_or((login, None), |(u, p)| (u, Some(p)));
        let (host, port) = split_port(place)?;
        let mut address = Self {
            host: filled(&decode(host)?),
            port,
            user: filled(&decode(user)?),
            password: password.map(decode).transpose()?.and_then(|p| filled(&p)),
            database: filled(&decode(database)?),
            ..Self::default()
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            address.set(&decode(name)?, &decode(value)?)?;
        }
        Ok(address)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), InvalidAddress> {
        let path = || filled(value).map(PathBuf::from);
        match name {
            "host" => self.host = filled(value),
            "port" => self.port = port_of(value)?,
            "user" => self.user = filled(value),
            "password" => self.password = filled(value),
            "dbname" => self.database = filled(value),
            // asyncpg calls it `ssl`.
            "sslmode" | "ssl" => {
                self.ssl_mode = SslMode::parse(value).ok_or_else(|| {
                    InvalidAddress::new(
                        format!("sslmode '{}' is not known", shorten(value)),
                        "use disable, allow, prefer, require, verify-ca or verify-full",
                    )
                })?;
            }
            "sslrootcert" => self.ssl_root_cert = path().filter(|p| p != Path::new("system")),
            "sslcert" => self.ssl_cert = path(),
            "sslkey" => self.ssl_key = path(),
            // fixtool sets these for itself.
            "application_name" | "connect_timeout" | "client_encoding" | "target_session_attrs" => {}
            other => {
                return Err(InvalidAddress::new(
                    format!("its parameter '{}' is not known", shorten(other)),
                    "allowed are host, port, user, password, dbname, sslmode, sslrootcert, sslcert and sslkey",
                ));
            }
        }
        Ok(())
    }

    pub(super) fn masked(&self) -> String {
        let mut text = String::from("postgres://");
        if let Some(user) = &self.user {
            text.push_str(&encode(user));
            text.push_str(if self.password.is_some() { ":***@" } else { "@" });
        }
        if let Some(host) = &self.host {
            let host = if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]") } else { encode(host) };
            text.push_str(&host);
        }
        if let Some(port) = self.port {
            // Writing to a string cannot fail.
            let _ = write!(text, ":{port}");
        }
        if let Some(database) = &self.database {
            text.push('/');
            text.push_str(&encode(database));
        }
        if self.ssl_mode != SslMode::default() {
            let _ = write!(text, "?sslmode={}", self.ssl_mode.as_str());
        }
        text
    }
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn split_port(place: &str) -> Result<(&str, Option<u16>), InvalidAddress> {
    if place.contains(',') {
        return Err(InvalidAddress::new("it names several hosts", "name the one host that accepts writes"));
    }
    if let Some(rest) = place.strip_prefix('[') {
        let Some((host, after)) = rest.split_once(']') else {
            return Err(InvalidAddress::new("']' is missing after the IPv6 address", EXAMPLES));
        };
        return Ok((host, port_of(after.trim_start_matches(':'))?));
    }
    match place.split_once(':') {
        Some((host, port)) => Ok((host, port_of(port)?)),
        None => Ok((place, None)),
    }
}

fn port_of(text: &str) -> Result<Option<u16>, InvalidAddress> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || {
        // An unescaped '@' or ':' in a password lands here, so the text itself must not be shown.
        InvalidAddress::new(
            "its port is not a number from 1 to 65535",
            "escape '@', ':', '/', '?' and '#' in a password as %40, %3A, %2F, %3F and %23",
        )
    };
    text.parse().ok().filter(|port| *port > 0).map(Some).ok_or_else(wrong)
}
