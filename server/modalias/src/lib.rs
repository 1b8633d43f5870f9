//! Hardware identification patterns: grammar, matching, index.
