# One image for all processes: `kameng serve | worker | scheduler | migrate`. See compose.yaml.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
WORKDIR /app
# Dependencies first: they change seldom, and each file must have the digest that the lock names.
COPY requirements.lock ./
RUN /opt/venv/bin/pip install --require-hashes --only-binary :all: -r requirements.lock
COPY . .
# Editable, as `make` installs it: schemas and texts are read from beside the sources.
RUN /opt/venv/bin/pip install --no-deps --no-build-isolation --editable . \
    && /opt/venv/bin/python -m compileall -q bench schema resolvers domain jobs adapters server

FROM python:3.13-slim
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    KAMENG_HOST=0.0.0.0 KAMENG_ENVIRONMENT=production KAMENG_KEY_FILE=/var/lib/kameng/keys.json
# The key file lies on a volume of its own; the sources belong to root and cannot be changed.
# Chinese letters for posters in PNG.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends fonts-noto-cjk \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin kameng \
    && install -d -o kameng -g kameng -m 0700 /var/lib/kameng
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
USER kameng
VOLUME /var/lib/kameng
EXPOSE 8000
# For the API. compose.yaml turns it off for the processes that serve nothing.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD \
    ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('KAMENG_PORT', '8000') + '/healthz', timeout=2)"]
ENTRYPOINT ["kameng"]
CMD ["serve"]
