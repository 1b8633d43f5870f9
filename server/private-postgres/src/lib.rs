//! A PostgreSQL cluster of our own, made with the system's programs.
