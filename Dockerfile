# The gateway's image: Istio's proxy, or another Envoy, with the module and the
# command in it. Build it with `make image`.
#
# BASE_IMAGE: istio/proxyv2 of the 1.31 line or newer, or envoyproxy/envoy of
# 1.39 or newer; pin it by digest. Its glibc must not be older than that of
# GO_IMAGE's Debian needs: see the README's version table.
ARG BASE_IMAGE=istio/proxyv2:1.31.1
ARG GO_IMAGE=golang:1.26-bookworm

FROM ${BASE_IMAGE} AS proxy
LABEL org.opencontainers.image.title="wildcard-egress" \
      org.opencontainers.image.description="An Envoy egress gateway for wildcard host names" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV ENVOY_DYNAMIC_MODULES_SEARCH_PATH=/usr/local/lib/wildcard-egress
USER 1337:1337

# For --target prebuilt: what `make build` left here. Nothing below is built then.
FROM proxy AS prebuilt
COPY build/libwildcard_egress.so /usr/local/lib/wildcard-egress/
COPY build/wildcard-egress /usr/local/bin/

FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN make build

FROM proxy
COPY --from=build /src/build/libwildcard_egress.so /usr/local/lib/wildcard-egress/
COPY --from=build /src/build/wildcard-egress /usr/local/bin/
