# wxbot in a container: web, worker and every command. See deploy/README.md, containers.
# Any Debian 12 will do as a base, also from a mirror: docker build --build-arg BASE=mirror.example.com/debian:bookworm-slim .
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
ARG DEBIAN_FRONTEND=noninteractive
# Mirrors, where the registries are slow or not to be reached.
ARG PIP_INDEX_URL
ARG npm_config_registry
# What only some need: tencent, aliyun, s3, drand.
ARG EXTRAS=""
# Debian keeps one version of each package in a release, and replaces it for security: a pinned one would soon be gone.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# The libraries first: they change less often than wxbot, and a build that finds them done is quick.
COPY requirements requirements
RUN set -- --requirement requirements/run.lock \
    && for extra in ${EXTRAS}; do set -- "$@" --requirement "requirements/${extra}.lock"; done \
    && python3 -m venv /opt/wxbot/venv \
    && /opt/wxbot/venv/bin/pip install --no-cache-dir --require-hashes "$@"
COPY . .
RUN python3 scripts/install.py assets \
    && .venv/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
    && /opt/wxbot/venv/bin/pip install --no-cache-dir --no-deps --no-index /wheel/*.whl

FROM ${BASE}
ARG DEBIAN_FRONTEND=noninteractive
# Debian keeps one version of each package in a release, and replaces it for security: a pinned one would soon be gone.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --create-home --home-dir /var/lib/wxbot --shell /usr/sbin/nologin wxbot \
    && chmod 700 /var/lib/wxbot
COPY --from=build /opt/wxbot/venv /opt/wxbot/venv
ENV PATH=/opt/wxbot/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    WXBOT_BIND=0.0.0.0:8000 \
    WXBOT_DATA_DIR=/var/lib/wxbot
USER 10001:10001
WORKDIR /var/lib/wxbot
VOLUME /var/lib/wxbot
EXPOSE 8000
# SIGTERM ends web and worker in peace; both want some time for what is under way.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["wxbot"]
CMD ["run", "web"]
