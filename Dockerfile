FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

COPY requirements.txt constraints.txt ./
RUN pip install -r requirements.txt

COPY . .
# The keys that this generates are for this one command, and go with their directory.
RUN STATIC_ROOT=/app/static DATA_DIR=/tmp/build python manage.py collectstatic --noinput \
    && rm -rf /tmp/build \
    && useradd --system --uid 10001 --no-create-home waypost \
    && install -d -o waypost -m 700 /data

USER waypost
ENV DATA_DIR=/data STATIC_ROOT=/app/static
# Granian's options. Why so many threads: docs/deployment.md, "Web processes".
ENV GRANIAN_INTERFACE=wsgi GRANIAN_HOST=0.0.0.0 GRANIAN_PORT=8000 GRANIAN_HTTP=1 \
    GRANIAN_WORKERS=2 GRANIAN_BLOCKING_THREADS=64 GRANIAN_BACKLOG=4096 GRANIAN_BACKPRESSURE=4096 \
    GRANIAN_RESPAWN_FAILED_WORKERS=true GRANIAN_WORKERS_KILL_TIMEOUT=10 GRANIAN_LOG_LEVEL=error
EXPOSE 8000
VOLUME /data
CMD ["granian", "--no-ws", "config.wsgi:application"]
