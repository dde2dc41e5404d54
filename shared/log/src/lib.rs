//! Audit records, committed log entries and the chain that links them.
