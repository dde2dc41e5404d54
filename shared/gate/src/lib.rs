//! The one pipeline from request to answer, and the traits a platform implements.
