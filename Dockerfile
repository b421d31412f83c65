FROM python:3.12-slim AS build

RUN python -m venv /opt/macaronic
ENV PATH=/opt/macaronic/bin:$PATH
WORKDIR /source
COPY . .
RUN pip install --no-cache-dir --constraint constraints.txt '.[serve]'


FROM python:3.12-slim

RUN useradd --create-home --uid 10001 macaronic
COPY --from=build /opt/macaronic /opt/macaronic
ENV PATH=/opt/macaronic/bin:$PATH \
    PYTHONUNBUFFERED=1
USER macaronic
WORKDIR /home/macaronic
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["macaronic"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
