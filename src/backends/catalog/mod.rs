//! The catalog: registry of tenants, sealed credentials, leases and the ledger, as sea-orm entities.
