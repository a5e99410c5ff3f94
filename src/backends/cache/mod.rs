//! The cache: a tenant's keys are invalidated and its configuration is published, through Redis.
