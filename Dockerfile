# syntax=docker/dockerfile:1

# One image for both stages: V8 takes compiled code only from the very version that made it. Before a production
# deployment pin it by digest too (docker buildx imagetools inspect node:24.21.0-bookworm-slim).
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY scripts/build.ts scripts/build.ts
COPY src src
# The same path as below, since compiled code is found by the path of its source.
RUN node scripts/build.ts --compile-cache /app/compile-cache

FROM ${NODE_IMAGE}
# The service is one program: nothing in this image needs a package manager.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn-*
WORKDIR /app
COPY --from=build --chown=root:root /app/dist dist
COPY --from=build --chown=root:root /app/compile-cache compile-cache
COPY LICENSE ./
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/compile-cache
# It owns no file here and writes none.
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
CMD ["node", "--enable-source-maps", "dist/main.js"]
