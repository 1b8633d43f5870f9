//! The service as a library: HTTP on one side, jobs on the other, PostgreSQL and the data folder
//! between them. Everything that knows a file format lives in the pure crates below.

pub mod admin;
pub mod app;
mod audience;
pub mod auth;
mod client;
pub mod config;
pub mod database;
mod embargo;
mod error;
mod extract;
mod hardware;
mod holds;
mod hub;
mod impact;
pub mod inspecting;
pub mod jobs;
mod judging;
pub mod limits;
mod linger;
mod mail;
pub mod pages;
mod placing;
pub mod policies;
pub mod records;
mod refusals;
mod repository_key;
mod routes;
pub mod serve;
mod served;
mod shown;
pub mod storage;
mod throttle;
mod uploads;
mod views;
pub mod waivers;
pub mod zone;
