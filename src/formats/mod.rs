//! How records look in a file: streams from and to CSV, TSV, JSON, NDJSON, YAML, gzip and zstd.
