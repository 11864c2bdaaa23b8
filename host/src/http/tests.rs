//! The routes and the connections, spoken to in raw bytes over real sockets.

mod access;
mod answers;
mod connections;
mod house;
mod ingest;
mod openapi;
mod predictions;
mod protocols;
mod traffic;
