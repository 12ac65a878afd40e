# By its digest, so that the same image is built on every day.
ARG PYTHON_IMAGE=python:3.11.16-slim@sha256:9c900dea9e8fb7e16277c179b555cc72d29a352dbc33cff48ad5a0412fd5bfc7
FROM ${PYTHON_IMAGE}

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock

COPY . .
# The keys that this generates are for this one command, and go with their directory.
RUN STATIC_ROOT=/app/static DATA_DIR=/tmp/build python manage.py collectstatic --noinput \
    && rm -rf /tmp/build \
    && python -m compileall -q . \
    && useradd --system --uid 10001 --no-create-home waypost \
    && install -d -o waypost -m 700 /data

USER waypost
ENV DATA_DIR=/data STATIC_ROOT=/app/static
# Granian's options: docs/deployment.md, "Web processes".
ENV GRANIAN_INTERFACE=asgi GRANIAN_HOST=0.0.0.0 GRANIAN_PORT=8000 GRANIAN_HTTP=1 \
    GRANIAN_WORKERS=2 GRANIAN_BACKLOG=4096 GRANIAN_BACKPRESSURE=16384 GRANIAN_HTTP1_HEADER_READ_TIMEOUT=10000 \
    GRANIAN_RESPAWN_FAILED_WORKERS=true GRANIAN_WORKERS_KILL_TIMEOUT=10 GRANIAN_LOG_LEVEL=error
EXPOSE 8000
VOLUME /data
CMD ["granian", "--no-ws", "config.asgi:application"]
