//! Everything that can be said about one package: findings and a decision.
