# The dashboard's image: `python -m app` by default, `python -m app.worker` for a worker (compose.yaml).
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore

# A fresh named volume takes over the owner of the folder that it is mounted on.
RUN useradd --create-home --uid 1000 feedback \
 && mkdir /data /state \
 && chown feedback:feedback /data /state

WORKDIR /srv/feedback-alignment

# cuda: torch with its CUDA libraries, several GB
ARG TORCH=cpu
COPY requirements.txt requirements.lock constraints.txt ./
COPY scripts/install_torch.py scripts/
RUN pip install --disable-pip-version-check --quiet --no-deps --require-hashes -r requirements.lock \
 && python scripts/install_torch.py \
 && pip install --disable-pip-version-check --quiet -r requirements.txt

COPY fa_engine fa_engine
COPY assets assets
COPY app app
COPY scripts/check_worker.py scripts/

USER 1000
# FA_HOST: inside the container only; compose.yaml publishes the port on 127.0.0.1. By itself the
# server makes tokens for one start like that, and shows them: set FA_CONTROL_TOKEN, or FA_OPEN=yes
# as compose.yaml has it.
ENV FA_HOST=0.0.0.0 \
    FA_PORT=8050 \
    FA_DATA_DIR=/data \
    FA_STATE_DIR=/state
VOLUME ["/data", "/state"]
EXPOSE 8050

HEALTHCHECK --interval=5s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os; from http.client import HTTPConnection as C; c = C('127.0.0.1', int(os.environ['FA_PORT']), timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]

# One process, because the live streams of a run share what is read for them.
CMD ["python", "-m", "app"]
