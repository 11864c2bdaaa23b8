# Both binaries in one small image. The host is the entry point; the job is `docker run --entrypoint feature-job`.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --workspace --bins

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/countersign --create-home countersign
COPY --from=build /src/target/release/countersign /src/target/release/feature-job /usr/local/bin/
COPY modules/trust.toml /etc/countersign/trust.toml
USER countersign
WORKDIR /var/lib/countersign
VOLUME ["/var/lib/countersign"]
# Without tokens the host serves its health and nothing else: mount a file of them, and name it with COUNTERSIGN_TOKENS.
ENV COUNTERSIGN_LISTEN=0.0.0.0:8080
EXPOSE 8080
ENTRYPOINT ["countersign"]
CMD ["serve", "--modules", "modules", "--trust", "/etc/countersign/trust.toml", "--data", "data"]
