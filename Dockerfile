# syntax=docker/dockerfile:1
# For a CPU: docker build .
# For NVIDIA GPUs: see the service `forethought` in docker-compose.yml.

ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG BUILD_IMAGE=debian:bookworm-slim
ARG RUNTIME_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS rust

FROM ${BUILD_IMAGE} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential ca-certificates \
 && rm -rf /var/lib/apt/lists/*
COPY --from=rust /usr/local/cargo /usr/local/cargo
COPY --from=rust /usr/local/rustup /usr/local/rustup
ENV PATH=/usr/local/cargo/bin:$PATH CARGO_HOME=/usr/local/cargo RUSTUP_HOME=/usr/local/rustup
WORKDIR /src
COPY . .
# Cargo features, such as forethought-engine/cuda; the compute capability is the GPU's, such as 80 or 90.
ARG FEATURES=
ARG CUDA_COMPUTE_CAP=
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    if [ -z "$CUDA_COMPUTE_CAP" ]; then unset CUDA_COMPUTE_CAP; fi \
 && cargo build --release --locked --package forethought-gateway --bin forethought --features "$FEATURES" \
 && cp target/release/forethought /usr/local/bin/forethought

FROM ${RUNTIME_IMAGE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 forethought \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin forethought \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/forethought
COPY --from=build /usr/local/bin/forethought /usr/local/bin/forethought
USER 10001:10001
EXPOSE 8080
VOLUME ["/var/lib/forethought"]
ENTRYPOINT ["forethought"]
CMD ["serve", "--config", "/etc/forethought/config.yaml"]
