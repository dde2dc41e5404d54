//! The catalogue of deliberations and mandate types, and the decision over one request.
