# syntax=docker/dockerfile:1.9
#
# The image of MCOP: Airflow with MCOP in it, Terraform, and a mirror of providers. `deploy/build-image` builds it.
#
# Targets: `runtime`, for everything, and `emulator`, an AWS emulator for docker-compose.yaml.

ARG PYTHON_TAG=3.11.9-slim-bookworm
ARG TERRAFORM_TAG=1.11.4

# -- Terraform, and the providers of the platform that is built for ---------------------------------------
FROM hashicorp/terraform:${TERRAFORM_TAG} AS terraform

FROM --platform=$BUILDPLATFORM hashicorp/terraform:${TERRAFORM_TAG} AS providers
ARG TARGETOS
ARG TARGETARCH
WORKDIR /work
COPY deploy/providers.tf ./
RUN terraform providers mirror -platform="${TARGETOS}_${TARGETARCH}" /opt/providers

# -- Python: every package is pinned, and its hash is checked ----------------------------------------------
FROM python:${PYTHON_TAG} AS python
ENV PATH=/opt/mcop/.venv/bin:$PATH VIRTUAL_ENV=/opt/mcop/.venv PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements-uv.txt ./
RUN python -m venv /opt/mcop/.venv && pip install --require-hashes -r requirements-uv.txt

FROM python AS packages
COPY requirements-image.txt ./
RUN uv pip sync --no-cache --compile-bytecode --require-hashes requirements-uv.txt requirements-image.txt
COPY pyproject.toml README.md LICENSE requirements.txt ./
COPY include/dynamodb include/dynamodb
COPY mcop_core mcop_core
COPY plugins plugins
RUN uv build --no-cache --wheel --build-constraint requirements.txt --require-hashes --out-dir /dist . \
    && uv pip install --no-cache --no-deps --compile-bytecode /dist/*.whl

FROM python AS emulator-packages
COPY requirements-emulator.txt ./
RUN uv pip sync --no-cache --compile-bytecode --require-hashes requirements-uv.txt requirements-emulator.txt

# -- what runs ----------------------------------------------------------------------------------------------
FROM python:${PYTHON_TAG} AS base
# Nobody's number in particular, in the group root: a cluster that gives out numbers of its own keeps that group.
RUN useradd --uid 50000 --gid 0 --home-dir /opt/airflow --shell /usr/sbin/nologin mcop \
    && for folder in /opt/airflow /var/lib/mcop /var/cache/mcop /var/log/airflow; do \
        mkdir -p "$folder" && chown 50000:0 "$folder" && chmod 0770 "$folder"; \
    done
ENV PATH=/opt/mcop/.venv/bin:$PATH PYTHONUNBUFFERED=1 LANG=C.UTF-8
USER 50000:0

FROM base AS emulator
COPY --from=emulator-packages /opt/mcop/.venv /opt/mcop/.venv
WORKDIR /var/lib/mcop
EXPOSE 4566
CMD ["ministack"]

FROM base AS runtime
ARG REVISION=unknown
ARG VERSION=unknown
LABEL org.opencontainers.image.title="MCOP" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=terraform /bin/terraform /usr/local/bin/terraform
COPY --from=providers /opt/providers /opt/providers
COPY --from=packages /opt/mcop/.venv /opt/mcop/.venv
COPY deploy/entrypoint deploy/init /opt/mcop/deploy/
COPY dags /opt/mcop/dags
COPY plugins /opt/mcop/plugins
COPY include /opt/mcop/include
ENV AIRFLOW_HOME=/opt/airflow HOME=/opt/airflow \
    MCOP_WORK_DIR=/var/lib/mcop/runs MCOP_CACHE_DIR=/var/cache/mcop MCOP_TERRAFORM_PLUGIN_MIRROR=/opt/providers
WORKDIR /opt/mcop
EXPOSE 8080
ENTRYPOINT ["/opt/mcop/deploy/entrypoint"]
