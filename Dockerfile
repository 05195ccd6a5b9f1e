# The operator's image: docker buildx build --platform linux/amd64,linux/arm64 --tag … .
# Each platform is built on itself (by emulation where need be), so that no cross compiler is needed.

ARG RUST_VERSION=1.95.0
ARG DEBIAN=bookworm

FROM docker.io/library/rust:${RUST_VERSION}-slim-${DEBIAN} AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libc6-dev make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN cargo build --locked --release --package audience-sharing-operator --bin audience-sharing
RUN hack/image/rootfs.sh target/release/audience-sharing /rootfs

# glibc, libgcc, the certificates of public authorities, and no shell.
FROM gcr.io/distroless/cc-debian12:nonroot
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="audience-sharing-operator" \
      org.opencontainers.image.description="Keeps audiences shared between Adobe Experience Platform and Adobe Audience Manager." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /rootfs/ /
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/audience-sharing"]
CMD ["run"]
