# One image for the service and the twin: `docker run IMAGE serve ...` or `docker run IMAGE twin ...`.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Native modules come as prebuilt binaries, so no install script has to run; Node is the image's own.
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE /app/NOTICE ./
COPY --from=build /app/bin bin
COPY --from=build /app/dist dist
COPY --from=build /app/proto proto
COPY --from=build /app/docs docs
COPY --from=build /app/node_modules node_modules
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
ENTRYPOINT ["node", "bin/thermoloop.js"]
CMD ["--help"]
