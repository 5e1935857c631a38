# syntax=docker/dockerfile:1
# From the repository: docker build -t entrecore-auth .
# From its parent:     docker build -t entrecore-auth -f <folder>/Dockerfile --build-arg SOURCE=<folder> .

FROM node:26-bookworm-slim AS build
ARG SOURCE=.
WORKDIR /app
COPY ${SOURCE}/package.json ${SOURCE}/package-lock.json ${SOURCE}/.npmrc ./
RUN npm ci --omit=dev
# The image brings its own Node.js 26, so the pinned copy for machines without one stays out.
RUN rm -rf node_modules/node-linux-* node_modules/.bin/node
COPY ${SOURCE}/src ./src
COPY ${SOURCE}/migrations ./migrations
COPY ${SOURCE}/LICENSE ./
RUN find src -name '*.test.ts' -delete
# Compiled code for every module of the service, so that a start parses nothing. Node.js names the folder after the user, so
# it is made by the user of the image, who may then read it, and not change what it runs.
RUN install --directory --owner=10001 --group=10001 .compile-cache
USER 10001:10001
RUN NODE_COMPILE_CACHE=/app/.compile-cache node --max-semi-space-size=4 --v8-pool-size=2 --import ./src/platform/process-guard.mjs src/warm.ts
USER root
RUN chmod -R a+rX .compile-cache

FROM node:26-bookworm-slim
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn-* \
  && groupadd --system --gid 10001 entrecore \
  && useradd --system --uid 10001 --gid entrecore --no-create-home --shell /usr/sbin/nologin entrecore \
  && install --directory --owner=entrecore --group=entrecore --mode=0700 /data
COPY --from=build /app /app
WORKDIR /app
ENV NODE_ENV=production \
    NODE_COMPILE_CACHE=/app/.compile-cache \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATA_DIR=/data
USER entrecore
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
# By HTTP, or by HTTPS where TLS_CERT_FILE is set.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "src/probe.ts"]
# node itself, since npm does not pass SIGTERM on. A small young generation, as nearly all garbage is a request's. With
# 4 MiB, collecting it costs a refresh 4 µs; 2 MiB would double that and save 4 MiB of memory, 8 MiB would halve it and take 5 more.
CMD ["node", "--max-semi-space-size=4", "--v8-pool-size=2", "--import", "./src/platform/process-guard.mjs", "src/main.ts"]
