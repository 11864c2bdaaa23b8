# Two images of one build. `host`, the last and so the default, is the server, what it links to, and no shell. `job` has both
# programs on Debian, for whoever schedules the job by a script.
#
#   docker build -t countersign .
#   docker build -t countersign-job --target job .
#
# deploy/image.sh builds both without a daemon and tries them. It also shows how to build where docker.io is out of reach.
ARG BUILD_BASE=docker.io/library/rust:1.95-bookworm
ARG JOB_BASE=docker.io/library/debian:bookworm-slim

# The guest template, compiled from its source: the committed one must come out again, byte for byte.
FROM ${JOB_BASE} AS template
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates cargo-web lld-22 rust-web-llvm rust-web-src rustc-web \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,id=countersign-template-registry,target=/root/.cargo/registry \
    guest-model/reproduce.sh && rm -rf target

FROM ${BUILD_BASE} AS build
WORKDIR /src
COPY . .
COPY --from=template /src/guest-model/template.wasm guest-model/template.wasm
# The commit that is built; model cards name it.
ARG REVISION
ENV COUNTERSIGN_REVISION=${REVISION}
# Dependencies are compiled once: registry and target folder outlive a build, and what is kept is copied out.
RUN --mount=type=cache,id=countersign-registry,target=/usr/local/cargo/registry \
    --mount=type=cache,id=countersign-target,target=/src/target \
    cargo build --release --locked --workspace --bins \
    && install -D --target-directory /out target/release/countersign target/release/feature-job
# What the host needs of a system: the libraries that it is linked to, certificates to trust, and a user who is not root.
RUN mkdir -p /root-of-host/usr/local/bin /root-of-host/etc/ssl/certs /root-of-host/etc/countersign /root-of-host/var/lib/countersign \
        /root-of-host/dev /root-of-host/proc /root-of-host/sys /root-of-host/tmp \
    && cp /out/countersign /root-of-host/usr/local/bin/ \
    && ldd /out/countersign > /out/linked-to \
    && grep -o '/[^ ]*' /out/linked-to > /out/libraries \
    && xargs --arg-file /out/libraries cp --dereference --parents --target-directory /root-of-host \
    && cp /etc/ssl/certs/ca-certificates.crt /root-of-host/etc/ssl/certs/ \
    && echo 'countersign:x:10001:10001:countersign:/var/lib/countersign:/usr/sbin/nologin' > /root-of-host/etc/passwd \
    && echo 'countersign:x:10001:' > /root-of-host/etc/group \
    && cp modules/trust.toml /root-of-host/etc/countersign/ \
    && chown 10001:10001 /root-of-host/var/lib/countersign

FROM ${JOB_BASE} AS job
ARG REVISION
LABEL org.opencontainers.image.title="countersign-job" \
    org.opencontainers.image.description="Computes features of loans, trains credit-risk models, and publishes both" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0" \
    org.opencontainers.image.revision="${REVISION}"
COPY --from=build /root-of-host/etc/passwd /root-of-host/etc/group /etc/
COPY --from=build /root-of-host/etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/countersign /out/feature-job /usr/local/bin/
COPY --from=build --chown=10001:10001 /root-of-host/var/lib/countersign /var/lib/countersign
USER 10001:10001
WORKDIR /var/lib/countersign
ENTRYPOINT ["feature-job"]

FROM scratch AS host
ARG REVISION
LABEL org.opencontainers.image.title="countersign" \
    org.opencontainers.image.description="Serves features and predictions by user id, from models that a human has countersigned" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0" \
    org.opencontainers.image.revision="${REVISION}"
COPY --from=build /root-of-host /
USER 10001:10001
WORKDIR /var/lib/countersign
VOLUME ["/var/lib/countersign"]
# Without tokens the host serves its health and nothing else: mount a file of them, and name it with COUNTERSIGN_TOKENS.
ENV COUNTERSIGN_LISTEN=0.0.0.0:8080 \
    COUNTERSIGN_TRUST=/etc/countersign/trust.toml \
    COUNTERSIGN_MODULES=/var/lib/countersign/modules \
    COUNTERSIGN_DATA=/var/lib/countersign/data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["countersign", "health"]
ENTRYPOINT ["countersign"]
CMD ["serve"]
