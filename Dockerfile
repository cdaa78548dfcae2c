FROM node:22-slim AS base
# Prisma would download a binary at install that is never started; with one named it does not.
ENV PRISMA_SCHEMA_ENGINE_BINARY=/usr/local/bin/node
WORKDIR /lifeline

FROM base AS build
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npm run build

FROM base
ENV NODE_ENV=production \
    LIFELINE_DATA_DIR=/var/lib/lifeline
COPY package.json package-lock.json ./
RUN npm ci --omit=dev && npm cache clean --force
COPY --from=build /lifeline/dist dist
COPY bin bin
COPY prisma prisma
# Used only without DATABASE_URL: the data of the embedded PostgreSQL, which refuses to run as root.
RUN mkdir "$LIFELINE_DATA_DIR" && chown node:node "$LIFELINE_DATA_DIR"
VOLUME /var/lib/lifeline
USER node
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --start-interval=1s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 4000}/health/ready`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Not through npm, which does not pass signals on reliably: SIGTERM has to reach the server for an orderly end.
CMD ["node", "--enable-source-maps", "--max-semi-space-size=64", "dist/main.js"]
